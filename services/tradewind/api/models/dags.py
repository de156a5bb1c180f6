"""DAGs."""

from datetime import datetime, timedelta
from uuid import UUID

from pydantic import Field, computed_field

from tradewind.api.models.base import ApiModel, DagRunTypeName, StrictBody


class DagTagResponse(ApiModel):
    """One tag of a DAG."""

    name: str
    dag_id: str
    dag_display_name: str


class DagVersionResponse(ApiModel):
    """One version of a DAG's structure."""

    id: UUID
    version_number: int
    dag_id: str
    bundle_name: str | None
    bundle_version: str | None
    created_at: datetime
    dag_display_name: str
    bundle_url: str | None = None


class DAGResponse(ApiModel):
    """A DAG as it was last parsed."""

    dag_id: str
    dag_display_name: str
    is_paused: bool
    is_stale: bool
    last_parsed_time: datetime | None
    last_parse_duration: float | None = None
    last_expired: datetime | None
    bundle_name: str | None
    bundle_version: str | None
    relative_fileloc: str | None
    fileloc: str
    description: str | None
    timetable_summary: str | None
    timetable_description: str | None
    timetable_partitioned: bool
    timetable_periodic: bool
    tags: list[DagTagResponse]
    max_active_tasks: int
    max_active_runs: int | None
    max_consecutive_failed_dag_runs: int
    has_task_concurrency_limits: bool
    has_import_errors: bool
    next_dagrun_logical_date: datetime | None
    next_dagrun_data_interval_start: datetime | None
    next_dagrun_data_interval_end: datetime | None
    next_dagrun_run_after: datetime | None
    allowed_run_types: list[DagRunTypeName] | None
    owners: list[str]
    file_token: str

    @computed_field
    @property
    def is_backfillable(self) -> bool:
        """A schedule with a period can be run for the past, unless the DAG allows no such runs."""
        return self.timetable_periodic and (self.allowed_run_types is None or "backfill" in self.allowed_run_types)


class DAGDetailsResponse(DAGResponse):
    """A DAG with what its author wrote down."""

    catchup: bool
    dag_run_timeout: timedelta | None
    asset_expression: dict[str, object] | None = None
    doc_md: str | None
    start_date: datetime | None
    end_date: datetime | None
    is_paused_upon_creation: bool | None
    params: dict[str, object] | None
    render_template_as_native_obj: bool
    template_search_path: list[str] | None = None
    timezone: str | None
    last_parsed: datetime | None
    default_args: dict[str, object] | None = None
    rerun_with_latest_version: bool | None = None
    owner_links: dict[str, str] | None = None
    is_favorite: bool = False
    active_runs_count: int = 0
    latest_dag_version: DagVersionResponse | None

    @computed_field
    @property
    def concurrency(self) -> int:
        """The older name of `max_active_tasks`."""
        return self.max_active_tasks


class DAGCollectionResponse(ApiModel):
    """A page of DAGs."""

    dags: list[DAGResponse]
    total_entries: int


class DAGPatchBody(StrictBody):
    """What may be changed of a DAG."""

    is_paused: bool = Field(description="A paused DAG starts no runs and no tasks; what runs goes on.")
