"""Which place a ready task has among all that wait for its pool: asked of the queue that schedulers allocate from."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tradewind.core.batches import lane_of
from tradewind.core.explain.values import PlaceInOrder, Waiting
from tradewind.core.explain.view import View
from tradewind.core.rows import Capacity, PoolCapacity
from tradewind.core.slots import Lane, Ready, ReadyTasks, Room
from tradewind.core.states import TaskInstanceState

_NO_LIMIT: Final = 2**31
_OWN_MAX: Final = 1_000
"""So many tasks of the run itself that come first are put in order with the others."""


def place_in_order(view: View) -> PlaceInOrder:
    """Where the task stands, were there room for all; tasks at limits of their own count like any other."""
    pool, queue = view.task.pool, view.seen.queue
    tasks = ReadyTasks()
    own = Ready(view.snapshot.run.id, view.position)
    before = _first_of_own_run(view)
    _add_own_run(tasks, view, before[:_OWN_MAX])
    # Places in other plans are not known, and only order tasks of one run among themselves.
    for number, other in enumerate(queue.others):
        _add(tasks, other, number, Lane(pool, other.slots))
    _add_active(tasks, view)
    empty = Capacity(pools=(PoolCapacity(pool=pool, slots=-1, used=0),), parallelism=0, parallelism_used=0)
    picked = [pick.ready for pick in tasks.allocate(Room(empty))]
    place = picked.index(own) + 1
    return PlaceInOrder(place, max(queue.count, len(picked)), queue.is_cut or len(before) > _OWN_MAX)


def _first_of_own_run(view: View) -> Sequence[int]:
    """Those of the run's tasks that wait for the same pool and may come before this one: in other lanes, those of the
    same priority may too."""
    snapshot, pool, own = view.snapshot, view.task.pool, _rank(view, view.position)
    return sorted(
        (
            position
            for position, state in enumerate(snapshot.states)
            if state is TaskInstanceState.SCHEDULED
            and snapshot.task(position).pool == pool
            and (_rank(view, position) < own or _is_rival(view, position))
            and _is_due(view, position)
        ),
        key=lambda position: _rank(view, position),
    )


def _rank(view: View, position: int) -> tuple[int, int]:
    return -view.snapshot.priority(position), position


def _is_rival(view: View, position: int) -> bool:
    snapshot, own = view.snapshot, view.position
    is_as_good = snapshot.priority(position) == snapshot.priority(own)
    return is_as_good and lane_of(snapshot, position) != lane_of(snapshot, own)


def _add_own_run(tasks: ReadyTasks, view: View, before: Sequence[int]) -> None:
    snapshot = view.snapshot
    tasks.set_run(snapshot.run.id, dag_id=snapshot.run.dag_id, limit=_NO_LIMIT, active=snapshot.active)
    for position in (*before, view.position):
        tasks.add(Ready(snapshot.run.id, position), lane_of(snapshot, position), snapshot.priority(position))


def _is_due(view: View, position: int) -> bool:
    at = view.snapshot.next_action_at.get(position)
    return at is None or at <= view.now


def _add(tasks: ReadyTasks, waiting: Waiting, number: int, lane: Lane) -> None:
    tasks.set_run(waiting.dag_run_id, dag_id=waiting.dag_id, limit=_NO_LIMIT, active=waiting.run_active)
    tasks.add(Ready(waiting.dag_run_id, number), lane, waiting.priority)


def _add_active(tasks: ReadyTasks, view: View) -> None:
    """Let every DAG count what is active in runs of it of which nothing waits here."""
    own, queue = view.snapshot.run, view.seen.queue
    known = {own.id: (own.dag_id, view.snapshot.active)}
    known |= {each.dag_run_id: (each.dag_id, each.run_active) for each in queue.others}
    totals = {each.dag_id: each.dag_active for each in queue.others} | {own.dag_id: queue.own_dag_active}
    for number, (dag_id, total) in enumerate(totals.items(), start=1):
        elsewhere = total - sum(active for of_dag, active in known.values() if of_dag == dag_id)
        tasks.set_run(-number, dag_id=dag_id, limit=_NO_LIMIT, active=max(elsewhere, 0))


def pool_alone(capacity: Capacity) -> Capacity:
    """The pools without the cap over all of them."""
    return replace(capacity, parallelism=0)


def parallelism_alone(capacity: Capacity) -> Capacity:
    """The cap without the pools."""
    return replace(capacity, pools=tuple(replace(pool, slots=-1) for pool in capacity.pools))
