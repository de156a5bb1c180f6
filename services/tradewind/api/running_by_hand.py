"""How a person has one task instance run, from the request to the message for the dispatchers.

What is around the run is read first, and the dependencies are asked under the run's lock with it: a state that changes
meanwhile is seen, and slots are taken by count there.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from tradewind.api.dag_specs import VersionKey
from tradewind.api.errors import Conflicting, Unprocessable
from tradewind.api.explaining import circumstances, of_plan, position_of
from tradewind.api.models.by_hand import RunTaskInstanceBody
from tradewind.api.state import ApiState
from tradewind.bus.dispatching import QueuedAttempt, queued_message
from tradewind.core.by_hand.dependencies import as_asked
from tradewind.core.by_hand.flags import RunByHand
from tradewind.core.by_hand.listeners import unserved_queue
from tradewind.core.by_hand.queueing import hand_limit, queue_by_hand
from tradewind.core.by_hand.values import DependenciesNotMet, HandOrder, HandQueueing, NoRoom
from tradewind.core.errors import NotFound
from tradewind.core.executors import ConfiguredExecutors, ExecutorName, configured_executors
from tradewind.core.explain.airflow import Dependency
from tradewind.core.explain.values import Circumstances
from tradewind.core.plan import DagPlan
from tradewind.core.rows import LoadedRun, TaskInstanceId
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.db.api import explain as queries
from tradewind.db.postgres.by_hand import PostgresHandStore
from tradewind.service.logging import get_logger
from tradewind.wire.messages import QueuedTaskInstance


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedByHand:
    """What was queued, the executor that gets it, and the message that says so."""

    executor: str
    queueing: HandQueueing
    message: QueuedTaskInstance


async def run_by_hand(
    state: ApiState, dag_id: str, run_id: str, task_id: str, map_index: int, body: RunTaskInstanceBody, username: str
) -> QueuedByHand:
    """Queue the task instance now. Raises `NotFound`, `Unprocessable` for an executor that there is none of, and
    `Conflicting` naming what stands against it."""
    read = await queries.load_run(state["database"], dag_id, run_id, state["clock"]())
    if read is None:
        raise NotFound(f"The run {run_id!r} of the DAG {dag_id!r} was not found")
    found, loaded = read
    flags = _flags(body)
    plan = DagPlan(_as_wanted(await state["dag_specs"].get(VersionKey.of_row(found.row)), task_id, flags))
    id_ = TaskInstanceId(found.run.id, task_id, map_index)
    snapshot = RunSnapshot(as_asked(of_plan(loaded, plan), id_, flags), plan)
    position = position_of(snapshot, id_)
    executor = _executor_of(_executors(state), snapshot.task(position))
    seen = await circumstances(state, snapshot, position, found)
    order = HandOrder(
        id=id_,
        attempt_id=body.attempt_id or state["new_id"](),
        flags=flags,
        unmet=_unserved(executor, flags, seen),
    )
    queueing = await _queue(state, plan, order, seen, found.run.dag_version_id)
    by_hand = QueuedByHand(
        executor=executor.name,
        queueing=queueing,
        message=_message(snapshot, position, queueing),
    )
    if not queueing.is_replay:
        state["announcer"].attempt_queued(by_hand.message)
        state["announcer"].dag_runs_revised([id_.dag_run_id])
        _log(by_hand, username)
    return by_hand


async def _queue(
    state: ApiState, plan: DagPlan, order: HandOrder, seen: Circumstances, dag_version_id: UUID
) -> HandQueueing:
    now = state["clock"]()

    def rule(loaded: LoadedRun | None) -> HandQueueing:
        if loaded is None or loaded.run.dag_version_id != dag_version_id:
            raise Conflicting("The run was deleted, or moved to another version of its DAG, meanwhile")
        return queue_by_hand(of_plan(loaded, plan), plan, order, seen, now)

    limited = hand_limit(plan, order)
    try:
        return await PostgresHandStore(state["database"]).queue_by_hand(order.id.dag_run_id, limited, rule, now)
    except (DependenciesNotMet, NoRoom) as exc:
        unmet = [{"name": each.name, "reason": each.reason} for each in exc.unmet]
        raise Conflicting({"message": f"Dependencies are not met: {exc}", "dependencies": unmet}) from exc


def _flags(body: RunTaskInstanceBody) -> RunByHand:
    return RunByHand(**body.model_dump(exclude={"attempt_id"}))


def _executors(state: ApiState) -> ConfiguredExecutors:
    core = state["settings"].core
    return configured_executors(core.executor, core.executor_queues)


def _executor_of(executors: ConfiguredExecutors, task: TaskSpec) -> ExecutorName:
    """The one that takes the task; raises `Unprocessable` if it names one that there is none of."""
    chosen = executors.choose(task.executor, task.queue)
    if chosen is None:
        raise Unprocessable(f"There is no executor {task.executor!r}: TRADEWIND__CORE__EXECUTOR has {executors.listed}")
    return chosen


def _unserved(executor: ExecutorName, flags: RunByHand, seen: Circumstances) -> tuple[Dependency, ...]:
    """A queue that a person names had better be listened to; the task's own may wait for workers to come."""
    unmet = None if flags.queue is None else unserved_queue(executor, flags.queue, seen.workers)
    return () if unmet is None else (unmet,)


def _as_wanted(spec: DagSpec, task_id: str, flags: RunByHand) -> DagSpec:
    """The DAG with the pool, queue and executor that are asked for."""
    tasks = [
        replace(
            task,
            pool=flags.pool or task.pool,
            queue=flags.queue or task.queue,
            executor=flags.executor or task.executor,
        )
        if task.task_id == task_id
        else task
        for task in spec.tasks
    ]
    return replace(spec, tasks=tuple(tasks))


def _message(snapshot: RunSnapshot, position: int, queueing: HandQueueing) -> QueuedTaskInstance:
    return queued_message(
        QueuedAttempt(
            run=snapshot.run,
            task=snapshot.task(position),
            map_index=queueing.id.map_index,
            try_number=queueing.try_number,
            attempt_id=queueing.attempt_id,
            priority=snapshot.priority(position),
            relative_fileloc=snapshot.plan.spec.relative_fileloc,
            by_hand=queueing.flags,
        )
    )


def _log(queued: QueuedByHand, username: str) -> None:
    key, queueing = queued.message.ti.key, queued.queueing
    get_logger().info(
        "task_instance.queued_by_hand",
        dag_id=key.dag_id,
        run_id=key.run_id,
        task_id=key.task_id,
        map_index=key.map_index,
        attempt_id=str(queueing.attempt_id),
        user=username,
        ignored=[each.name for each in queueing.ignored],
    )
