"""Airflow's `timetables.simple`: by hand, once, again and again."""

from tradewind.core.spec import TimetableSpec
from tradewind.sdk.timetables.built_in import BuiltInTimetable


class NullTimetable(BuiltInTimetable, built_in=True):
    """No runs are made by time: `schedule=None`."""

    description = "Never, external triggers only"
    can_be_scheduled = False
    periodic = False

    @property
    def summary(self) -> str | None:
        """None: there is no schedule."""
        return None

    def spec(self) -> TimetableSpec | None:
        """None."""
        return None


class OnceTimetable(BuiltInTimetable, built_in=True):
    """One run: `schedule="@once"`."""

    description = "Once, as soon as possible"
    periodic = False

    @property
    def summary(self) -> str | None:
        """`@once`."""
        return "@once"

    def spec(self) -> TimetableSpec | None:
        """Without data."""
        return TimetableSpec(kind="once")


class ContinuousTimetable(BuiltInTimetable, built_in=True):
    """The next run as soon as the last one has ended: `schedule="@continuous"`."""

    description = "As frequently as possible, but only one run at a time."
    periodic = False
    active_runs_limit = 1

    @property
    def summary(self) -> str | None:
        """`@continuous`."""
        return "@continuous"

    def spec(self) -> TimetableSpec | None:
        """Without data."""
        return TimetableSpec(kind="continuous")
