"""Reads a run and what is around it, and has the core explain one of its task instances."""

from dataclasses import replace
from typing import Final

from tradewind.api.access.rights import VisibleDags
from tradewind.api.dag_specs import VersionKey
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.core.executors import configured_executors
from tradewind.core.explain.explaining import explain
from tradewind.core.explain.values import Circumstances, Explanation, PoolHolders, PoolQueue
from tradewind.core.explain.view import WAITING_FOR_SLOTS
from tradewind.core.gates import Past, past_question
from tradewind.core.instances import UNMAPPED
from tradewind.core.rows import LoadedRun, TaskInstanceId, TaskInstanceRow
from tradewind.core.snapshot import DagPlan, RunSnapshot
from tradewind.core.spec import TaskSpec
from tradewind.core.states import TaskInstanceState
from tradewind.db.api import explain as queries
from tradewind.db.postgres.scheduler import PostgresSchedulerStore
from tradewind.db.specs import SpecCache

_NO_HOLDERS: Final = PoolHolders()
_NOBODY_WAITS: Final = PoolQueue()


async def explained(
    state: ApiState, visible: VisibleDags, dag_id: str, run_id: str, task_id: str, map_index: int
) -> tuple[TaskInstanceId, Explanation]:
    """Why the task instance waits, runs or ended; raises `NotFound`. A run that was not started yet has task instances
    too, as far as its DAG's version tells. Who holds slots is named if the DAG is `visible`, else only counted."""
    now = state["clock"]()
    read = await queries.load_run(state["database"], dag_id, run_id, now)
    if read is None:
        raise NotFound(f"The run {run_id!r} of the DAG {dag_id!r} was not found")
    found, loaded = read
    plan = DagPlan(await state["dag_specs"].get(VersionKey.of_row(found.row)))
    snapshot = RunSnapshot(of_plan(loaded, plan), plan)
    id_ = TaskInstanceId(found.run.id, task_id, map_index)
    position = position_of(snapshot, id_)
    seen = await circumstances(state, snapshot, position, found)
    named = tuple(holder for holder in seen.holders.most if visible.sees(holder.dag_id))
    seen = replace(seen, holders=replace(seen.holders, most=named))
    return id_, explain(snapshot, position, seen, now)


def of_plan(loaded: LoadedRun, plan: DagPlan) -> LoadedRun:
    """Without rows of tasks that the run's version does not have."""

    def is_known(row: TaskInstanceRow) -> bool:
        place = plan.positions.get(row.id.task_id)
        return place is not None and (row.id.map_index == UNMAPPED or plan.map_lengths[place] is not None)

    return LoadedRun(run=loaded.run, task_instances=tuple(filter(is_known, loaded.task_instances)))


def position_of(snapshot: RunSnapshot, id_: TaskInstanceId) -> int:
    """Where the task instance stands; raises `NotFound` saying what there is instead."""
    place, run = snapshot.plan.positions.get(id_.task_id), snapshot.run
    if place is None:
        raise NotFound(
            f"The task {id_.task_id!r} is not in the version of the DAG {run.dag_id!r} that the run {run.run_id!r} has"
        )
    position = snapshot.instances.find(place, id_.map_index)
    if position is not None:
        return position
    count = len(snapshot.instances.of(place))
    if snapshot.instances.is_expanded(place):
        raise NotFound(f"The task {id_.task_id!r} is mapped: its map_index is one of 0 to {count - 1}")
    raise NotFound(f"The task {id_.task_id!r} has no instance with map_index {id_.map_index} in the run {run.run_id!r}")


async def circumstances(state: ApiState, snapshot: RunSnapshot, position: int, found: queries.RunRead) -> Circumstances:
    """What is around the run, as far as it bears on the task instance."""
    database, now, task = state["database"], state["clock"](), snapshot.task(position)
    store = PostgresSchedulerStore(database, SpecCache())
    core = state["settings"].core
    executors = configured_executors(core.executor, core.executor_queues)
    attempt = await queries.get_attempt(database, snapshot.id(position), task.executor or "", now)
    chosen = executors.choose(attempt.executor, attempt.queue or task.queue)
    waits = snapshot.states[position] in WAITING_FOR_SLOTS
    is_ready = snapshot.states[position] is TaskInstanceState.SCHEDULED
    priority = snapshot.priority(position)
    return Circumstances(
        capacity=await store.load_capacity(),
        run=found.surroundings,
        scheduler=found.scheduler,
        past=await _past(store, snapshot, task) if waits else None,
        active_in_dag=await _active_in_dag(store, snapshot.run.dag_id, task) if waits else None,
        holders=await queries.get_pool_holders(database, task.pool) if waits else _NO_HOLDERS,
        queue=await queries.get_pool_queue(database, task.pool, snapshot.run, priority, now)
        if is_ready
        else _NOBODY_WAITS,
        attempt=attempt if chosen is None else replace(attempt, executor=chosen.class_name),
        executors=tuple(dict.fromkeys(name for each in executors.executors for name in (each.name, each.class_name))),
        workers=tuple(await queries.list_workers(database, now)),
    )


async def _past(store: PostgresSchedulerStore, snapshot: RunSnapshot, task: TaskSpec) -> Past | None:
    if not task.depends_on_past:
        return None
    [past] = await store.load_past([past_question(snapshot.run, snapshot.plan.spec, task)])
    return past


async def _active_in_dag(store: PostgresSchedulerStore, dag_id: str, task: TaskSpec) -> int | None:
    if task.max_active_tis_per_dag is None:
        return None
    [active] = await store.count_active([(dag_id, task.task_id)])
    return active
