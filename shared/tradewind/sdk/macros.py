"""`macros` in templates: modules and functions for dates."""

import json
import time
import uuid
from datetime import datetime, timedelta
from random import random
from typing import Any, cast

import dateutil

__all__ = [
    "datetime",
    "datetime_diff_for_humans",
    "dateutil",
    "ds_add",
    "ds_format",
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


def datetime_diff_for_humans(dt: Any, since: Any = None) -> str:
    """The time between two moments (or one and now), in words."""
    import pendulum

    return str(cast("Any", pendulum).instance(dt).diff_for_humans(since))
