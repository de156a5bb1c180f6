"""What must hold in every history, whatever was lost, doubled or killed on the way."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from tests.property.naive_rules import Known, deciding_leaves, instances_wanted, verdict
from tests.simulation.children import Execution
from tradewind.core.rows import TaskInstanceId
from tradewind.core.spec import DagSpec, TaskSpec, TriggerRule
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.transitions import ACTORS, DAG_RUN_TRANSITIONS, TRANSITIONS, Actor
from tradewind.core.trigger_rules import Answer
from tradewind.db.memory.store import JournalEntry, MemoryStore

ENDED = (
    TaskInstanceState.SUCCESS,
    TaskInstanceState.FAILED,
    TaskInstanceState.SKIPPED,
    TaskInstanceState.UPSTREAM_FAILED,
)


LATE = timedelta(seconds=60)
"""Runs that were made so shortly before a decision may have been unknown to it."""


def slot_violations(store: MemoryStore) -> list[str]:
    """Slots in use are what task instances hold, and no more than there are; true after every single commit."""
    held: Counter[str] = Counter()
    places = 0
    for run in store.dag_runs:
        for row in store.task_instances(run.id):
            held[row.pool] += row.held_slots + row.kept_slots
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


def kept_slot_violations(store: MemoryStore, specs: dict[str, DagSpec]) -> list[str]:
    """In pools that count deferred tasks a deferred task keeps its slots, once it is decided upon; nobody else does."""
    tasks = {(dag_id, task.task_id): task for dag_id, spec in specs.items() for task in spec.tasks}
    found: list[str] = []
    for run in store.dag_runs:
        for row in store.task_instances(run.id):
            is_parked = row.state is TaskInstanceState.DEFERRED and not row.end_pending
            keeps = is_parked and store.tables.pools[row.pool].include_deferred
            expected = tasks[run.dag_id, row.id.task_id].pool_slots if keeps else 0
            if not row.end_pending and row.kept_slots != expected:
                found.append(f"{row.id} keeps {row.kept_slots} slots, not {expected}")
    return found


def active_limit_violations(store: MemoryStore, specs: dict[str, DagSpec]) -> list[str]:
    """No run has more active task instances than its DAG allows, no DAG more running runs."""
    found: list[str] = []
    running = Counter(
        run.dag_id for run in store.dag_runs if run.state is DagRunState.RUNNING and run.backfill_id is None
    )
    for run in store.dag_runs:
        active = sum(row.held_slots > 0 for row in store.task_instances(run.id))
        if active > specs[run.dag_id].max_active_tasks:
            found.append(f"{run.run_id}: {active} active of {specs[run.dag_id].max_active_tasks}")
    return found + [
        f"{dag_id}: {count} runs of {specs[dag_id].max_active_runs}"
        for dag_id, count in running.items()
        if count > specs[dag_id].max_active_runs
    ]


def task_limit_violations(store: MemoryStore, specs: dict[str, DagSpec]) -> list[str]:
    """No task has more active instances than it allows, in one run or in all of them."""
    tasks = {(dag_id, task.task_id): task for dag_id, spec in specs.items() for task in spec.tasks}
    in_run: Counter[tuple[str, str, int]] = Counter()
    in_all: Counter[tuple[str, str]] = Counter()
    for run in store.dag_runs:
        for row in store.task_instances(run.id):
            if row.state in _ACTIVE:
                in_run[run.dag_id, row.id.task_id, run.id] += 1
                in_all[run.dag_id, row.id.task_id] += run.state in (DagRunState.RUNNING, DagRunState.QUEUED)
    found = [
        f"{key}: {count} active in one run"
        for key, count in in_run.items()
        if (limit := tasks[key[:2]].max_active_tis_per_dagrun) is not None and count > limit
    ]
    return found + [
        f"{key}: {count} active in all runs"
        for key, count in in_all.items()
        if (limit := tasks[key].max_active_tis_per_dag) is not None and count > limit
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


def history_violations(store: MemoryStore, executions: list[Execution], specs: dict[str, DagSpec]) -> list[str]:
    """Attempts begin once, run only after a grant, and code without retries is never begun twice; delays are kept."""
    journal, dag_ids = list(store.journal), {run.id: run.dag_id for run in store.dag_runs}
    return [
        *_attempts_queued_twice(journal),
        *_code_without_permission(journal, executions, specs),
        *_early_retries(journal, specs, dag_ids),
    ]


def _early_retries(journal: list[JournalEntry], specs: dict[str, DagSpec], dag_ids: dict[int, str]) -> list[str]:
    """A failed try waits for its delay. Delays that grow are at least the first one."""
    delays = {
        (dag_id, task.task_id): timedelta(seconds=task.retry_delay_seconds)
        for dag_id, spec in specs.items()
        for task in spec.tasks
    }
    since: dict[TaskInstanceId, datetime] = {}
    found: list[str] = []
    for entry in journal:
        if isinstance(entry.id, int):
            continue
        failed_at, state = since.pop(entry.id, None), TaskInstanceState(entry.to_state)
        if state is TaskInstanceState.UP_FOR_RETRY:
            since[entry.id] = entry.now
        elif failed_at is not None and state in (TaskInstanceState.SCHEDULED, TaskInstanceState.QUEUED):
            delay = delays[dag_ids[entry.id.dag_run_id], entry.id.task_id]
            if entry.now < failed_at + delay:
                found.append(f"{entry.id} was tried again after {entry.now - failed_at}, not {delay}")
    return found


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
    by_instance = Counter(
        (one.key.dag_id, one.key.run_id, one.key.task_id, one.key.map_index, one.has_waited) for one in executions
    )
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
        rows = store.task_instances(run.id)
        spec = specs[run.dag_id]
        if run.state not in ENDED_RUNS:
            if not is_held(store, specs, run.id):
                found.append(f"{run.dag_id} {run.run_id} never ended: {run.state}, {[(*r.id, r.state) for r in rows]}")
            continue
        if sorted({row.id.task_id for row in rows}) != sorted(task.task_id for task in spec.tasks):
            found.append(f"{run.run_id} has not the tasks of its DAG: {[row.id for row in rows]}")
            continue
        found += [f"{row.id} still has slots" for row in rows if row.held_slots or row.kept_slots]
        found += [f"{row.id} has an end that nobody decided upon" for row in rows if row.end_pending]
        found += _run_state_violations(run.run_id, run.state, spec, {row.id: row.state for row in rows})
        found += _mapping_violations(spec, known_of(store, run.id, spec))
    return found


def is_held(store: MemoryStore, specs: dict[str, DagSpec], dag_run_id: int) -> bool:
    """The run waits for good: for a place among its DAG's runs behind one that does, or a task of it for a past that
    ended badly or waits itself, and nothing else is under way."""
    run = store.tables.dag_runs[dag_run_id]
    running = [
        other
        for other in store.dag_runs
        if other.dag_id == run.dag_id and other.backfill_id == run.backfill_id and other.state is DagRunState.RUNNING
    ]
    if run.state is DagRunState.QUEUED:
        backfill = None if run.backfill_id is None else store.tables.backfills[run.backfill_id]
        limit = specs[run.dag_id].max_active_runs if backfill is None else backfill.max_active_runs
        is_full = len(running) >= limit
        return is_full and all(is_held(store, specs, other.id) for other in running)
    histories = Histories(store, specs)
    known = histories.known[dag_run_id]
    for key, state in known.states.items():
        if state in _SETTLED:
            continue
        answer = verdict(known, key) if state in _WAITING else None
        task = known.tasks[key[0]]
        waits = answer is Answer.RUN or (answer is Answer.SKIP and task.wait_for_past_depends_before_skipping)
        if answer is not Answer.WAIT and not (waits and not histories.past_lets(run.id, task)):
            return False
    return any(state in _WAITING for state in known.states.values())


class Histories:
    """The states of all task instances at one moment: at first as they are in the end."""

    def __init__(self, store: MemoryStore, specs: dict[str, DagSpec]) -> None:
        self._specs = specs
        self._runs = {run.id: run for run in store.dag_runs}
        self._begun = dict.fromkeys(run.id for run in store.dag_runs if store.task_instances(run.id))
        self.known = {run.id: known_of(store, run.id, specs[run.dag_id]) for run in store.dag_runs}
        self.to_skip = {
            dag_run_id: [key for key in known.skip_requested if len(known.tasks[key[0]].upstream_task_ids) == 1]
            for dag_run_id, known in self.known.items()
        }
        """By run: what is to be skipped once its only upstream, a branch, is done."""

    def rewind(self) -> None:
        """Before anything happened."""
        self._begun = {}
        for dag_run_id, known in self.known.items():
            states = dict.fromkeys(known.states, TaskInstanceState.NONE)
            self.known[dag_run_id] = replace(known, states=states, skip_requested=())

    def enter(self, id_: TaskInstanceId, state: TaskInstanceState) -> None:
        """A task instance comes into a state."""
        states = self.known[id_.dag_run_id].states
        assert isinstance(states, dict)
        if (id_.task_id, id_.map_index) in states:
            states[id_.task_id, id_.map_index] = state

    def begin(self, dag_run_id: int) -> None:
        """A run starts: from now on it has task instances."""
        self._begun[dag_run_id] = None

    def past_lets(self, dag_run_id: int, task: TaskSpec, at: datetime | None = None) -> bool:
        """`depends_on_past` and `wait_for_downstream`, from their definitions, over the runs that there were `at` some
        moment (None = all)."""
        run = self._runs[dag_run_id]
        if not task.depends_on_past or run.logical_date is None:
            return True
        earlier = {
            other.logical_date: other
            for other in self._runs.values()
            if other.dag_id == run.dag_id
            and other.logical_date is not None
            and other.logical_date < run.logical_date
            and (at is None or other.queued_at <= at)
        }
        of_backfill = [other for other in earlier.values() if other.backfill_id == run.backfill_id]
        is_catching_up = self._specs[run.dag_id].catchup
        dates = [date for date, other in earlier.items() if not (is_catching_up and other.run_type == "manual")]
        if (run.backfill_id is not None and not of_backfill) or not dates:
            return True
        before = earlier[max(dates)].id
        if not self._instances(before, task.task_id):
            is_first = not any(self._instances(other.id, task.task_id) for other in earlier.values())
            return task.ignore_first_depends_on_past and is_first
        wanted = [task.task_id, *(task.downstream_task_ids if task.wait_for_downstream else ())]
        return all(
            self.known[before].states[key] in (TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED)
            for task_id in wanted
            for key in self._instances(before, task_id)
        )

    def _instances(self, dag_run_id: int, task_id: str) -> list[tuple[str, int]]:
        return list(self.known[dag_run_id].instances(task_id)) if dag_run_id in self._begun else []


def rule_violations(store: MemoryStore, specs: dict[str, DagSpec]) -> list[str]:
    """Replays the journal: a task that was readied may have been, by its rule, its past and the states of that moment;
    one that was ended by rule, or never decided upon, may not be readied even now."""
    found: list[str] = []
    histories = Histories(store, specs)
    histories.rewind()
    for entry in store.journal:
        if isinstance(entry.id, int):
            histories.begin(entry.id)
            continue
        key, task = (entry.id.task_id, entry.id.map_index), histories.known[entry.id.dag_run_id].tasks[entry.id.task_id]
        state = TaskInstanceState(entry.to_state)
        if entry.from_state == TaskInstanceState.NONE and state in _READIED:
            known = histories.known[entry.id.dag_run_id]
            if key in known.states and verdict(known, key) is not Answer.RUN:
                found.append(f"{entry.id} ({task.trigger_rule}) was readied over {known.states}")
            readings = (entry.now, entry.now - LATE)
            if not any(histories.past_lets(entry.id.dag_run_id, task, at) for at in readings):
                found.append(f"{entry.id} was readied over its past")
            if not known.mapped_group(task) and not may_run(task.trigger_rule, _upstream_states(known, task)):
                found.append(f"{entry.id} ({task.trigger_rule}) was readied, which no reading of its rule allows")
            above = _upstream_states(known, task)
            if key in histories.to_skip[entry.id.dag_run_id] and all(each in _SETTLED for each in above):
                found.append(f"{entry.id} was readied, though its branch did not choose it")
        histories.enter(entry.id, state)
    return found + _left_violations(store, specs)


def _left_violations(store: MemoryStore, specs: dict[str, DagSpec]) -> list[str]:
    """Nothing was ended by rule, or left alone, that could still run."""
    found: list[str] = []
    histories = Histories(store, specs)
    late = _skipped_late(store)
    for run in store.dag_runs:
        known = histories.known[run.id]
        for row in store.task_instances(run.id):
            key, task = (row.id.task_id, row.id.map_index), known.tasks[row.id.task_id]
            is_unready = row.state in _UNREADIED and known.map_length(task) is None
            was_misled = any((run.id, task_id) in late for task_id in task.upstream_task_ids)
            if is_unready and not was_misled and run.state in ENDED_RUNS and verdict(known, key) is Answer.RUN:
                found.append(f"{row.id} ({task.trigger_rule}) is {row.state} over {_upstream_states(known, task)}")
            is_left = run.state in ENDED_RUNS and row.state is not TaskInstanceState.SKIPPED
            if row.skip_requested and row.attempt_id is None and is_left:
                found.append(f"{row.id} was to be skipped, and is {row.state}")
    return found


def _skipped_late(store: MemoryStore) -> dict[tuple[int, str], None]:
    """Tasks of runs that a branch had skipped after a failure had ended them; what had followed by then stays."""
    return {
        (entry.id.dag_run_id, entry.id.task_id): None
        for entry in store.journal
        if isinstance(entry.id, TaskInstanceId)
        and (entry.from_state, entry.to_state) == (TaskInstanceState.UPSTREAM_FAILED, TaskInstanceState.SKIPPED)
    }


ENDED_RUNS = (DagRunState.SUCCESS, DagRunState.FAILED)
_READIED = (TaskInstanceState.SCHEDULED, TaskInstanceState.QUEUED, TaskInstanceState.SUCCESS)
_WAITING = (TaskInstanceState.NONE, TaskInstanceState.UP_FOR_RETRY)
_UNREADIED = (TaskInstanceState.NONE, TaskInstanceState.UPSTREAM_FAILED)
_BROKEN = (TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED)
_SETTLED = (*ENDED, TaskInstanceState.REMOVED)
_ACTIVE = (
    TaskInstanceState.QUEUED,
    TaskInstanceState.RUNNING,
    TaskInstanceState.RESTARTING,
    TaskInstanceState.DEFERRED,
)


def _upstream_states(known: Known, task: TaskSpec) -> list[TaskInstanceState]:
    return [known.states[key] for task_id in task.upstream_task_ids for key in known.instances(task_id)]


def known_of(store: MemoryStore, dag_run_id: int, spec: DagSpec) -> Known:
    """The run as it stands in the store."""
    rows = {(row.id.task_id, row.id.map_index): row for row in store.task_instances(dag_run_id)}
    lengths = {key: row.map_length for key, row in rows.items() if row.map_length is not None}
    return Known(
        spec=spec,
        states={key: row.state for key, row in rows.items()},
        lengths=lengths,
        skip_requested=tuple(key for key, row in rows.items() if row.skip_requested),
    )


def _mapping_violations(spec: DagSpec, known: Known) -> list[str]:
    """A mapped task that was expanded has an instance for each item."""
    return [
        f"{task.task_id} has {len(known.instances(task.task_id))} instances over {instances_wanted(known, length)}"
        for task in spec.tasks
        if (length := known.map_length(task)) is not None
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
