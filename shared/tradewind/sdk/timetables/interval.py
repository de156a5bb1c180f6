"""Airflow's `timetables.interval`: runs about contiguous periods, each due when its period is over."""

from datetime import timedelta, tzinfo
from functools import cached_property
from typing import TYPE_CHECKING, Final

from tradewind.core.spec import TimetableSpec
from tradewind.sdk.timetables.built_in import (
    BuiltInTimetable,
    check_cron,
    check_positive,
    delta_as_json,
    zone_as_json,
)
from tradewind.sdk.timetables.cron_words import cron_in_words

if TYPE_CHECKING:
    from dateutil.relativedelta import relativedelta

PRESETS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}


class CronTimetable(BuiltInTimetable):
    """What timetables of one cron expression share."""

    def __init__(self, cron: str, timezone: str | tzinfo = "UTC") -> None:
        self.expression = self._expression = PRESETS.get(cron, cron)
        self.timezone = self._timezone = timezone

    @cached_property
    def description(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] - said when it is asked for
        """The expression in words."""
        return cron_in_words(self.expression)

    @property
    def summary(self) -> str | None:
        """The expression."""
        return self.expression

    def validate(self) -> None:
        """Raises AirflowTimetableInvalid for a wrong expression or zone."""
        check_cron(self.expression, PRESETS)
        zone_as_json(self.timezone)

    def cron_data(self) -> dict[str, object]:
        """Expression and zone."""
        return {"expression": self.expression, "timezone": zone_as_json(self.timezone)}


class DeltaTimetable(BuiltInTimetable):
    """What timetables of a length of time share."""

    def __init__(self, delta: "timedelta | relativedelta") -> None:
        self.delta = self._delta = delta

    @property
    def summary(self) -> str | None:
        """The length."""
        return str(self.delta)

    def validate(self) -> None:
        """Raises AirflowTimetableInvalid for one that does not lead forward."""
        check_positive(self.delta)


class CronDataIntervalTimetable(CronTimetable, built_in=True):
    """From one moment of the cron to the next."""

    def spec(self) -> TimetableSpec | None:
        """Expression and zone."""
        return TimetableSpec(kind="cron_data_interval", data=self.cron_data())


class DeltaDataIntervalTimetable(DeltaTimetable, built_in=True):
    """Periods of one length."""

    def spec(self) -> TimetableSpec | None:
        """The length."""
        return TimetableSpec(kind="delta_data_interval", data={"delta": delta_as_json(self.delta)})
