"""Running a DAG, or one of its tasks, in this process: the scheduler's decisions, carried out one after the other."""

import json
import logging
import re
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from tradewind.core.batches import apply, run_changes
from tradewind.core.decide import decide, decide_loaded
from tradewind.core.decisions import RunDecision
from tradewind.core.ends import end_of_attempt
from tradewind.core.gates import Outside
from tradewind.core.plan import DagPlan
from tradewind.core.rows import DagRunRow, EndedTaskInstance, EndEffectsRecord, LoadedRun, TaskInstanceRow
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.states import DagRunState as RunState
from tradewind.core.states import EndCause, Outcome
from tradewind.core.states import TaskInstanceState as State
from tradewind.sdk.dags import DAG
from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.serialize import serialize_dag
from tradewind.sdk.state import DagRunState, TaskInstanceState
from tradewind.sdk.types import is_collection
from tradewind.task_runner.attempt.notices import call_back
from tradewind.task_runner.protocol import AttemptResult
from tradewind.task_runner.trial.attempts import TrialAttempts, TriedRun, Try, check_thread
from tradewind.task_runner.trial.memory import InstanceState, TrialMemory
from tradewind.task_runner.trial.results import TrialRun, TrialTaskInstance, dag_fields, run_fields
from tradewind.wire.messages import EndEffects

_RUN: Final = 1
"""The run's number: a trial has one."""

log = logging.getLogger("tradewind.trial")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What run is wanted. Without a logical date there is no data interval."""

    run_after: datetime
    logical_date: datetime | None
    data_interval: tuple[datetime, datetime] | None
    conf: Mapping[str, Any]
    mark_success_pattern: str | re.Pattern[str] | None = None
    apart: bool = False
    """Each attempt in a process of its own."""


def try_dag(dag: DAG, wanted: Wanted) -> TrialRun:
    """Run the DAG to its end. Raises DagSpecError for one that cannot be scheduled, and AirflowRuntimeError if a task
    waits for a person, or if this is not the main thread."""
    check_thread()
    return _Trial(dag, wanted).run()


def try_task(dag: DAG, task_id: str, wanted: Wanted, map_index: int = -1) -> TrialTaskInstance:
    """Run one task once, whatever it depends on; its values are not there. Raises TaskNotFound, AirflowRuntimeError."""
    check_thread()
    dag.get_task(task_id)
    return _Trial(dag, wanted).run_one(task_id, map_index)


def render_task(dag: DAG, task_id: str, wanted: Wanted, map_index: int = -1) -> BaseOperator:
    """One task with its templated fields rendered, not executed. Raises TaskNotFound, and what rendering raises."""
    dag.get_task(task_id)
    return _Trial(dag, wanted).render_one(task_id, map_index)


class _Trial:
    """One run. What a store would keep is the snapshot and the memory."""

    def __init__(self, dag: DAG, wanted: Wanted) -> None:
        self._dag, self._wanted = dag, wanted
        now = datetime.now(UTC)
        start, end = wanted.data_interval or (None, None)
        self._result = TrialRun(
            dag_id=dag.dag_id,
            run_id=f"manual__{wanted.run_after.isoformat()}",
            state=DagRunState.RUNNING,
            conf=dict(wanted.conf),
            logical_date=wanted.logical_date,
            data_interval_start=start,
            data_interval_end=end,
            run_after=wanted.run_after,
            start_date=now,
        )
        plan = DagPlan(serialize_dag(dag, dag.fileloc))
        self._outside = Outside(past={place: True for place, task in enumerate(plan.tasks) if task.depends_on_past})
        self._snapshot = RunSnapshot(LoadedRun(run=self._row(now), task_instances=()), plan)
        self._memory = TrialMemory(run_fields(self._result), dag_fields(dag), self._states)
        self._attempts = TrialAttempts(dag, self._tried_run(), self._memory, apart=wanted.apart)
        self._queue: deque[tuple[int, UUID]] = deque()
        self._known: dict[int, TrialTaskInstance] = {}
        self._reschedules: dict[int, tuple[int, datetime]] = {}

    def run(self) -> TrialRun:
        """Decide and execute until the run ends: all that can run at a time, then what follows from it, so that the
        outcome does not hang on which of them was first."""
        state = self._apply(decide_loaded(self._snapshot, datetime.now(UTC), self._outside))
        while state is None:
            if self._queue:
                ends, due = self._execute_all(), ()
            else:
                ends, due = (), self._wait()
            state = self._apply(decide(self._snapshot, ends, due, datetime.now(UTC), self._outside))
        return self._finished(state)

    def render_one(self, task_id: str, map_index: int) -> BaseOperator:
        """One instance as it would be executed."""
        return self._attempts.rendered(self._first_try(task_id, map_index))

    def run_one(self, task_id: str, map_index: int) -> TrialTaskInstance:
        """Execute one instance, once."""
        instance = self._instance(task_id, map_index)
        task = self._snapshot.plan.tasks[self._snapshot.plan.positions[task_id]]
        result = self._attempts.run(self._first_try(task_id, map_index))
        row = TaskInstanceRow(id=self._snapshot.id(0), state=State.RUNNING, try_number=1)
        state = end_of_attempt(row, task, Outcome(result.outcome), EndCause(result.cause), result.ended_at).state
        _note(instance, result, 1)
        instance.state = TaskInstanceState(str(state))
        return instance

    def _first_try(self, task_id: str, map_index: int) -> Try:
        task = self._snapshot.plan.tasks[self._snapshot.plan.positions[task_id]]
        return Try(task_id=task_id, map_index=map_index, attempt_id=uuid4(), try_number=1, max_tries=task.retries)

    def _apply(self, decision: RunDecision) -> RunState | None:
        queued = {position: uuid4() for position in decision.ready}
        apply(run_changes(self._snapshot, decision, queued))
        self._queue.extend(queued.items())
        return decision.state

    def _wait(self) -> tuple[int, ...]:
        """Until the next task is due: its position. Raises AirflowRuntimeError if none ever will be."""
        if not self._snapshot.next_action_at:
            waiting = [ti.task_id for ti in self._states() if ti.state == State.AWAITING_INPUT]
            raise AirflowRuntimeError(
                f"the trial of DAG {self._dag.dag_id!r} cannot go on: {', '.join(waiting) or 'every task'} waits for"
                " somebody's answer, which only a run by the scheduler can get"
            )
        position, at = min(self._snapshot.next_action_at.items(), key=lambda entry: (entry[1], entry[0]))
        seconds = (at - datetime.now(UTC)).total_seconds()
        if seconds > 0:
            log.info("waiting %.1f s for %s", seconds, self._snapshot.task(position).task_id)
            time.sleep(seconds)
        return (position,)

    def _execute_all(self) -> Sequence[EndedTaskInstance]:
        ends: list[EndedTaskInstance] = []
        while self._queue:
            ends.extend(self._execute(*self._queue.popleft()))
        return ends

    def _execute(self, position: int, attempt_id: UUID) -> Sequence[EndedTaskInstance]:
        """Run an instance that was queued, unless it has been stopped since; its end."""
        snapshot = self._snapshot
        if snapshot.states[position] is not State.QUEUED or snapshot.attempt_ids[position] != attempt_id:
            return ()
        id_, task = snapshot.id(position), snapshot.task(position)
        instance = self._at(position)
        count, first = self._reschedules.get(position, (0, None))
        tried = Try(
            task_id=id_.task_id,
            map_index=id_.map_index,
            attempt_id=attempt_id,
            try_number=snapshot.try_numbers[position],
            max_tries=snapshot.max_tries[position],
            reschedule_count=count,
            first_start_date=first,
            map_lengths=self._lengths(),
        )
        log.info("running %s", _name(id_.task_id, id_.map_index))
        result = _marked() if self._is_marked(id_.task_id) else self._attempts.run(tried)
        _note(instance, result, tried.try_number)
        row = TaskInstanceRow(
            id=id_, state=State.RUNNING, try_number=tried.try_number, max_tries=tried.max_tries, attempt_id=attempt_id
        )
        effects = None if result.effects is None else _recorded(result.effects)
        cause = EndCause(result.cause)
        end = end_of_attempt(row, task, Outcome(result.outcome), cause, datetime.now(UTC), effects)
        self._note_reschedule(position, end.state, count, first or result.started_at)
        log.info("%s is %s", _name(id_.task_id, id_.map_index), end.state)
        return (
            EndedTaskInstance(
                id=id_,
                owner=None,
                attempt_id=attempt_id,
                state=end.state,
                next_action_at=end.next_action_at,
                map_length=None if effects is None else effects.map_length,
                skipped=() if effects is None else effects.skipped,
            ),
        )

    def _note_reschedule(self, position: int, state: State, count: int, first: datetime | None) -> None:
        self._reschedules.pop(position, None)
        if state is State.UP_FOR_RESCHEDULE and first is not None:
            self._reschedules[position] = (count + 1, first)

    def _is_marked(self, task_id: str) -> bool:
        pattern = self._wanted.mark_success_pattern
        return pattern is not None and re.compile(pattern).fullmatch(task_id) is not None

    def _lengths(self) -> list[tuple[str, int]]:
        snapshot = self._snapshot
        return [
            (task.task_id, len(snapshot.instances.of(place)))
            for place, task in enumerate(snapshot.plan.tasks)
            if snapshot.instances.is_expanded(place)
        ]

    def _finished(self, state: RunState) -> TrialRun:
        result, snapshot = self._result, self._snapshot
        result.state, result.end_date = DagRunState(str(state)), datetime.now(UTC)
        self._memory.run["state"] = str(state)
        result.task_instances = [
            self._at(position) for place in range(len(snapshot.plan.tasks)) for position in snapshot.instances.of(place)
        ]
        result.triggered = dict(self._memory.triggered)
        self._call_back(result)
        return result

    def _call_back(self, result: TrialRun) -> None:
        is_success = result.state == DagRunState.SUCCESS
        given: Any = self._dag.on_success_callback if is_success else self._dag.on_failure_callback
        if given:
            last = max(result.task_instances, key=lambda ti: (ti.end_date is not None, ti.end_date), default=None)
            reason = "success" if is_success else "task_failure"
            context: Any = {"dag": self._dag, "dag_run": result, "run_id": result.run_id, "ti": last, "reason": reason}
            name = "on_success_callback" if is_success else "on_failure_callback"
            call_back(given if is_collection(given) else [given], context, name)

    def _at(self, position: int) -> TrialTaskInstance:
        """The instance at a position, its state as the snapshot has it."""
        id_ = self._snapshot.id(position)
        found = self._known.get(position)
        if found is None:
            found = self._known[position] = self._instance(id_.task_id, id_.map_index)
        state = self._snapshot.states[position]
        shown = _shown(state)
        found.state = None if shown is None else TaskInstanceState(shown)
        return found

    def _instance(self, task_id: str, map_index: int) -> TrialTaskInstance:
        return TrialTaskInstance(self._dag.dag_id, self._result.run_id, task_id, map_index, self._memory)

    def _states(self) -> Sequence[InstanceState]:
        snapshot = self._snapshot
        there = (at for at in range(len(snapshot.states)) if not snapshot.instances.is_replaced(at))
        found = ((snapshot.id(at), snapshot.states[at]) for at in there)
        return [InstanceState(id_.task_id, id_.map_index, _shown(state)) for id_, state in found]

    def _row(self, now: datetime) -> DagRunRow:
        return DagRunRow(
            id=_RUN,
            dag_id=self._dag.dag_id,
            run_id=self._result.run_id,
            state=RunState.RUNNING,
            dag_version_id=UUID(int=0),
            owner=None,
            owner_epoch=0,
            revision=0,
            dag_is_paused=False,
            run_after=self._wanted.run_after,
            start_date=now,
            logical_date=self._wanted.logical_date,
        )

    def _tried_run(self) -> TriedRun:
        result = self._result
        return TriedRun(
            run_id=result.run_id,
            run_after=result.run_after,
            start_date=result.start_date,
            logical_date=result.logical_date,
            data_interval_start=result.data_interval_start,
            data_interval_end=result.data_interval_end,
            conf=json.dumps(result.conf).encode(),
        )


def _note(instance: TrialTaskInstance, result: AttemptResult, try_number: int) -> None:
    instance.try_number, instance.error = try_number, result.detail
    instance.start_date, instance.end_date = result.started_at, result.ended_at
    instance.rendered_map_index = None if result.effects is None else result.effects.rendered_map_index


def _marked() -> AttemptResult:
    """The end of a task that is not run, but taken for done."""
    now = datetime.now(UTC)
    return AttemptResult(Outcome.SUCCESS, EndCause.NONE, None, now, now)


def _recorded(effects: EndEffects) -> EndEffectsRecord:
    return EndEffectsRecord(
        map_length=effects.map_length,
        skipped=effects.skipped,
        reschedule_at=effects.reschedule_at,
        retry_delay_seconds=effects.retry_delay_seconds,
    )


def _shown(state: State) -> str | None:
    return None if state is State.NONE else str(state)


def _name(task_id: str, map_index: int) -> str:
    return task_id if map_index < 0 else f"{task_id}[{map_index}]"
