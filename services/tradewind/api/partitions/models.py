"""Which runs are to be of no partition any more."""

from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from tradewind.api.models.base import ApiModel, StrictBody


class ClearPartitionsBody(StrictBody):
    """Runs, selected by one of: their id, a partition key, dates of partitions (one without a zone is of the DAG's;
    both ends are included)."""

    run_id: str | None = None
    partition_key: str | None = None
    partition_date_start: datetime | None = None
    partition_date_end: datetime | None = None
    clear_task_instances: bool = Field(default=False, description="Have their tasks run again, too.")
    dry_run: bool = Field(default=True, description="Only count what would be changed.")

    @model_validator(mode="after")
    def _selects_in_one_way(self) -> Self:
        first, last = self.partition_date_start, self.partition_date_end
        if (self.run_id is not None, self.partition_key is not None, bool(first or last)).count(True) != 1:
            raise ValueError("give exactly one of run_id, partition_key, or partition_date_start and _end")
        if first and last and first.replace(tzinfo=None) > last.replace(tzinfo=None):
            raise ValueError("partition_date_end lies before partition_date_start")
        return self


class ClearPartitionsResponse(ApiModel):
    """What was changed, or would be."""

    dag_runs_cleared: int
    """Runs that were of a partition."""
    task_instances_cleared: int
    dry_run: bool
