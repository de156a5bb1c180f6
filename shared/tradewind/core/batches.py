"""From decisions to rows, and from committed rows back to snapshots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from tradewind.core.dag_requests import NewDagRequest, RequestKind
from tradewind.core.decide import begins_try
from tradewind.core.decisions import NOTHING, RunDecision
from tradewind.core.gates import ACTIVE_STATES, task_limits
from tradewind.core.rows import (
    DagRunChange,
    DecisionBatch,
    FailingDag,
    LimitedTask,
    NewTaskInstance,
    StartedDeferral,
    TaskInstanceChange,
)
from tradewind.core.slots import Lane, TaskLimit
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.transitions import Actor, Event, next_state
from tradewind.core.triggers import started_deferral


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChanges:
    """All that one batch changes in one run."""

    snapshot: RunSnapshot
    decision: RunDecision = NOTHING
    queued: Mapping[int, UUID] = field(default_factory=dict[int, UUID])
    """Positions that got their slots, each with the fresh attempt id."""
    deferred: Mapping[int, UUID] = field(default_factory=dict[int, UUID])
    """Positions that begin by waiting, each with the attempt id that its trigger's row is guarded by."""
    refused: tuple[int, ...] = ()
    """Ready positions that did not and are not `scheduled` yet."""

    @property
    def writes(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self.decision.writes or self.queued or self.refused)


def run_changes(
    snapshot: RunSnapshot,
    decision: RunDecision,
    queued: Mapping[int, UUID],
    deferred: Mapping[int, UUID] | None = None,
) -> RunChanges:
    """A decision with the slots that were allocated: what is ready and got none becomes `scheduled`."""
    make_room(snapshot, decision)
    before = _decided_states(decision)
    refused = tuple(
        position
        for position in decision.ready
        if position not in queued and before.get(position, snapshot.states[position]) is not TaskInstanceState.SCHEDULED
    )
    return RunChanges(snapshot=snapshot, decision=decision, queued=queued, deferred=deferred or {}, refused=refused)


def _decided_states(decision: RunDecision) -> Mapping[int, TaskInstanceState]:
    """States by the decision itself, before what is ready gets slots: ends, and instances that are needed again."""
    states = {ended.position: ended.state for ended in decision.ended}
    states.update((settled.position, settled.state) for settled in decision.settled)
    states.update((deferred.position, deferred.state) for deferred in decision.deferred)
    return states


def make_room(snapshot: RunSnapshot, decision: RunDecision) -> None:
    """Give the instances that a decision adds their places in the snapshot's columns; again changes nothing."""
    if decision.instances is not None and len(decision.instances) > len(snapshot.states):
        snapshot.make_room(decision.instances)


def lane_of(snapshot: RunSnapshot, position: int) -> Lane:
    """Which slots the task wants."""
    task = snapshot.task(position)
    return Lane(task.pool, task.pool_slots)


def limits_of(snapshot: RunSnapshot, position: int) -> tuple[TaskLimit, ...]:
    """The task's own limits; most tasks have none."""
    if not snapshot.active_by_place:
        return ()
    return tuple(task_limits(snapshot.run.dag_id, snapshot.run.id, snapshot.task(position)))


def active_by_place(snapshot: RunSnapshot, decision: RunDecision) -> Mapping[int, int]:
    """Active instances of the tasks that have limits of their own, as the decision leaves them."""
    if not snapshot.active_by_place:
        return snapshot.active_by_place
    counts = dict(snapshot.active_by_place)
    for position, state in _decided_states(decision).items():
        place = snapshot.instances.task(position)
        if place in counts:
            counts[place] += (state in ACTIVE_STATES) - (snapshot.states[position] in ACTIVE_STATES)
    return counts


def decision_batch(scheduler_id: UUID, now: datetime, runs: Sequence[RunChanges]) -> DecisionBatch:
    """The rows of all these runs' changes, to be committed whole or not at all."""
    return DecisionBatch(
        scheduler_id=scheduler_id,
        now=now,
        runs=tuple(_run_change(changes, now) for changes in runs),
        replaced=tuple(changes.snapshot.unmapped_id(place) for changes in runs for place in changes.decision.replaced),
        created=tuple(row for changes in runs for row in _created(changes)),
        changes=tuple(row for changes in runs for row in _changes(changes)),
        acknowledged=tuple(row for changes in runs for row in changes.decision.acknowledged),
        limited=_limited(runs),
        failing=_failing(runs),
        requests=tuple(request for changes in runs for request in _author_requests(changes)),
        deferrals=tuple(row for changes in runs for row in _deferrals(changes, now)),
    )


def _deferrals(changes: RunChanges, now: datetime) -> list[StartedDeferral]:
    """What tasks that begin by waiting wait for."""
    snapshot = changes.snapshot
    return [
        StartedDeferral(
            id=snapshot.id(position),
            attempt_id=attempt_id,
            deferral=started_deferral(snapshot.task(position), now),
        )
        for position, attempt_id in changes.deferred.items()
    ]


def _author_requests(changes: RunChanges) -> list[NewDagRequest]:
    """What the DAG's own callbacks, and listeners of plugins, are to hear of the run."""
    state, spec, run = changes.decision.state, changes.snapshot.plan.spec, changes.snapshot.run
    kinds: list[RequestKind] = []
    if changes.snapshot.is_new and DagRunState.RUNNING in spec.run_listeners:
        kinds.append(RequestKind.RUN_BEGAN)
    if changes.snapshot.is_new and spec.asks_weights:
        kinds.append(RequestKind.RUN_WEIGHTS)
    calls_back = {DagRunState.SUCCESS: spec.has_on_success_callback, DagRunState.FAILED: spec.has_on_failure_callback}
    if state is not None and calls_back.get(state):
        kinds.append(RequestKind.DAG_CALLBACK)
    if state is not None and state in spec.run_listeners:
        kinds.append(RequestKind.RUN_ENDED)
    reason = changes.decision.end_reason
    return [NewDagRequest(dag_id=run.dag_id, kind=kind, dag_run_id=run.id, reason=reason) for kind in kinds]


def _limited(runs: Sequence[RunChanges]) -> tuple[LimitedTask, ...]:
    """Tasks with a limit over all runs of their DAG of which instances are queued."""
    added: dict[tuple[str, str, int], int] = {}
    for changes in runs:
        if not changes.snapshot.plan.limited:
            continue
        for position in changes.queued:
            task = changes.snapshot.task(position)
            if task.max_active_tis_per_dag is not None:
                key = (changes.snapshot.run.dag_id, task.task_id, task.max_active_tis_per_dag)
                added[key] = added.get(key, 0) + 1
    return tuple(LimitedTask(*key, count) for key, count in sorted(added.items()))


def _failing(runs: Sequence[RunChanges]) -> tuple[FailingDag, ...]:
    limits = {
        changes.snapshot.run.dag_id: changes.snapshot.plan.spec.max_consecutive_failed_dag_runs
        for changes in runs
        if changes.decision.state is DagRunState.FAILED
    }
    return tuple(FailingDag(dag_id, limit) for dag_id, limit in sorted(limits.items()) if limit > 0)


def apply(changes: RunChanges) -> None:
    """Bring the snapshot to where the store is after the commit."""
    snapshot, decision = changes.snapshot, changes.decision
    snapshot.is_new = False
    for grown in decision.grown:
        snapshot.count_grown(grown.place, grown.before)
    for position in decision.created:
        snapshot.missing[position] = 0
    for acknowledged in decision.acknowledged:
        position = snapshot.find(acknowledged.id)
        assert position is not None, f"{acknowledged.id} was acknowledged and is not there"
        snapshot.set_held(position, 0)
        snapshot.set_kept(position, acknowledged.kept_slots)
        snapshot.pending.pop(position, None)
    for ended in decision.ended:
        snapshot.set_state(ended.position, ended.state)
        snapshot.set_next_action(ended.position, ended.next_action_at)
        if ended.map_length is not None:
            snapshot.map_lengths[ended.position] = ended.map_length
    snapshot.skip_requested.update(dict.fromkeys(decision.skip_requested))
    for settled in decision.settled:
        _enter(snapshot, settled.position, settled.state)
        snapshot.set_held(settled.position, 0)
        snapshot.set_kept(settled.position, 0)
    for position, attempt_id in changes.deferred.items():
        _enter(snapshot, position, TaskInstanceState.DEFERRED)
        snapshot.attempt_ids[position] = attempt_id
    for position in changes.refused:
        _enter(snapshot, position, TaskInstanceState.SCHEDULED)
    for position, attempt_id in changes.queued.items():
        _enter(snapshot, position, TaskInstanceState.QUEUED)
        snapshot.attempt_ids[position] = attempt_id
        snapshot.set_held(position, snapshot.task(position).pool_slots)
    _note_past(snapshot, decision)


def _note_past(snapshot: RunSnapshot, decision: RunDecision) -> None:
    for place, is_met in decision.past.items():
        if is_met:
            snapshot.waiting_for_past.pop(place, None)
        else:
            snapshot.waiting_for_past[place] = None


def _enter(snapshot: RunSnapshot, position: int, state: TaskInstanceState) -> None:
    snapshot.try_numbers[position] += begins_try(snapshot.states[position], state)
    snapshot.set_state(position, state)
    snapshot.set_next_action(position, None)


def _run_change(changes: RunChanges, now: datetime) -> DagRunChange:
    run, state = changes.snapshot.run, changes.decision.state
    return DagRunChange(
        dag_run_id=run.id,
        expected_epoch=run.owner_epoch,
        expected_revision=run.revision,
        state=state,
        end_date=now if state else None,
    )


def _created(changes: RunChanges) -> list[NewTaskInstance]:
    return [_new_row(changes.snapshot, position) for position in changes.decision.created]


def _new_row(snapshot: RunSnapshot, position: int) -> NewTaskInstance:
    task = snapshot.task(position)
    return NewTaskInstance(
        id=snapshot.id(position),
        max_tries=task.retries,
        pool=task.pool,
        pool_slots=task.pool_slots,
        queue=task.queue,
        executor=task.executor,
        priority_weight=snapshot.priority(position),
        operator=task.task_type,
        task_display_name=task.task_display_name,
    )


def _changes(changes: RunChanges) -> list[TaskInstanceChange]:
    before = _decided_states(changes.decision)
    states = changes.snapshot.states
    rows = [
        _settled(changes.snapshot, settled.position, settled.before, settled.state)
        for settled in changes.decision.settled
    ]
    for deferred in changes.decision.deferred:
        row = _settled(changes.snapshot, deferred.position, deferred.before, deferred.state)
        rows.append(replace(row, attempt_id=changes.deferred[deferred.position]))
    for position in changes.refused:
        state = before.get(position, states[position])
        is_resuming = state is TaskInstanceState.UP_FOR_RESCHEDULE
        after = next_state(state, Event.RESUMED if is_resuming else Event.BECAME_READY, Actor.SCHEDULER)
        rows.append(_settled(changes.snapshot, position, state, after))
    for position, attempt_id in changes.queued.items():
        rows.append(_queued(changes.snapshot, position, before.get(position, states[position]), attempt_id))
    return rows


def _settled(
    snapshot: RunSnapshot, position: int, before: TaskInstanceState, state: TaskInstanceState
) -> TaskInstanceChange:
    attempt_id = snapshot.attempt_ids[position]
    is_new_try = begins_try(before, state)
    return TaskInstanceChange(
        id=snapshot.id(position),
        expected_state=before,
        expected_attempt_id=attempt_id,
        state=state,
        attempt_id=attempt_id,
        try_number=snapshot.try_numbers[position] + is_new_try,
        pool=snapshot.task(position).pool,
        resets_losses=is_new_try,
    )


def _queued(snapshot: RunSnapshot, position: int, before: TaskInstanceState, attempt_id: UUID) -> TaskInstanceChange:
    task = snapshot.task(position)
    is_new_try = begins_try(before, TaskInstanceState.QUEUED)
    return TaskInstanceChange(
        id=snapshot.id(position),
        expected_state=before,
        expected_attempt_id=snapshot.attempt_ids[position],
        state=next_state(before, Event.DISPATCHED, Actor.SCHEDULER),
        attempt_id=attempt_id,
        try_number=snapshot.try_numbers[position] + is_new_try,
        held_slots=task.pool_slots,
        pool=task.pool,
        resets_losses=is_new_try,
    )
