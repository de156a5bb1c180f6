"""What people ask of runs and task instances: bodies of the requests, and answers that nothing else gives."""

from datetime import datetime
from typing import Annotated, Any, Final, Generic, Literal, Self, TypeVar

from pydantic import AwareDatetime, Field, field_validator, model_validator

from tradewind.api.models.base import ApiModel, StrictBody, TaskInstanceStateName
from tradewind.api.models.dag_runs import DAGRunCollectionResponse, DAGRunResponse
from tradewind.api.models.dags import DagVersionResponse
from tradewind.api.models.queries import Integer
from tradewind.api.models.task_instances import TaskInstanceResponse

Note = Annotated[str, Field(max_length=1000)]
MARKS: Final = ("success", "failed", "skipped")
RunMarkName = Literal["queued", "success", "failed"]
OnNonExistence = Literal["fail", "skip"]


class ClearTaskInstancesBody(StrictBody):
    """Which task instances are to run again. `task_ids` holds task ids and `[task_id, map_index]` pairs."""

    dry_run: bool = True
    start_date: AwareDatetime | None = None
    end_date: AwareDatetime | None = None
    only_failed: bool = True
    only_running: bool = False
    reset_dag_runs: bool = True
    task_ids: list[str | tuple[str, Integer]] | None = Field(default=None, min_length=1)
    dag_run_id: str | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False
    run_on_latest_version: bool | None = None
    prevent_running_task: bool = False
    note: Note | None = None

    @model_validator(mode="after")
    def _asks_for_one_thing(self) -> Self:
        given = self.model_fields_set
        if self.only_running and self.only_failed and "only_failed" in given:
            raise ValueError("only_failed and only_running cannot both be true")
        if self.start_date and self.end_date and self.start_date > self.end_date:
            raise ValueError("end_date lies before start_date")
        if self.dag_run_id is not None and (self.start_date or self.end_date):
            raise ValueError("give a dag_run_id, or start_date and end_date, not both")
        return self


class PatchTaskInstanceBody(StrictBody):
    """How a task instance ended, says a person."""

    new_state: TaskInstanceStateName | None = None
    note: Note | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False

    @field_validator("new_state", mode="before")
    @classmethod
    def _is_a_mark(cls, value: object) -> object:
        name = value.lower() if isinstance(value, str) else value
        if name not in MARKS:
            raise ValueError(f"new_state must be one of {', '.join(MARKS)}, not {value!r}")
        return name


class BulkTaskInstanceBody(PatchTaskInstanceBody):
    """One of many task instances; what is not given comes from the path, and no map_index means all."""

    task_id: str
    map_index: Integer | None = None
    dag_id: str | None = None
    dag_run_id: str | None = None


class DAGRunPatchBody(StrictBody):
    """How a run ended, says a person; or that it is to start again."""

    state: RunMarkName | None = None
    note: Note | None = None


class BulkDAGRunBody(DAGRunPatchBody):
    """One of many runs."""

    dag_run_id: str
    dag_id: str | None = None


class DAGRunClearBody(StrictBody):
    """A run that is to run again, as a whole or what failed of it."""

    dry_run: bool = True
    only_failed: bool = False
    only_new: bool = False
    run_on_latest_version: bool | None = None
    note: Note | None = None

    @model_validator(mode="after")
    def _asks_for_one_thing(self) -> Self:
        if self.only_new and self.only_failed:
            raise ValueError("only_new and only_failed cannot both be true")
        return self


class BulkDAGRunClearBody(DAGRunClearBody):
    """Runs that are to run again: by their names, by a partition key, or by dates of partitions (a date without a
    zone is of the DAG's)."""

    dag_runs: list[BulkDAGRunBody] = Field(default_factory=list[BulkDAGRunBody])
    partition_key: str | None = None
    partition_date_start: datetime | None = None
    partition_date_end: datetime | None = None

    @model_validator(mode="after")
    def _selects_in_one_way(self) -> Self:
        first, last = self.partition_date_start, self.partition_date_end
        if (bool(self.dag_runs), self.partition_key is not None, bool(first or last)).count(True) != 1:
            raise ValueError("give exactly one of dag_runs, partition_key, or partition_date_start and _end")
        if first and last and first.replace(tzinfo=None) > last.replace(tzinfo=None):
            raise ValueError("partition_date_end lies before partition_date_start")
        return self


class NewTaskResponse(ApiModel):
    """A task that the run does not have yet."""

    task_id: str
    task_display_name: str


class ClearTaskInstanceCollectionResponse(ApiModel):
    """What clearing a run would mean."""

    task_instances: list[TaskInstanceResponse | NewTaskResponse]
    total_entries: int


ClearedRun = ClearTaskInstanceCollectionResponse | DAGRunResponse
ClearedRuns = ClearTaskInstanceCollectionResponse | DAGRunCollectionResponse


class DAGVersionCollectionResponse(ApiModel):
    """A page of versions."""

    dag_versions: list[DagVersionResponse]
    total_entries: int


EntityT = TypeVar("EntityT", bound=StrictBody)


class BulkCreateAction(StrictBody, Generic[EntityT]):
    """Not possible for what there is here; answered with an error."""

    action: Literal["create"]
    entities: list[EntityT]
    action_on_existence: Literal["fail", "skip", "overwrite"] = "fail"


class BulkUpdateAction(StrictBody, Generic[EntityT]):
    """Each as by its own PATCH."""

    action: Literal["update"]
    entities: list[EntityT]
    update_mask: list[str] | None = None
    action_on_non_existence: OnNonExistence = "fail"


class BulkDeleteAction(StrictBody, Generic[EntityT]):
    """Each as by its own DELETE; a plain string is the id."""

    action: Literal["delete"]
    entities: list[str | EntityT]
    action_on_non_existence: OnNonExistence = "fail"


class BulkBody(StrictBody, Generic[EntityT]):
    """Several actions, done in order."""

    actions: list[BulkCreateAction[EntityT] | BulkUpdateAction[EntityT] | BulkDeleteAction[EntityT]]


class BulkActionResponse(ApiModel):
    """What became of each: keys that succeeded, errors of the others."""

    success: list[str] = Field(default_factory=list[str])
    errors: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])


class BulkResponse(ApiModel):
    """One entry per kind of action that was asked for."""

    create: BulkActionResponse | None = None
    update: BulkActionResponse | None = None
    delete: BulkActionResponse | None = None
