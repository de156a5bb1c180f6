"""`macros` in templates: modules and functions for dates."""

import json
import time
import uuid
from datetime import datetime, timedelta
from importlib import import_module
from random import random
from typing import Any, cast

import dateutil

__all__ = [
    "datetime",
    "datetime_diff_for_humans",
    "dateutil",
    "ds_add",
    "ds_format",
    "ds_format_locale",
    "json",
    "random",
    "time",
    "timedelta",
    "uuid",
]


def ds_add(ds: str, days: int) -> str:
    """A date as `YYYY-MM-DD`, so many days later (earlier if negative)."""
    return (datetime.strptime(str(ds), "%Y-%m-%d") + timedelta(days=days)).strftime("%Y-%m-%d")  # noqa: DTZ007 - a date


def ds_format(ds: str, input_format: str, output_format: str) -> str:
    """A date's text in another `strftime` format."""
    return datetime.strptime(str(ds), input_format).strftime(output_format)  # noqa: DTZ007 - a date


def ds_format_locale(ds: str, input_format: str, output_format: str, locale: Any = None) -> str:
    """A date from one format into one of Babel's, in words of a language: `"12/07/2024"`, `"%d/%m/%Y"`,
    `"EEEE dd MMMM yyyy"` → `Friday 12 July 2024`. Needs the package Babel; without `locale` it is that of the
    environment, or `en_US`."""
    babel: Any = import_module("babel")
    dates: Any = import_module("babel.dates")
    moment = datetime.strptime(str(ds), input_format)  # noqa: DTZ007 - a date, whatever the zone
    language = locale or dates.LC_TIME or babel.Locale("en_US")
    return str(dates.format_datetime(moment, format=output_format, locale=language))


def datetime_diff_for_humans(dt: Any, since: Any = None) -> str:
    """The time between two moments (or one and now), in words."""
    import pendulum

    return str(cast("Any", pendulum).instance(dt).diff_for_humans(since))
