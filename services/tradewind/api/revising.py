"""Where a person's action on runs begins and ends: the runs that are meant with their versions, the change under lock,
and telling of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tradewind.api.dag_specs import VersionKey
from tradewind.api.errors import BadRequest
from tradewind.api.models.task_instances import TaskInstanceCollectionResponse
from tradewind.api.presenting import task_instance_response
from tradewind.api.routes.dags import existing_dag
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.core.revisions import RevisionRule
from tradewind.core.rows import LoadedRun, TaskInstanceId
from tradewind.core.spec import DagSpec
from tradewind.db.api import people as queries
from tradewind.db.api.dags import get_dag_specs
from tradewind.db.pool import Row
from tradewind.db.postgres.people import PostgresPeopleStore

RUNS_PER_TRANSACTION: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MeantRuns:
    """Runs of one DAG, and what their versions and the latest one say."""

    rows: Sequence[Row]
    specs: Mapping[UUID, DagSpec]
    latest_version_id: UUID

    @property
    def ids(self) -> list[int]:
        return [row["id"] for row in self.rows]

    @property
    def latest(self) -> DagSpec:
        return self.specs[self.latest_version_id]

    def spec_of(self, row: Row) -> DagSpec:
        """What the run's own version says."""
        return self.specs[row["dag_version_id"]]


async def one_run(state: ApiState, dag_id: str, run_id: str) -> MeantRuns:
    """Raises `NotFound`."""
    rows = await queries.find_dag_runs(state["database"], dag_id, run_id=run_id)
    if not rows:
        raise NotFound(f"The run {run_id!r} of the DAG {dag_id!r} was not found")
    return await _with_specs(state, dag_id, rows)


async def runs_between(state: ApiState, dag_id: str, since: datetime | None, until: datetime | None) -> MeantRuns:
    """Runs by logical date, both ends included, None = open. Raises `NotFound` for an unknown DAG."""
    return await _with_specs(
        state, dag_id, await queries.find_dag_runs(state["database"], dag_id, since=since, until=until)
    )


async def runs_around(state: ApiState, meant: MeantRuns, *, past: bool, future: bool) -> MeantRuns:
    """The run, with those before or after it. Raises `BadRequest` for one without a logical date."""
    (row,) = meant.rows
    if not past and not future:
        return meant
    date = row["logical_date"]
    if date is None:
        raise BadRequest(f"The run {row['run_id']!r} has no logical date: nothing lies before or after it")
    return await runs_between(state, meant.latest.dag_id, None if past else date, None if future else date)


async def _with_specs(state: ApiState, dag_id: str, rows: Sequence[Row]) -> MeantRuns:
    latest_version_id: UUID = (await existing_dag(state, dag_id))["version_id"]
    wanted = [*queries.version_ids(rows), latest_version_id]
    specs = await get_dag_specs(state["database"], list(dict.fromkeys(wanted)))
    return MeantRuns(rows=rows, specs=specs, latest_version_id=latest_version_id)


async def read_runs(state: ApiState, dag_run_ids: Sequence[int]) -> Sequence[LoadedRun]:
    """As they are now."""
    return await PostgresPeopleStore(state["database"]).read_dag_runs(dag_run_ids)


async def revise_runs(state: ApiState, dag_run_ids: Sequence[int], rule: RevisionRule) -> None:
    """Change the runs as the rule says, some at a time, and tell who has to know."""
    store = PostgresPeopleStore(state["database"])
    for first in range(0, len(dag_run_ids), RUNS_PER_TRANSACTION):
        some = dag_run_ids[first : first + RUNS_PER_TRANSACTION]
        state["announcer"].revised(await store.revise_dag_runs(some, rule, state["clock"]()))


async def shown(state: ApiState, ids: Sequence[TaskInstanceId]) -> TaskInstanceCollectionResponse:
    """These task instances as they are now."""
    rows = await queries.list_named_task_instances(state["database"], ids) if ids else ()
    tasks = await state["dag_specs"].tasks(map(VersionKey.of_row, rows))
    return TaskInstanceCollectionResponse(
        task_instances=[task_instance_response(row, tasks) for row in rows], total_entries=len(rows)
    )


def note_of(text: str | None) -> str | None:
    """An empty note is none."""
    return text or None
