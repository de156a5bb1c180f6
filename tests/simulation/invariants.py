"""What must hold in every history, whatever was lost, doubled or killed on the way."""

from collections import Counter
from uuid import UUID

from tests.property.naive_rules import Known, deciding_leaves, instances_wanted, verdict
from tests.simulation.children import Execution
from tradewind.core.rows import TaskInstanceId
from tradewind.core.spec import DagSpec, TaskSpec, TriggerRule
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.transitions import ACTORS, DAG_RUN_TRANSITIONS, TRANSITIONS, Actor
from tradewind.core.trigger_rules import Answer
from tradewind.db.memory import JournalEntry, MemoryStore

ENDED = (
    TaskInstanceState.SUCCESS,
    TaskInstanceState.FAILED,
    TaskInstanceState.SKIPPED,
    TaskInstanceState.UPSTREAM_FAILED,
)


def slot_violations(store: MemoryStore) -> list[str]:
    """Slots in use are what task instances hold, and no more than there are; true after every single commit."""
    held: Counter[str] = Counter()
    places = 0
    for run in store.dag_runs:
        for row in store.task_instances(run.id):
            held[row.pool] += row.held_slots
            places += row.held_slots > 0
    tables = store.tables
    found = [
        f"pool {name}: {held[name]} held, {pool.used} recorded, {pool.slots} there are"
        for name, pool in tables.pools.items()
        if held[name] != pool.used or pool.used > pool.slots >= 0
    ]
    cap = tables.parallelism
    if places != cap.used or cap.used > cap.slots > 0:
        found.append(f"parallelism: {places} held, {cap.used} recorded, {cap.slots} there are")
    return found


def active_limit_violations(store: MemoryStore, specs: dict[str, DagSpec]) -> list[str]:
    """No run has more active task instances than its DAG allows, no DAG more running runs."""
    found: list[str] = []
    running = Counter(run.dag_id for run in store.dag_runs if run.state is DagRunState.RUNNING)
    for run in store.dag_runs:
        active = sum(row.held_slots > 0 for row in store.task_instances(run.id))
        if active > specs[run.dag_id].max_active_tasks:
            found.append(f"{run.run_id}: {active} active of {specs[run.dag_id].max_active_tasks}")
    return found + [
        f"{dag_id}: {count} runs of {specs[dag_id].max_active_runs}"
        for dag_id, count in running.items()
        if count > specs[dag_id].max_active_runs
    ]


def transition_violations(entry: JournalEntry) -> list[str]:
    """Every change of state is in the table, by an actor that may make it."""
    if isinstance(entry.id, int):
        legal = DagRunState(entry.to_state) in DAG_RUN_TRANSITIONS[DagRunState(entry.from_state)].values()
    else:
        legal = any(
            state == entry.to_state and Actor(entry.actor) in ACTORS[event]
            for event, state in TRANSITIONS[TaskInstanceState(entry.from_state)].items()
        )
    return [] if legal else [f"illegal transition: {entry}"]


def history_violations(
    journal: list[JournalEntry], executions: list[Execution], specs: dict[str, DagSpec]
) -> list[str]:
    """Attempts begin once, run only after a grant, and code without retries is never begun twice."""
    return [*_attempts_queued_twice(journal), *_code_without_permission(journal, executions, specs)]


def _attempts_queued_twice(journal: list[JournalEntry]) -> list[str]:
    queued = Counter(
        entry.attempt_id
        for entry in journal
        if isinstance(entry.id, TaskInstanceId) and entry.to_state == TaskInstanceState.QUEUED
    )
    claimed = Counter(
        entry.attempt_id
        for entry in journal
        if isinstance(entry.id, TaskInstanceId) and entry.to_state == TaskInstanceState.RUNNING
    )
    return [f"attempt {attempt} entered queued {count} times" for attempt, count in queued.items() if count > 1] + [
        f"attempt {attempt} was granted {count} times" for attempt, count in claimed.items() if count > 1
    ]


def _code_without_permission(
    journal: list[JournalEntry], executions: list[Execution], specs: dict[str, DagSpec]
) -> list[str]:
    granted: dict[UUID | None, None] = {
        entry.attempt_id: None for entry in journal if entry.to_state == TaskInstanceState.RUNNING
    }
    found = [f"code ran without a grant: {one}" for one in executions if one.attempt_id not in granted]
    starts = Counter(one.attempt_id for one in executions)
    found += [f"attempt {attempt} began {count} times" for attempt, count in starts.items() if count > 1]
    tasks = {(dag_id, task.task_id): task for dag_id, spec in specs.items() for task in spec.tasks}
    by_instance = Counter((one.key.dag_id, one.key.run_id, one.key.task_id, one.key.map_index) for one in executions)
    found += [
        f"{key} has no retries and its code began {count} times"
        for key, count in by_instance.items()
        if count > 1 and tasks[key[0], key[2]].retries == 0
    ]
    return found


def outcome_violations(store: MemoryStore, specs: dict[str, DagSpec]) -> list[str]:
    """Runs have ended, nothing is held or left to decide, and every end agrees with its trigger rule."""
    found: list[str] = []
    for run in store.dag_runs:
        if run.state not in (DagRunState.SUCCESS, DagRunState.FAILED):
            found.append(f"{run.dag_id} {run.run_id} never ended: {run.state}")
        rows = store.task_instances(run.id)
        spec = specs[run.dag_id]
        if sorted({row.id.task_id for row in rows}) != sorted(task.task_id for task in spec.tasks):
            found.append(f"{run.run_id} has not the tasks of its DAG: {[row.id for row in rows]}")
            continue
        found += [f"{row.id} still has {row.held_slots} slots" for row in rows if row.held_slots]
        found += [f"{row.id} has an end that nobody decided upon" for row in rows if row.end_pending]
        found += _run_state_violations(run.run_id, run.state, spec, {row.id: row.state for row in rows})
        found += _mapping_violations(spec, known_of(store, run.id, spec))
    return found


def rule_violations(store: MemoryStore, specs: dict[str, DagSpec]) -> list[str]:
    """Replays the journal: a task that was readied may have been, by its rule and the states of that moment; one that
    was ended by rule, or never decided upon, may not be readied even now."""
    dag_ids = {run.id: run.dag_id for run in store.dag_runs}
    tasks = {(dag_id, task.task_id): task for dag_id, spec in specs.items() for task in spec.tasks}
    states: dict[TaskInstanceId, TaskInstanceState] = {}
    instances: dict[tuple[int, str], list[TaskInstanceId]] = {}
    for run in store.dag_runs:
        for row in store.task_instances(run.id):
            instances.setdefault((run.id, row.id.task_id), []).append(row.id)
    found: list[str] = []
    for entry in store.journal:
        if isinstance(entry.id, int):
            continue
        task = tasks[dag_ids[entry.id.dag_run_id], entry.id.task_id]
        if entry.from_state == TaskInstanceState.NONE and entry.to_state in _READIED:
            upstream = _upstream_states(entry.id, task, instances, states)
            if not may_run(task.trigger_rule, upstream):
                found.append(f"{entry.id} ({task.trigger_rule}) was readied over {upstream}")
        states[entry.id] = TaskInstanceState(entry.to_state)
    for run in store.dag_runs:
        known = known_of(store, run.id, specs[run.dag_id])
        for row in store.task_instances(run.id):
            task = tasks[run.dag_id, row.id.task_id]
            upstream = _upstream_states(row.id, task, instances, states)
            is_unready = (row.state in _UNREADIED or row.try_number == 0) and task.map_length is None
            is_left = is_unready and verdict(known, (row.id.task_id, row.id.map_index)) is Answer.RUN
            if is_left and may_run(task.trigger_rule, upstream):
                found.append(f"{row.id} ({task.trigger_rule}) is {row.state} over {upstream}")
    return found


_READIED = (TaskInstanceState.SCHEDULED, TaskInstanceState.QUEUED, TaskInstanceState.SUCCESS)
_UNREADIED = (TaskInstanceState.NONE, TaskInstanceState.UPSTREAM_FAILED)
_BROKEN = (TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED)


def _upstream_states(
    id: TaskInstanceId,
    task: TaskSpec,
    instances: dict[tuple[int, str], list[TaskInstanceId]],
    states: dict[TaskInstanceId, TaskInstanceState],
) -> list[TaskInstanceState]:
    return [
        states.get(above, TaskInstanceState.NONE)
        for task_id in task.upstream_task_ids
        for above in instances[id.dag_run_id, task_id]
    ]


def known_of(store: MemoryStore, dag_run_id: int, spec: DagSpec) -> Known:
    """The run as it stands in the store."""
    rows = {(row.id.task_id, row.id.map_index): row for row in store.task_instances(dag_run_id)}
    lengths = {key: row.map_length for key, row in rows.items() if row.map_length is not None}
    return Known(spec=spec, states={key: row.state for key, row in rows.items()}, lengths=lengths)


def _mapping_violations(spec: DagSpec, known: Known) -> list[str]:
    """A mapped task that was expanded has an instance for each item."""
    return [
        f"{task.task_id} has {len(known.instances(task.task_id))} instances over {instances_wanted(known, length)}"
        for task in spec.tasks
        if (length := task.map_length) is not None
        and known.is_expanded(task.task_id)
        and len(known.instances(task.task_id)) != instances_wanted(known, length)
    ]


def may_run(rule: TriggerRule, upstream: list[TaskInstanceState]) -> bool:
    """The rules once more, from their definitions, over plain lists of states: an opinion apart from the core's."""
    success, skipped = TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED
    done = all(state in ENDED for state in upstream)
    broken = any(state in _BROKEN for state in upstream)
    if not upstream:
        return True
    holds: dict[TriggerRule, bool] = {
        TriggerRule.ALL_SUCCESS: all(state is success for state in upstream),
        TriggerRule.ALL_FAILED: all(state in _BROKEN for state in upstream),
        TriggerRule.ALL_DONE: done,
        TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: done and success in upstream and skipped not in upstream,
        TriggerRule.ALL_DONE_SETUP_SUCCESS: done,
        TriggerRule.ONE_SUCCESS: success in upstream,
        TriggerRule.ONE_FAILED: broken,
        TriggerRule.ONE_DONE: success in upstream or TaskInstanceState.FAILED in upstream,
        TriggerRule.NONE_FAILED: done and not broken,
        TriggerRule.NONE_SKIPPED: done and skipped not in upstream,
        TriggerRule.ALWAYS: True,
        TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: done and not broken and success in upstream,
        TriggerRule.ALL_SKIPPED: all(state is skipped for state in upstream),
    }
    return holds[rule]


def _run_state_violations(
    run_id: str, state: DagRunState, spec: DagSpec, states: dict[TaskInstanceId, TaskInstanceState]
) -> list[str]:
    leaves = deciding_leaves(spec)
    stuck = any(one is TaskInstanceState.NONE for one in states.values())
    broken = any(one in _BROKEN for id_, one in states.items() if id_.task_id in leaves)
    expected = DagRunState.FAILED if stuck or broken else DagRunState.SUCCESS
    return [] if state is expected else [f"{run_id} is {state}, its tasks say {expected}: {states}"]
