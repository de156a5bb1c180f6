"""The gates of room: what `core.slots` weighs before a ready task gets its slots."""

from collections.abc import Iterator

from tradewind.core.batches import lane_of
from tradewind.core.explain.order import parallelism_alone, pool_alone
from tradewind.core.explain.values import ExplainedGate, PlaceInOrder, PoolHolders, Stage
from tradewind.core.explain.view import View
from tradewind.core.explain.words import counted, instance, span
from tradewind.core.gates import task_limits
from tradewind.core.instances import UNMAPPED
from tradewind.core.rows import PoolCapacity
from tradewind.core.slots import Room


def slot_gates(view: View, order: PlaceInOrder | None) -> Iterator[ExplainedGate]:
    """In the order in which the scheduler weighs them. A task that does nothing needs no room."""
    if needs_no_slots(view):
        begins = "nothing of it runs on a worker" if view.task.is_empty else "it begins by waiting for its trigger"
        yield _gate("no_slots", f"{begins}: it needs no slots", is_open=True)
        return
    yield from room_gates(view)
    if order is not None:
        yield _turn(view, order)


def room_gates(view: View) -> Iterator[ExplainedGate]:
    """Of all that takes slots, whoever is first."""
    yield _pause(view)
    yield _max_active_tasks(view)
    yield from _own_limits(view)
    yield _pool(view)
    yield _parallelism(view)


def needs_no_slots(view: View) -> bool:
    """Whether the scheduler ends the task itself, or has it wait for a trigger before anything of it runs."""
    starts_by_trigger = view.task.start_trigger is not None and view.map_index == UNMAPPED
    return view.task.is_empty or (starts_by_trigger and view.is_asked)


def held_slots(view: View) -> Iterator[ExplainedGate]:
    """What an attempt that is under way has got."""
    slots = view.snapshot.held_slots[view.position]
    if slots:
        held = f"it holds {counted(slots, 'slot')} of the pool '{view.task.pool}' and 1 place under core.parallelism"
        yield _gate("pool", held, is_open=True)


def _gate(name: str, reason: str, *, is_open: bool) -> ExplainedGate:
    return ExplainedGate(name, Stage.SLOTS, is_open, reason)


def _pause(view: View) -> ExplainedGate:
    is_paused = view.snapshot.run.dag_is_paused
    reason = f"the DAG '{view.snapshot.run.dag_id}' is {'paused' if is_paused else 'not paused'}"
    return _gate("dag_paused", reason, is_open=not is_paused)


def _max_active_tasks(view: View) -> ExplainedGate:
    active, limit = view.snapshot.active, view.snapshot.plan.spec.max_active_tasks
    reason = f"{active} of max_active_tasks {limit} task instances of the run are queued or running"
    return _gate("max_active_tasks", reason, is_open=active < limit)


def _own_limits(view: View) -> Iterator[ExplainedGate]:
    run = view.snapshot.run
    for limit, size in task_limits(run.dag_id, run.id, view.task).items():
        if limit.dag_run_id is None:
            name, where, active = "max_active_tis_per_dag", "all runs", view.seen.active_in_dag or 0
        else:
            name, where = "max_active_tis_per_dagrun", "this run"
            active = view.snapshot.active_by_place.get(view.place, 0)
        reason = f"{active} of {name} {size} instances of the task are active in {where}"
        yield _gate(name, reason, is_open=active < size)


def _pool(view: View) -> ExplainedGate:
    wanted = view.task.pool_slots
    pool = next((each for each in view.seen.capacity.pools if each.pool == view.task.pool), None)
    if pool is None:
        return _gate("pool", f"there is no pool '{view.task.pool}'", is_open=False)
    is_open = Room(pool_alone(view.seen.capacity)).fits(lane_of(view.snapshot, view.position))
    taken = f"{pool.used} of {counted(pool.slots, 'slot')} of the pool '{pool.pool}' are taken"
    if pool.slots < 0:
        taken = f"the pool '{pool.pool}' has no limit ({pool.used} slots are taken)"
    return _gate("pool", f"{taken}, it wants {wanted}{_more_on_pool(view, pool, is_open=is_open)}", is_open=is_open)


def _more_on_pool(view: View, pool: PoolCapacity, *, is_open: bool) -> str:
    if is_open:
        return ""
    if view.task.pool_slots > pool.slots:
        return ": it can never start, for the pool is smaller than that"
    return _held_by(view, view.seen.holders)


def _held_by(view: View, holders: PoolHolders) -> str:
    if not holders.most:
        return ""
    names = [
        f"{each.slots} by {instance(each.task_id, each.map_index)} of {each.dag_id} {each.run_id} ({each.state}"
        + (")" if each.since is None else f" for {span((view.now - each.since).total_seconds())})")
        for each in holders.most
    ]
    more = holders.count - len(names)
    return f"; held: {', '.join(names)}" + (f" and {more} more" if more > 0 else "")


def _parallelism(view: View) -> ExplainedGate:
    capacity = view.seen.capacity
    if not capacity.parallelism:
        return _gate("parallelism", "core.parallelism has no limit", is_open=True)
    is_open = capacity.parallelism_used < capacity.parallelism
    if any(pool.pool == view.task.pool for pool in capacity.pools):
        is_open = Room(parallelism_alone(capacity)).fits(lane_of(view.snapshot, view.position))
    reason = f"{capacity.parallelism_used} of core.parallelism {capacity.parallelism} are queued or running in all DAGs"
    return _gate("parallelism", reason, is_open=is_open)


def _turn(view: View, order: PlaceInOrder) -> ExplainedGate:
    at_least = "at least " if order.is_at_least else ""
    priority = view.snapshot.priority(view.position)
    reason = (
        f"it is number {at_least}{order.place} of {order.waiting} that wait for the pool '{view.task.pool}'"
        f" (priority {priority}; then the DAG and the run with fewer active tasks)"
    )
    return _gate("order", reason, is_open=order.place == 1)
