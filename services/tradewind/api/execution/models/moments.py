"""Moments that task processes give."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError("the moment is too near the end of the calendar") from exc


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""With its zone given; in UTC."""
