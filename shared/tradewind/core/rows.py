"""The values that pass between the scheduling core and a store: rows as read, changes as decided.

Times are aware UTC datetimes; ids of runs are the store's surrogate integers, which never leave the system
(the API and the wire name a run by `dag_id` and `run_id`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from tradewind.core.bundles import DAGS_FOLDER_BUNDLE
from tradewind.core.by_hand.flags import RunByHand
from tradewind.core.dag_requests import NewDagRequest
from tradewind.core.spec import DagSpec
from tradewind.core.states import DagRunState, EndCause, Outcome, TaskInstanceState


class TaskInstanceId(NamedTuple):
    """Primary key of a task instance: its run, task and place in a mapping (-1 = not mapped)."""

    dag_run_id: int
    task_id: str
    map_index: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInstanceRow:
    """A task instance as the scheduler and the end function see it."""

    id: TaskInstanceId
    state: TaskInstanceState = TaskInstanceState.NONE
    try_number: int = 0
    """0 before the first try; raised when a try becomes ready (scheduled or queued); a re-dispatch keeps it."""
    max_tries: int = 0
    """`retries` of the task when its row was made (or as raised by a clear)."""
    attempt_id: UUID | None = None
    """The fencing token of the latest attempt; None until first queued."""
    lost_attempts: int = 0
    """Attempts of this try lost to infrastructure after they were claimed (draws on the infrastructure budget)."""
    dispatch_failures: int = 0
    """Attempts of this try that ended before user code began."""
    held_slots: int = 0
    """Pool slots that the attempt holds in its pool's `used`; 1 of `parallelism` is held whenever this is not 0."""
    kept_slots: int = 0
    """Pool slots that it keeps without an attempt: it is deferred, and its pool counts deferred tasks."""
    end_pending: bool = False
    """An end was recorded that the run's owner has not decided upon yet."""
    next_action_at: datetime | None = None
    """When a retry (up_for_retry) or a re-dispatch (scheduled) becomes due."""
    queued_at: datetime | None = None
    published_at: datetime | None = None
    """When the attempt's message was last published (sweep: re-publishing)."""
    publish_count: int = 0
    map_length: int | None = None
    """How many items the return value of its last success has, None = nothing to map over; of an instance of a mapped
    task 1 = it pushed something, for what maps over it takes one item of each instance."""
    skip_requested: bool = False
    """A branch upstream did not choose it: it is skipped whatever its trigger rule says."""
    is_resuming: bool = False
    """It was deferred or rescheduled: entering `queued` goes on with the same try."""
    by_hand: RunByHand | None = None
    """A person had it run: how; until it is cleared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRunRow:
    """A DAG run as the scheduler sees it."""

    id: int
    dag_id: str
    run_id: str
    state: DagRunState
    dag_version_id: UUID
    owner: UUID | None
    owner_epoch: int
    """Raised by each take-over; a scheduler's transaction that carries an older one is refused."""
    revision: int
    """Raised by each API action on the run; a scheduler that has an older one reloads the run."""
    dag_is_paused: bool
    run_after: datetime
    start_date: datetime | None = None
    run_type: str = "manual"
    logical_date: datetime | None = None
    timeout_at: datetime | None = None
    """start_date + the DAG's `dagrun_timeout`."""
    backfill_id: int | None = None
    try_weights: Mapping[str, tuple[int, ...]] | None = None
    """Task → the weights of its first tries, as its strategy said of this run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRun:
    """A run with all of its task instances, read in one snapshot."""

    run: DagRunRow
    task_instances: tuple[TaskInstanceRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInstanceChange:
    """One guarded transition: applied only where state and attempt are still as expected."""

    id: TaskInstanceId
    expected_state: TaskInstanceState
    expected_attempt_id: UUID | None
    state: TaskInstanceState
    attempt_id: UUID | None = None
    """The attempt id after the change: a fresh one on entry to `queued`, otherwise the expected one."""
    try_number: int
    held_slots: int = 0
    pool: str = "default_pool"
    next_action_at: datetime | None = None
    resets_losses: bool = False
    """True when a new try begins (entry to `scheduled` or `queued` from `none` or `up_for_retry`): `lost_attempts` and
    `dispatch_failures` return to 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTaskInstance:
    """A row to insert in state `none`."""

    id: TaskInstanceId
    max_tries: int
    pool: str
    pool_slots: int
    queue: str
    executor: str | None
    priority_weight: int
    operator: str
    task_display_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAcknowledged:
    """The owner has decided upon this end: clears `end_pending`, gives the slots that it held back."""

    id: TaskInstanceId
    attempt_id: UUID | None
    released_slots: int
    """What the attempt held; with it goes its place under `parallelism`."""
    pool: str
    returned_slots: int = 0
    """What it had kept while it was deferred."""
    kept_slots: int = 0
    """What it keeps from now on: it is deferred, and its pool counts deferred tasks."""

    @property
    def given_back(self) -> int:
        """By how much the pool's `used` falls."""
        return self.released_slots + self.returned_slots - self.kept_slots


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRunChange:
    """Guard for one run of a batch, and its new state if it ends."""

    dag_run_id: int
    expected_epoch: int
    expected_revision: int
    state: DagRunState | None = None
    """None = unchanged."""
    end_date: datetime | None = None


class LimitedTask(NamedTuple):
    """A task of which only so many instances may be active over all runs of its DAG, and how many a batch adds."""

    dag_id: str
    task_id: str
    size: int
    added: int


class FailingDag(NamedTuple):
    """A DAG that is paused when so many of its latest runs have failed one after the other."""

    dag_id: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferralRecord:
    """What a deferred attempt waits for, and how it goes on; values are JSON text."""

    classpath: str
    kwargs: bytes
    next_method: str
    next_kwargs: bytes
    timeout_at: datetime | None = None
    queue: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedDeferral:
    """A task instance that begins by waiting, and what for."""

    id: TaskInstanceId
    attempt_id: UUID
    deferral: DeferralRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionBatch:
    """What one scheduler decided over any number of its runs; committed whole or not at all.

    Slot rows change by the batch's net delta (`changes` that enter `queued` take, `acknowledged` give back), rows in
    key order, as the last statement, guarded by `used + n <= slots`.
    """

    scheduler_id: UUID
    now: datetime
    runs: tuple[DagRunChange, ...]
    replaced: tuple[TaskInstanceId, ...] = ()
    """Unmapped rows, in state `none`, that give way to the `created` ones of their mapped task."""
    created: tuple[NewTaskInstance, ...] = ()
    changes: tuple[TaskInstanceChange, ...] = ()
    acknowledged: tuple[EndAcknowledged, ...] = ()
    limited: tuple[LimitedTask, ...] = ()
    """In key order. Those with more active instances than their size, the added ones counted, refuse the batch."""
    failing: tuple[FailingDag, ...] = ()
    """DAGs, in key order, of which a run of the batch failed."""
    deferrals: tuple[StartedDeferral, ...] = ()
    """What those of the `changes` to `deferred` wait for."""
    requests: tuple[NewDagRequest, ...] = ()
    """What authors' code is to hear of the runs that end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCapacity:
    """Slots of one pool; `slots` -1 = unlimited."""

    pool: str
    slots: int
    used: int
    include_deferred: bool = False
    """Deferred tasks keep their slots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """All limits that are shared between schedulers, as last read."""

    pools: tuple[PoolCapacity, ...]
    parallelism: int
    """0 = no cap."""
    parallelism_used: int


@dataclass(frozen=True, slots=True)
class Committed:
    """The batch is in the store. `capacity` holds the shared limits as they stood after it, if slots were touched."""

    capacity: Capacity | None = None
    paused_dag_ids: tuple[str, ...] = ()
    """DAGs that were paused because too many of their runs have failed."""


@dataclass(frozen=True, slots=True)
class StaleRuns:
    """Nothing was written: runs owned by another epoch, revised, or a guarded row had changed: reload them."""

    dag_run_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SlotsRefused:
    """Nothing was written: a pool or `parallelism` has less room than the batch wants. Decide again with `capacity`."""

    capacity: Capacity


CommitResult = Committed | StaleRuns | SlotsRefused


class Verdict(StrEnum):
    """The collector's answer to a claim or an end. The first three are final; `RETRY` means: ask again later."""

    DONE = "done"
    """Granted, or committed; the identical request replays this answer."""
    SUPERSEDED = "superseded"
    """Another attempt or worker is current, or the attempt was voided: stop, write nothing."""
    EXPIRED = "expired"
    """The worker's incarnation was given up: kill every child and register anew with another incarnation."""
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A worker's wish to run one attempt. Only the identical (attempt, incarnation, nonce) replays its grant."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    attempt_id: UUID
    worker_id: str
    incarnation: UUID
    nonce: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedRun:
    """What a granted attempt needs to know of its run and version to execute."""

    try_number: int
    max_tries: int
    relative_fileloc: str
    file_digest: str
    run_type: str
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    dag_run_start_date: datetime | None
    dag_run_queued_at: datetime | None
    triggered_by: str
    conf: bytes
    """The run's conf as JSON."""
    start_date: datetime
    """When the claim was granted: the try's start_date."""
    next_method: str | None = None
    next_kwargs: bytes | None = None
    task_reschedule_count: int = 0
    first_start_date: datetime | None = None
    triggering_user_name: str | None = None
    partition_key: str | None = None
    map_lengths: tuple[tuple[str, int], ...] = ()
    partition_date: datetime | None = None
    bundle_name: str = DAGS_FOLDER_BUNDLE
    bundle_version: str | None = None
    """What the run is bound to; None = it takes the latest."""
    bundle_digest: str | None = None
    """Of the content that the attempt is to run; None = what stands in the folders of its worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAnswer:
    """Answer to one claim; `run` only with `DONE`."""

    attempt_id: UUID
    verdict: Verdict
    run: GrantedRun | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndEffectsRecord:
    """What an attempt's end changes beyond its own state, committed in the same transaction."""

    map_length: int | None = None
    rendered_map_index: str | None = None
    skipped: tuple[tuple[str, int], ...] = ()
    """(task_id, map_index) pairs that a branch did not choose; map_index -1 of a mapped task = all of it."""
    reschedule_at: datetime | None = None
    deferral: DeferralRecord | None = None
    retry_delay_seconds: float | None = None
    asset_events: tuple[bytes, ...] = ()
    human_input: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEndRecord:
    """An attempt's end as reported, with everything that must be committed in the same transaction."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    attempt_id: UUID
    worker_id: str
    incarnation: UUID
    outcome: Outcome
    cause: EndCause
    detail: str | None
    """One line for people: the exception, the signal, the memory limit."""
    started_at: datetime | None
    """When user code began (None = it never did)."""
    ended_at: datetime
    xcoms: tuple[tuple[str, bytes], ...] = ()
    """(key, JSON text) pairs; the return value under `return_value`."""
    log_sequence: int = 0
    log: bytes = b""
    """The part of the log that has not been stored yet (NDJSON lines), and its chunk number."""
    rendered_fields: bytes | None = None
    """Template fields after rendering, as a JSON object."""
    pid: int | None = None
    hostname: str | None = None
    effects: EndEffectsRecord | None = None
    is_silent: bool = False
    """The task's process could not tell anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAnswer:
    """Answer to one end report, and whom to tell: the owner of the run (None = nobody owns it, the sweep will)."""

    attempt_id: UUID
    verdict: Verdict
    id: TaskInstanceId | None = None
    owner: UUID | None = None
    state: TaskInstanceState | None = None
    next_action_at: datetime | None = None
    map_length: int | None = None
    skipped: tuple[tuple[str, int], ...] = ()
    asset_dag_ids: tuple[str, ...] = ()
    """DAGs that wait for asset events which this batch of ends has brought; one of its answers names them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerBeat:
    """One heartbeat of one worker (or local executor): who it is, and the attempts that it holds."""

    worker_id: str
    incarnation: UUID
    hostname: str
    pid: int
    kind: str
    """`celery`, `local`, `sequential` or `single` (one attempt: `tasks run`, a pod)."""
    queues: tuple[str, ...]
    concurrency: int
    attempt_ids: tuple[UUID, ...]
    """Attempts claimed and not yet answered as ended."""
    sequence: int
    leaving: bool = False
    """The worker has stopped and holds nothing any more: its row is removed."""
    tags: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    """Pools that it takes tasks of; none = of all."""
    draining: bool = False
    """It takes nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTaskInstance:
    """Told to a run's owner: this task instance has an end to decide upon (also ends made by expiry)."""

    id: TaskInstanceId
    owner: UUID | None
    attempt_id: UUID | None
    state: TaskInstanceState
    next_action_at: datetime | None = None
    """As `AttemptEnd.next_action_at`: when a retry or a re-dispatch is due."""
    map_length: int | None = None
    skipped: tuple[tuple[str, int], ...] = ()
    """As `EndEffectsRecord`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DagFileParse:
    """What came of parsing one DAG file: its DAGs, or why there are none, or both (one of its DAGs was refused)."""

    relative_fileloc: str
    file_digest: str
    """Of the content that was parsed: sha256, hexadecimal."""
    specs: tuple[DagSpec, ...] = ()
    stacktrace: str | None = None
    """The import error. With it, DAGs of the file that are not in `specs` keep their last good version."""
    dependencies: Mapping[str, str] = field(default_factory=dict[str, str])
    """What else the parse read: name → fingerprint (made by the dag processor, opaque to the store)."""
    bundle_name: str = DAGS_FOLDER_BUNDLE
    bundle_version: str = ""
    """The version that holds what the parse read; empty = none that is stored does."""
    duration_seconds: float | None = None
    """How long the parse took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DagFileRow:
    """A DAG file as last parsed, good or bad."""

    relative_fileloc: str
    file_digest: str
    dependencies: Mapping[str, str] = field(default_factory=dict[str, str])
    dag_ids: tuple[str, ...] = ()
    """DAGs that this file defines now (stale ones left out), sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatAnswer:
    """`DONE` or `EXPIRED`, and the attempts of the list that are no longer this worker's to run."""

    worker_id: str
    incarnation: UUID
    verdict: Verdict
    kill: tuple[UUID, ...] = ()
    ended: tuple[EndedTaskInstance, ...] = ()
    """Attempts of this worker that were ended as lost grants: their owners are to be told."""
    drain: bool = False
    """Somebody asked that the worker take nothing any more and leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptHolder:
    """The worker (or local executor) that holds a claimed attempt: whom to tell that it is to be killed."""

    attempt_id: UUID
    worker_id: str
