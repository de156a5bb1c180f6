"""Runs by time that are about partitions."""

from datetime import timedelta, tzinfo

from tradewind.core.spec import TimetableSpec
from tradewind.sdk.timetables.trigger import CronTriggerTimetable


class CronPartitionTimetable(CronTriggerTimetable, built_in=True):
    """A run at each moment of the cron; its partition key is the moment `run_offset` steps of the cron later, written
    in `key_format`. Raises ValueError for an offset that is not a number of steps."""

    partitioned = True

    def __init__(
        self,
        cron: str,
        *,
        timezone: str | tzinfo,
        run_offset: int | None = None,
        run_immediately: bool | timedelta | None = False,
        key_format: str = "%Y-%m-%dT%H:%M:%S",
    ) -> None:
        super().__init__(cron, timezone, run_immediately=run_immediately)
        if run_offset is not None and not isinstance(run_offset, int):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            raise ValueError("Run offset other than integer not supported yet.")
        self.run_offset, self.key_format = run_offset or 0, key_format

    def spec(self) -> TimetableSpec | None:
        """Expression, zone, offset and format."""
        of_partitions: dict[str, object] = {"run_offset": self.run_offset, "key_format": self.key_format}
        return TimetableSpec(kind="cron_partition", data={**self.cron_data(), **self.run_data(), **of_partitions})
