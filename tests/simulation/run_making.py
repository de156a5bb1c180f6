"""What must hold of runs that come about by time, by assets and in backfills."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random

from tests.simulation.invariants import ENDED_RUNS
from tests.simulation.plans import ASSETS
from tradewind.core.rows import TaskInstanceId
from tradewind.core.spec import DagSpec
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.transitions import Actor
from tradewind.db.memory.store import MemoryStore
from tradewind.db.memory.tables import BackfillTableRow, DagRunTableRow

Specs = Mapping[str, DagSpec]


def add_backfill(rng: Random, store: MemoryStore, dag_id: str, now: datetime) -> None:
    """One to five runs of the DAG for dates of the past, in an order and with a limit of their own."""
    tables = store.tables
    backfill_id = len(tables.backfills) + 1
    backfill = BackfillTableRow(dag_id=dag_id, max_active_runs=rng.randint(1, 2))
    for place in range(rng.randint(1, 5)):
        date = now - timedelta(days=place + 10 * backfill_id)
        run = DagRunTableRow(
            id=len(tables.dag_runs) + 1,
            dag_id=dag_id,
            run_id=f"backfill__{date.isoformat()}",
            run_type="backfill",
            triggered_by="backfill",
            dag_version_id=tables.dags[dag_id].dag_version_id,
            run_after=date,
            queued_at=now,
            conf=b"{}",
            logical_date=date,
            data_interval_start=date,
            data_interval_end=date,
            backfill_id=backfill_id,
        )
        tables.dag_runs[run.id] = run
        tables.run_numbers[dag_id, run.run_id] = run.id
        backfill.ordinals[run.id] = place
    tables.backfills[backfill_id] = backfill


def is_all_made(store: MemoryStore, specs: Specs) -> bool:
    """No run is to be made any more, unless for want of room among its DAG's."""
    return all(
        (_is_full(store, dag_id) or store.tables.dags[dag_id].next_run is None)
        and (_is_full(store, dag_id, with_backfills=True) or not _is_queue_enough(store, spec))
        for dag_id, spec in specs.items()
    )


def _is_full(store: MemoryStore, dag_id: str, *, with_backfills: bool = False) -> bool:
    """Runs by assets wait for backfills, too, as in Airflow; those by time do not."""
    active = [run for run in store.dag_runs if run.dag_id == dag_id and run.state not in ENDED_RUNS]
    count = sum(with_backfills or run.backfill_id is None for run in active)
    return count >= store.tables.dags[dag_id].max_active_runs


def _is_queue_enough(store: MemoryStore, spec: DagSpec) -> bool:
    queue = store.tables.assets.queue.get(spec.dag_id, {})
    return _is_enough(spec, [event.asset.name for event in queue.values()])


def _is_enough(spec: DagSpec, names: list[str]) -> bool:
    """The condition once more, of the two forms that are drawn."""
    if spec.asset_condition is None:
        return False
    found = [ref.name in names for ref in ASSETS]
    return all(found) if "all" in spec.asset_condition else any(found)


def run_making_violations(store: MemoryStore, specs: Specs) -> list[str]:
    """Every run that was due is there, once, and no other; every event of an asset has made one run of each DAG that
    waits for it, or waits itself; backfills keep their order."""
    return [
        *(found for spec in specs.values() for found in _dates_violations(store, spec)),
        *(found for spec in specs.values() for found in _consumer_violations(store, spec)),
        *_event_violations(store, specs),
        *_backfill_order_violations(store),
    ]


def _dates_violations(store: MemoryStore, spec: DagSpec) -> list[str]:
    runs = [run for run in store.dag_runs if run.dag_id == spec.dag_id and run.run_type == "scheduled"]
    if spec.timetable is None or spec.start_date is None or spec.end_date is None:
        return [f"{spec.dag_id} runs by time: {run.run_id}" for run in runs]
    step, wanted = timedelta(seconds=float(str(spec.timetable.data["delta"]))), [spec.start_date]
    while wanted[-1] + step <= spec.end_date:
        wanted.append(wanted[-1] + step)
    dates = sorted(run.logical_date for run in runs if run.logical_date is not None)
    found = [f"{spec.dag_id}: {dates} are not all of {wanted}"] if not set(dates) <= set(wanted) else []
    if len(dates) != len(runs) or len(set(dates)) != len(dates):
        found.append(f"{spec.dag_id} has runs for one date, or for none: {dates}")
    is_complete = _is_full(store, spec.dag_id) or not spec.catchup
    if dates != (wanted[: len(dates)] if spec.catchup else dates) or (len(dates) < len(wanted) and not is_complete):
        found.append(f"{spec.dag_id} lacks runs: {dates} of {wanted}")
    return found + [f"{run.run_id} was made too early" for run in runs if run.queued_at < run.run_after]


def _consumer_violations(store: MemoryStore, spec: DagSpec) -> list[str]:
    if spec.asset_condition is None:
        return []
    assets = store.tables.assets
    names = {row.id: key.name for key, row in assets.assets.items()}
    queue = assets.queue.get(spec.dag_id, {})
    runs = [run for run in store.dag_runs if run.dag_id == spec.dag_id and run.run_type == "asset_triggered"]
    used = Counter(event_id for run in runs for event_id in assets.run_events[run.id])
    found = [
        f"event {event_id} has made {used[event_id]} runs of {spec.dag_id}, waits: {event_id in queue}"
        for event_id in assets.events
        if used[event_id] + (event_id in queue) != 1
    ]
    found += [
        f"{spec.dag_id} {run.run_id} was made by {of_run}"
        for run in runs
        if not _is_enough(spec, of_run := [names[assets.events[id_].asset_id] for id_ in assets.run_events[run.id]])
    ]
    if _is_queue_enough(store, spec) and not _is_full(store, spec.dag_id, with_backfills=True):
        found.append(f"{spec.dag_id} should have run: {queue}")
    return found


def _event_violations(store: MemoryStore, specs: Specs) -> list[str]:
    """Each success of a task that writes an asset is one event of it; nothing else is."""
    runs = {run.id: run for run in store.dag_runs}
    outlets = {(spec.dag_id, task.task_id): len(task.outlets) for spec in specs.values() for task in spec.tasks}
    wanted: Counter[tuple[str, str, str, int]] = Counter()
    for entry in store.journal:
        if isinstance(entry.id, TaskInstanceId) and _is_success(entry.from_state, entry.to_state, entry.actor):
            run = runs[entry.id.dag_run_id]
            count = outlets[run.dag_id, entry.id.task_id]
            wanted[run.dag_id, run.run_id, entry.id.task_id, entry.id.map_index] += count
    written = Counter(row.source for row in store.tables.assets.events.values() if row.source is not None)
    return [
        f"{key} has written {written[key]} events, its successes say {wanted[key]}"
        for key in (*wanted, *written)
        if wanted[key] != written[key]
    ]


def _is_success(before: str, after: str, actor: str) -> bool:
    ran = (TaskInstanceState.RUNNING, TaskInstanceState.QUEUED)
    return after == TaskInstanceState.SUCCESS and before in ran and actor == Actor.COLLECTOR


def backfill_violations(store: MemoryStore) -> list[str]:
    """No backfill has more running runs than it allows."""
    running = Counter(run.backfill_id for run in store.dag_runs if run.state is DagRunState.RUNNING)
    return [
        f"backfill {backfill_id}: {running[backfill_id]} runs of {row.max_active_runs}"
        for backfill_id, row in store.tables.backfills.items()
        if running[backfill_id] > row.max_active_runs
    ]


def _backfill_order_violations(store: MemoryStore) -> list[str]:
    runs = {run.id: run for run in store.dag_runs}
    begun: dict[int, list[int]] = {backfill_id: [] for backfill_id in store.tables.backfills}
    for entry in store.journal:
        if isinstance(entry.id, int) and entry.to_state == DagRunState.RUNNING:
            backfill_id = runs[entry.id].backfill_id
            if backfill_id is not None:
                begun[backfill_id].append(store.tables.backfills[backfill_id].ordinals[entry.id])
    found = [f"backfill {id_} began its runs as {places}" for id_, places in begun.items() if places != sorted(places)]
    return found + [
        f"backfill {id_} is not marked complete"
        for id_, row in store.tables.backfills.items()
        if row.completed_at is None and all(runs[run_id].state in ENDED_RUNS for run_id in row.ordinals)
    ]
