"""Backfills."""

from datetime import datetime
from typing import Any

from pydantic import Field

from tradewind.api.models.base import ApiModel, StrictBody
from tradewind.core.backfills import ReprocessBehavior


class BackfillPostBody(StrictBody):
    """A backfill that is asked for; both dates are inclusive logical dates."""

    dag_id: str
    from_date: datetime
    to_date: datetime
    run_backwards: bool = False
    dag_run_conf: dict[str, Any] | None = None
    reprocess_behavior: ReprocessBehavior = ReprocessBehavior.NONE
    max_active_runs: int = 10
    run_on_latest_version: bool | None = Field(
        default=None,
        description="Whether runs that are processed again move to the DAG's latest version; by default as the DAG's "
        "`rerun_with_latest_version` says, and true without that.",
    )


class BackfillResponse(ApiModel):
    """A backfill."""

    id: int = Field(ge=0)
    dag_id: str
    from_date: datetime
    to_date: datetime
    dag_run_conf: dict[str, Any] | None
    is_paused: bool
    reprocess_behavior: ReprocessBehavior
    max_active_runs: int
    created_at: datetime
    completed_at: datetime | None
    updated_at: datetime
    dag_display_name: str


class BackfillCollectionResponse(ApiModel):
    """A page of backfills."""

    backfills: list[BackfillResponse]
    total_entries: int


class DryRunBackfillResponse(ApiModel):
    """A date that would get a run."""

    logical_date: datetime | None
    partition_key: str | None = None
    partition_date: datetime | None = None


class DryRunBackfillCollectionResponse(ApiModel):
    """All such dates."""

    backfills: list[DryRunBackfillResponse]
    total_entries: int
