"""The rows of the in-memory store, and what all of its ports share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from tradewind.core.bundles import DAGS_FOLDER_BUNDLE
from tradewind.core.by_hand.flags import RunByHand
from tradewind.core.dag_requests import NewDagRequest
from tradewind.core.ends import AttemptEnd, end_of_attempt, unheard_request
from tradewind.core.rows import (
    Capacity,
    DagRunRow,
    DeferralRecord,
    EndedTaskInstance,
    EndEffectsRecord,
    NewTaskInstance,
    PoolCapacity,
    TaskInstanceId,
    TaskInstanceRow,
)
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import (
    SKIPPABLE_STATES,
    WAITING_STATES,
    DagRunState,
    EndCause,
    Outcome,
    TaskInstanceState,
)
from tradewind.core.timetables.values import NextRun
from tradewind.core.transitions import Actor
from tradewind.core.triggers import HumanAnswer
from tradewind.db.assets.memory_tables import MemoryAssets
from tradewind.db.bundles.memory_tables import MemoryBundles
from tradewind.db.lost_attempts import LAST_CHUNK, lost_worker_log

DEFAULT_POOL: Final = "default_pool"
DEFAULT_POOL_SLOTS: Final = 128
DEFAULT_PARALLELISM: Final = 32


class JournalEntry(NamedTuple):
    """One change of state, as the simulation checks them. `id` is a run's number where a run changed."""

    now: datetime
    id: TaskInstanceId | int
    from_state: str
    to_state: str
    attempt_id: UUID | None
    actor: str


@dataclass(slots=True, kw_only=True)
class DagTableRow:
    """Table `dag`."""

    dag_id: str
    relative_fileloc: str
    dag_version_id: UUID
    is_paused: bool
    max_active_runs: int
    next_run: NextRun | None = None
    dagrun_timeout_seconds: float | None = None
    has_deadlines: bool = False
    is_stale: bool = False
    has_import_errors: bool = False
    bundle_name: str = DAGS_FOLDER_BUNDLE
    bundle_version: str | None = None
    disable_bundle_versioning: bool = False


@dataclass(slots=True, kw_only=True)
class DagVersionTableRow:
    """Table `dag_version`."""

    id: UUID
    dag_id: str
    version_number: int
    structure_digest: str
    file_digest: str
    relative_fileloc: str
    spec: DagSpec
    bundle_name: str = DAGS_FOLDER_BUNDLE
    bundle_version: str | None = None


@dataclass(slots=True, kw_only=True)
class DagFileTableRow:
    """Table `dag_file`."""

    file_digest: str
    dependencies: dict[str, str]


@dataclass(slots=True, kw_only=True)
class DagRunTableRow:
    """Table `dag_run`."""

    id: int
    dag_id: str
    run_id: str
    run_type: str
    triggered_by: str
    dag_version_id: UUID
    run_after: datetime
    queued_at: datetime
    conf: bytes
    logical_date: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    state: DagRunState = DagRunState.QUEUED
    start_date: datetime | None = None
    end_date: datetime | None = None
    owner: UUID | None = None
    owner_epoch: int = 0
    revision: int = 0
    partition_key: str | None = None
    partition_date: datetime | None = None
    timeout_at: datetime | None = None
    try_weights: Mapping[str, tuple[int, ...]] | None = None
    deadlines_set_at: datetime | None = None
    backfill_id: int | None = None
    clear_number: int = 0
    bundle_version: str | None = None


@dataclass(slots=True, kw_only=True)
class TaskInstanceTableRow:
    """Table `task_instance`."""

    id: TaskInstanceId
    new: NewTaskInstance
    pool: str
    max_tries: int
    state: TaskInstanceState = TaskInstanceState.NONE
    try_number: int = 0
    attempt_id: UUID | None = None
    lost_attempts: int = 0
    dispatch_failures: int = 0
    held_slots: int = 0
    kept_slots: int = 0
    end_pending: bool = False
    next_action_at: datetime | None = None
    scheduled_at: datetime | None = None
    queued_at: datetime | None = None
    published_at: datetime | None = None
    publish_count: int = 0
    start_date: datetime | None = None
    code_started_at: datetime | None = None
    end_date: datetime | None = None
    recorded_at: datetime | None = None
    cause: EndCause | None = None
    detail: str | None = None
    worker_id: str | None = None
    incarnation: UUID | None = None
    nonce: int | None = None
    claimed_at_tick: float | None = None
    missing_beats: int = 0
    rendered_fields: bytes | None = None
    map_length: int | None = None
    skip_requested: bool = False
    is_resuming: bool = False
    first_start_date: datetime | None = None
    task_reschedule_count: int = 0
    next_method: str | None = None
    next_kwargs: bytes | None = None
    by_hand: RunByHand | None = None

    def forget_try(self) -> None:
        """A new try begins: nothing of how the one before waited remains."""
        self.lost_attempts = self.dispatch_failures = self.task_reschedule_count = 0
        self.is_resuming = False
        self.next_method = self.next_kwargs = self.first_start_date = None

    def forget_attempt(self) -> None:
        """A fresh attempt begins: nothing of the one before remains."""
        self.start_date = self.code_started_at = self.end_date = self.recorded_at = None
        self.cause = self.detail = self.worker_id = self.incarnation = self.nonce = None
        self.claimed_at_tick = self.rendered_fields = self.map_length = None
        self.missing_beats = 0

    @property
    def is_open(self) -> bool:
        """A worker holds it."""
        return self.state in (TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING)


@dataclass(slots=True, kw_only=True)
class TriggerTableRow:
    """Table `trigger`."""

    number: int
    id: TaskInstanceId
    deferral: DeferralRecord
    human_input: bytes | None = None
    triggerer_id: UUID | None = None


@dataclass(slots=True, kw_only=True)
class BackfillTableRow:
    """Tables `backfill` and `backfill_dag_run`."""

    dag_id: str
    max_active_runs: int
    is_paused: bool = False
    completed_at: datetime | None = None
    ordinals: dict[int, int] = field(default_factory=dict[int, int])
    """Run → its place."""


@dataclass(slots=True, kw_only=True)
class DagRequestTableRow:
    """Table `dag_request`."""

    id: int
    new: NewDagRequest
    generation: int = 0
    attempts: int = 0
    leased_until: datetime | None = None


@dataclass(slots=True, kw_only=True)
class SlotsTableRow:
    """Tables `slot_pool` and `parallelism`."""

    slots: int
    used: int = 0
    include_deferred: bool = False


@dataclass(slots=True, kw_only=True)
class SchedulerTableRow:
    """Table `scheduler`."""

    renewed_at_tick: float
    expired_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class WorkerTableRow:
    """Table `worker`."""

    sequence: int
    renewed_at_tick: float
    expired_at: datetime | None = None
    drains: bool = False
    """Column `drain_asked_at` is set."""


@dataclass(slots=True, kw_only=True)
class LeaseClockTableRow:
    """Table `lease_clock`."""

    tick: float = 0.0
    lease_seconds: float = 10.0
    holder: UUID | None = None
    ticked_at: datetime | None = None
    silent_until_tick: float = 0.0

    def has_run_out(self, renewed_at_tick: float, lease_seconds: float) -> bool:
        """Whether a lease renewed at that tick is over; never during a silence."""
        return self.tick >= self.silent_until_tick and self.tick - renewed_at_tick > lease_seconds


@dataclass(slots=True)
class MemoryTables:
    """Everything that the in-memory store holds. Reading is for tests; only the store's methods write."""

    dags: dict[str, DagTableRow] = field(default_factory=dict[str, DagTableRow])
    dag_versions: dict[UUID, DagVersionTableRow] = field(default_factory=dict[UUID, DagVersionTableRow])
    dag_files: dict[str, DagFileTableRow] = field(default_factory=dict[str, DagFileTableRow])
    parse_requests: dict[str, int] = field(default_factory=dict[str, int])
    import_errors: dict[str, str] = field(default_factory=dict[str, str])
    dag_runs: dict[int, DagRunTableRow] = field(default_factory=dict[int, DagRunTableRow])
    task_instances: dict[int, dict[TaskInstanceId, TaskInstanceTableRow]] = field(
        default_factory=dict[int, dict[TaskInstanceId, TaskInstanceTableRow]]
    )
    """By run."""
    history: list[tuple[TaskInstanceId, int, UUID]] = field(default_factory=list[tuple[TaskInstanceId, int, UUID]])
    """(task instance, try_number, attempt id) of finished tries that were followed by another."""
    xcoms: dict[tuple[TaskInstanceId, str], bytes] = field(default_factory=dict[tuple[TaskInstanceId, str], bytes])
    logs: dict[tuple[UUID, int], bytes] = field(default_factory=dict[tuple[UUID, int], bytes])
    pools: dict[str, SlotsTableRow] = field(
        default_factory=lambda: {DEFAULT_POOL: SlotsTableRow(slots=DEFAULT_POOL_SLOTS)}
    )
    parallelism: SlotsTableRow = field(default_factory=lambda: SlotsTableRow(slots=DEFAULT_PARALLELISM))
    schedulers: dict[UUID, SchedulerTableRow] = field(default_factory=dict[UUID, SchedulerTableRow])
    workers: dict[tuple[str, UUID], WorkerTableRow] = field(default_factory=dict[tuple[str, UUID], WorkerTableRow])
    lease_clock: LeaseClockTableRow = field(default_factory=LeaseClockTableRow)
    service_heartbeats: dict[tuple[str, UUID], datetime] = field(default_factory=dict[tuple[str, UUID], datetime])
    journal: list[JournalEntry] = field(default_factory=list[JournalEntry])
    run_numbers: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    """(dag_id, run_id) → number of the run."""
    variables: dict[str, bytes] = field(default_factory=dict[str, bytes])
    connections: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """conn_id → password."""
    deadlines: dict[tuple[int, int], datetime] = field(default_factory=dict[tuple[int, int], datetime])
    """(run, place) → when it is due."""
    backfills: dict[int, BackfillTableRow] = field(default_factory=dict[int, BackfillTableRow])
    dag_requests: dict[int, DagRequestTableRow] = field(default_factory=dict[int, DagRequestTableRow])
    requests_made: int = 0
    triggers: dict[UUID, TriggerTableRow] = field(default_factory=dict[UUID, TriggerTableRow])
    """By the attempt that was deferred."""
    triggers_made: int = 0
    triggerers: dict[UUID, float] = field(default_factory=dict[UUID, float])
    """Triggerer → tick of its last renewal."""
    answers: dict[UUID, tuple[HumanAnswer, datetime]] = field(default_factory=dict[UUID, tuple[HumanAnswer, datetime]])
    """What people answered, and when, by the attempt that asked."""
    attempts: dict[UUID, TaskInstanceId] = field(default_factory=dict[UUID, TaskInstanceId])
    """Index: latest attempts."""
    assets: MemoryAssets = field(default_factory=MemoryAssets)
    bundles: MemoryBundles = field(default_factory=MemoryBundles)

    def pinned_bundle_version(self, dag_id: str) -> str | None:
        """What a run of the DAG is bound to that is made now."""
        dag = self.dags.get(dag_id)
        if dag is None or dag.disable_bundle_versioning:
            return None
        return self.latest_bundle_version(dag)

    def latest_bundle_version(self, dag: DagTableRow) -> str | None:
        """What the DAG's last good parse read, if that is stored."""
        own = self.bundles.current.get(dag.bundle_name) if dag.bundle_version is None else dag.bundle_version
        return own or None


class MemoryStoreBase:
    """What the ports of the in-memory store share."""

    def __init__(self, tables: MemoryTables | None = None) -> None:
        self.tables = tables or MemoryTables()
        self._ids_made = 0

    def _new_id(self) -> UUID:
        self._ids_made += 1
        return UUID(int=self._ids_made)

    def _row(self, id_: TaskInstanceId) -> TaskInstanceTableRow | None:
        return self.tables.task_instances.get(id_.dag_run_id, {}).get(id_)

    def _rows(self, dag_run_id: int) -> list[TaskInstanceTableRow]:
        rows = self.tables.task_instances.get(dag_run_id, {})
        return [rows[id_] for id_ in sorted(rows)]

    def _all_rows(self) -> Iterable[TaskInstanceTableRow]:
        return (row for rows in self.tables.task_instances.values() for row in rows.values())

    def _set_state(self, row: TaskInstanceTableRow, state: TaskInstanceState, now: datetime, actor: Actor) -> None:
        if row.state is not state:
            entry = JournalEntry(now, row.id, row.state.value, state.value, row.attempt_id, actor.value)
            self.tables.journal.append(entry)
            row.state = state

    def _set_run_state(self, run: DagRunTableRow, state: DagRunState, now: datetime, actor: Actor) -> None:
        if run.state is not state:
            entry = JournalEntry(now, run.id, run.state.value, state.value, None, actor.value)
            self.tables.journal.append(entry)
            run.state = state

    def _task_spec(self, id_: TaskInstanceId) -> TaskSpec:
        spec = self.tables.dag_versions[self.tables.dag_runs[id_.dag_run_id].dag_version_id].spec
        for task in spec.tasks:
            if task.task_id == id_.task_id:
                return task
        return TaskSpec(task_id=id_.task_id)

    def _capacity(self) -> Capacity:
        pools = self.tables.pools
        return Capacity(
            pools=tuple(
                PoolCapacity(pool=name, slots=row.slots, used=row.used, include_deferred=row.include_deferred)
                for name, row in sorted(pools.items())
            ),
            parallelism=self.tables.parallelism.slots,
            parallelism_used=self.tables.parallelism.used,
        )

    def _end(
        self,
        row: TaskInstanceTableRow,
        outcome: Outcome,
        cause: EndCause,
        ended_at: datetime,
        now: datetime,
        actor: Actor,
        effects: EndEffectsRecord | None = None,
        *,
        is_silent: bool = False,
    ) -> AttemptEnd:
        """Apply `core.ends` to the row's attempt."""
        before, task = core_row(row), self._task_spec(row.id)
        end = end_of_attempt(before, task, outcome, cause, now, effects)
        if is_silent:
            dag_id = self.tables.dag_runs[row.id.dag_run_id].dag_id
            request = unheard_request(dag_id, before, task, end, row.detail, ended_at)
            if request is not None:
                self.tables.requests_made += 1
                number = self.tables.requests_made
                self.tables.dag_requests[number] = DagRequestTableRow(id=number, new=request)
        if end.copy_to_history:
            assert row.attempt_id is not None
            self.tables.history.append((row.id, row.try_number, row.attempt_id))
        self._set_state(row, end.state, now, actor)
        row.next_action_at = end.next_action_at
        row.lost_attempts, row.dispatch_failures = end.lost_attempts, end.dispatch_failures
        row.cause, row.end_date, row.recorded_at, row.end_pending = cause, ended_at, now, True
        self._write_effects(row, effects or EndEffectsRecord())
        return end

    def _write_effects(self, row: TaskInstanceTableRow, effects: EndEffectsRecord) -> None:
        state, attempt_id = row.state, row.attempt_id
        waits = state in WAITING_STATES
        row.map_length = effects.map_length if state is TaskInstanceState.SUCCESS else None
        row.is_resuming = waits or (row.is_resuming and state is TaskInstanceState.SCHEDULED)
        row.task_reschedule_count += state is TaskInstanceState.UP_FOR_RESCHEDULE
        deferral = effects.deferral if waits else None
        if state is not TaskInstanceState.SCHEDULED:  # dispatched again, it goes on where it would have
            row.next_method = None if deferral is None else deferral.next_method
            row.next_kwargs = None if deferral is None else deferral.next_kwargs
        if deferral is not None and attempt_id is not None:
            self._add_trigger(row, attempt_id, deferral, effects.human_input)
        for task_id, map_index in effects.skipped:
            for target in self._rows(row.id.dag_run_id):
                is_meant = target.id.task_id == task_id and map_index in (-1, target.id.map_index)
                if is_meant and target.state in SKIPPABLE_STATES:
                    target.skip_requested = True

    def _add_trigger(
        self, row: TaskInstanceTableRow, attempt_id: UUID, deferral: DeferralRecord, human_input: bytes | None = None
    ) -> None:
        if attempt_id not in self.tables.triggers:
            self.tables.triggers_made += 1
            self.tables.triggers[attempt_id] = TriggerTableRow(
                number=self.tables.triggers_made, id=row.id, deferral=deferral, human_input=human_input
            )

    def _lose(self, row: TaskInstanceTableRow, now: datetime, actor: Actor) -> EndedTaskInstance:
        """The worker of a running attempt is gone."""
        row.detail = None
        if row.attempt_id is not None:
            self.tables.logs.setdefault((row.attempt_id, LAST_CHUNK), lost_worker_log(row.worker_id, now))
        self._end(row, Outcome.FAILED, EndCause.WORKER_LOST, now, now, actor, is_silent=True)
        return EndedTaskInstance(
            id=row.id,
            owner=self.tables.dag_runs[row.id.dag_run_id].owner,
            attempt_id=row.attempt_id,
            state=row.state,
            next_action_at=row.next_action_at,
        )


def core_row(row: TaskInstanceTableRow) -> TaskInstanceRow:
    """The row as the core sees it."""
    return TaskInstanceRow(
        id=row.id,
        state=row.state,
        try_number=row.try_number,
        max_tries=row.max_tries,
        attempt_id=row.attempt_id,
        lost_attempts=row.lost_attempts,
        dispatch_failures=row.dispatch_failures,
        held_slots=row.held_slots,
        end_pending=row.end_pending,
        next_action_at=row.next_action_at,
        queued_at=row.queued_at,
        published_at=row.published_at,
        publish_count=row.publish_count,
        map_length=row.map_length,
        skip_requested=row.skip_requested,
        is_resuming=row.is_resuming,
        kept_slots=row.kept_slots,
        by_hand=row.by_hand,
    )


def core_dag_run(run: DagRunTableRow, dag: DagTableRow | None) -> DagRunRow:
    """The run as the core sees it."""
    return DagRunRow(
        id=run.id,
        dag_id=run.dag_id,
        run_id=run.run_id,
        state=run.state,
        dag_version_id=run.dag_version_id,
        owner=run.owner,
        owner_epoch=run.owner_epoch,
        revision=run.revision,
        dag_is_paused=dag is not None and dag.is_paused,
        run_after=run.run_after,
        start_date=run.start_date,
        run_type=run.run_type,
        logical_date=run.logical_date,
        timeout_at=run.timeout_at,
        try_weights=run.try_weights,
    )
