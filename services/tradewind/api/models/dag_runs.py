"""DAG runs."""

from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, model_validator

from tradewind.api.models.base import ApiModel, DagRunStateName, DagRunTypeName, StrictBody, TriggeredByName
from tradewind.api.models.dags import DagVersionResponse


class DAGRunResponse(ApiModel):
    """One run of a DAG."""

    dag_run_id: str
    dag_id: str
    logical_date: datetime | None
    queued_at: datetime | None
    start_date: datetime | None
    end_date: datetime | None
    duration: float | None
    """Seconds from start to end."""
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    last_scheduling_decision: datetime | None
    run_type: DagRunTypeName
    state: DagRunStateName
    triggered_by: TriggeredByName | None
    triggering_user_name: str | None
    conf: dict[str, object] | None
    note: str | None
    dag_versions: list[DagVersionResponse]
    bundle_version: str | None
    dag_display_name: str
    partition_key: str | None = None
    partition_date: datetime | None = None


class DAGRunCollectionResponse(ApiModel):
    """A page of runs; the cursors are null under offset pagination."""

    dag_runs: list[DAGRunResponse]
    total_entries: int | None = None
    total_entries_limit: int | None = None
    next_cursor: str | None = None
    previous_cursor: str | None = None


class TriggerDAGRunPostBody(StrictBody):
    """A run to create. `logical_date` may be given, null, or left out."""

    dag_run_id: str | None = None
    data_interval_start: AwareDatetime | None = None
    data_interval_end: AwareDatetime | None = None
    logical_date: AwareDatetime | None = None
    run_after: datetime | None = None
    conf: dict[str, object] | None = None
    note: str | None = None
    partition_key: str | None = None

    @model_validator(mode="after")
    def _has_both_ends_of_its_interval(self) -> Self:
        if (self.data_interval_start is None) != (self.data_interval_end is None):
            raise ValueError("data_interval_start and data_interval_end go together: give both of them, or neither")
        return self
