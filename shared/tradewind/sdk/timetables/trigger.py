"""Airflow's `timetables.trigger`: runs at moments."""

from datetime import timedelta, tzinfo
from functools import cached_property
from typing import TYPE_CHECKING

from tradewind.core.spec import TimetableSpec
from tradewind.sdk.timetables.built_in import BuiltInTimetable, delta_as_json
from tradewind.sdk.timetables.interval import CronTimetable, DeltaTimetable

if TYPE_CHECKING:
    from dateutil.relativedelta import relativedelta


class CronTriggerTimetable(CronTimetable, built_in=True):
    """A run at each moment of the cron. `interval` is how long its data interval is; `run_immediately` whether the
    first run of a DAG without a start date is that of the moment just gone."""

    def __init__(
        self,
        cron: str,
        timezone: str | tzinfo = "UTC",
        *,
        interval: "timedelta | relativedelta" = timedelta(0),
        run_immediately: bool | timedelta | None = False,
    ) -> None:
        super().__init__(cron, timezone)
        self.interval = self._interval = interval
        self.run_immediately = self._run_immediately = run_immediately

    def spec(self) -> TimetableSpec | None:
        """Expression, zone and what is said of the runs."""
        return TimetableSpec(kind="cron_trigger", data={**self.cron_data(), **self.run_data()})

    def run_data(self) -> dict[str, object]:
        """What is said of the runs."""
        immediately = self.run_immediately
        seconds = immediately.total_seconds() if isinstance(immediately, timedelta) else immediately
        return {"interval": delta_as_json(self.interval), "run_immediately": seconds}


class DeltaTriggerTimetable(DeltaTimetable, built_in=True):
    """A run each time that this much has passed."""

    def __init__(
        self, delta: "timedelta | relativedelta", *, interval: "timedelta | relativedelta" = timedelta(0)
    ) -> None:
        super().__init__(delta)
        self.interval = self._interval = interval

    def spec(self) -> TimetableSpec | None:
        """The length, and that of the data intervals."""
        data: dict[str, object] = {"delta": delta_as_json(self.delta), "interval": delta_as_json(self.interval)}
        return TimetableSpec(kind="delta_trigger", data=data)


class MultipleCronTriggerTimetable(BuiltInTimetable, built_in=True):
    """A run at each moment of any of the crons. Raises ValueError without one."""

    def __init__(
        self,
        *crons: str,
        timezone: str | tzinfo,
        interval: "timedelta | relativedelta" = timedelta(0),
        run_immediately: bool | timedelta | None = False,
    ) -> None:
        if not crons:
            raise ValueError("MultipleCronTriggerTimetable needs at least one cron expression")
        self.timetables = [
            CronTriggerTimetable(cron, timezone, interval=interval, run_immediately=run_immediately) for cron in crons
        ]

    @cached_property
    def description(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] - said when it is asked for
        """The expressions in words."""
        return ", ".join(each.description for each in self.timetables)

    @property
    def summary(self) -> str | None:
        """The expressions."""
        return ", ".join(each.expression for each in self.timetables)

    def validate(self) -> None:
        """Raises AirflowTimetableInvalid for a wrong expression or zone."""
        for each in self.timetables:
            each.validate()

    def spec(self) -> TimetableSpec | None:
        """All expressions, and what they share."""
        first = self.timetables[0]
        shared = {"timezone": first.cron_data()["timezone"], **first.run_data()}
        expressions = [each.expression for each in self.timetables]
        return TimetableSpec(kind="multiple_cron_trigger", data={"expressions": expressions, **shared})
