"""Triggers that wait for a moment."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from tradewind.sdk import timezone
from tradewind.sdk.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

if TYPE_CHECKING:
    from pendulum import DateTime

LONGEST_SLEEP_SECONDS = 3600.0
"""A wall clock may be set while somebody sleeps: look again at least this often."""


def moment_of(target_time: object) -> datetime:
    """A datetime, or its ISO text, as an aware datetime in UTC; raises TypeError, or ValueError for another text."""
    if isinstance(target_time, datetime):
        return timezone.as_utc(target_time)
    if isinstance(target_time, str) and target_time:
        return timezone.parse(target_time).astimezone(UTC)
    raise TypeError(f"Expected str or datetime.datetime type for target_time. Got {type(target_time)}")


class DateTimeTrigger(BaseTrigger):
    """Fires once the moment, an aware datetime, has come, or `target_time`, a datetime or its ISO text.
    `end_from_trigger`: the task succeeds by that alone."""

    def __init__(
        self,
        moment: datetime | None = None,
        *,
        target_time: datetime | str | None = None,
        end_from_trigger: bool = False,
    ) -> None:
        super().__init__()
        if (moment is None) == (target_time is None):
            raise TypeError("DateTimeTrigger requires exactly one of 'moment' or 'target_time'")
        if moment is not None and not isinstance(moment, datetime):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            raise TypeError(f"Expected datetime.datetime type for moment. Got {type(moment)}")
        if moment is not None and moment.tzinfo is None:
            raise ValueError("You cannot pass naive datetimes")
        self.target_time, self.end_from_trigger = target_time, end_from_trigger
        self._moment = None if moment is None else moment.astimezone(UTC)

    @property
    def moment(self) -> "DateTime":
        """When it fires, as tasks are told; raises TypeError or ValueError for a target that is no date."""
        if self._moment is None:
            self._moment = moment_of(self.target_time)
        return cast("DateTime", timezone.coerce_datetime(self._moment))

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        when = {"target_time": self.target_time} if self._moment is None else {"moment": self._moment}
        classpath = "airflow.providers.standard.triggers.temporal.DateTimeTrigger"
        return classpath, {**when, "end_from_trigger": self.end_from_trigger}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep until then."""
        moment = cast("datetime", self.moment)
        while (left := (moment - timezone.utcnow()).total_seconds()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, LONGEST_SLEEP_SECONDS))
        yield TaskSuccessEvent() if self.end_from_trigger else TriggerEvent(self.moment)


class TimeDeltaTrigger(DateTimeTrigger):
    """Fires after a time, counted from now."""

    def __init__(self, delta: timedelta, *, end_from_trigger: bool = False) -> None:
        super().__init__(moment=timezone.utcnow() + delta, end_from_trigger=end_from_trigger)
