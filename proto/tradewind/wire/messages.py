"""Every message on the bus, positional: append fields with defaults, never reorder, retype or reuse one.

The tag carries the version; golden bytes in `proto/vectors/` pin each message. Structs stop at the edge of a
service: inside, core values are used.
"""

from datetime import datetime
from uuid import UUID

import msgspec


class Message(msgspec.Struct, array_like=True, frozen=True):
    """Base of all messages and their parts: a tuple on the wire."""


class TaskInstanceKey(Message, frozen=True):
    """Airflow's key of one try of a task instance."""

    dag_id: str
    task_id: str
    run_id: str
    try_number: int
    map_index: int = -1


class TaskInstanceInCelery(Message, frozen=True):
    """Airflow's tuple for an executor that queues: which try, how to run it, where, and by which callable."""

    key: TaskInstanceKey
    command: tuple[str, ...]
    """argv of `tradewind tasks run … --attempt-id …`."""
    queue: str
    task: str
    """Name of the registered callable: `tradewind.execute_command`."""


class QueuedTaskInstance(Message, frozen=True):
    """One attempt to hand to an executor."""

    ti: TaskInstanceInCelery
    attempt_id: UUID
    priority: int = 1
    pool_slots: int = 1
    executor: str | None = None
    """None = the first configured executor."""
    relative_fileloc: str = ""
    """Lets a worker load the DAG file before the claim is granted."""
    pool: str = ""
    """Lets a worker of some pools leave the others' tasks to other workers."""


class DispatchBatch(Message, frozen=True, tag="dispatch_batch.1"):
    """scheduler → dispatcher."""

    items: tuple[QueuedTaskInstance, ...]


class DagRunsCreated(Message, frozen=True, tag="dag_runs_created.1"):
    """api, collector or dag processor → any scheduler: these DAGs have queued runs."""

    dag_ids: tuple[str, ...]
    asset_dag_ids: tuple[str, ...] = ()
    """These have asset events in their queues that may make runs."""


class TaskInstanceRef(Message, frozen=True):
    """A task instance by the store's key."""

    dag_run_id: int
    task_id: str
    map_index: int
    attempt_id: UUID | None
    state: str
    next_action_at: datetime | None = None
    """When a retry or a re-dispatch is due (states `up_for_retry` and `scheduled`)."""
    map_length: int | None = None
    """How many items the return value has, if something downstream maps over it."""
    skipped: tuple[tuple[str, int], ...] = ()
    """(task_id, map_index) pairs that it asked to be skipped; map_index -1 of a mapped task = all of it."""


class TaskInstancesEnded(Message, frozen=True, tag="task_instances_ended.1"):
    """collector → owner of the runs: ends to decide upon. A nudge: the rows say what happened."""

    items: tuple[TaskInstanceRef, ...]


class ClaimItem(Message, frozen=True):
    """One attempt that a worker wishes to run."""

    key: TaskInstanceKey
    attempt_id: UUID
    nonce: int


class ClaimRequest(Message, frozen=True, tag="claim_request.1"):
    """worker → collector."""

    worker_id: str
    incarnation: UUID
    items: tuple[ClaimItem, ...]


class Grant(Message, frozen=True):
    """Permission to run an attempt once, its credential, and what it needs to know."""

    token: str
    """Bearer token for `/execution`, valid while the attempt is current."""
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
    start_date: datetime
    next_method: str | None = None
    """Set when a deferred task goes on: the method, instead of `execute`."""
    next_kwargs: bytes | None = None
    """Its arguments as JSON text, the trigger's event among them."""
    task_reschedule_count: int = 0
    first_start_date: datetime | None = None
    """When the first attempt of this try started: sensors count their timeout from there."""
    triggering_user_name: str | None = None
    partition_key: str | None = None
    map_lengths: tuple[tuple[str, int], ...] = ()
    """Upstream task id → number of its mapped instances, for what this task maps over or collects."""
    partition_date: datetime | None = None
    bundle_name: str = ""
    """The bundle that `relative_fileloc` is a file of."""
    bundle_version: str | None = None
    """What the run is bound to, as people read it; None = it takes the latest."""
    bundle_digest: str | None = None
    """Of the manifest of the content to run; None = what stands in the folders of the worker."""


class ClaimVerdict(Message, frozen=True):
    """Answer to one item: `done` with a grant, `superseded`, `expired` or `retry`."""

    attempt_id: UUID
    verdict: str
    grant: Grant | None = None


class ClaimReply(Message, frozen=True, tag="claim_reply.1"):
    """collector → worker."""

    items: tuple[ClaimVerdict, ...]


class TaskStarted(Message, frozen=True, tag="task_started.1"):
    """child process → its supervisor: user code is about to begin."""

    attempt_id: UUID
    pid: int
    started_at: datetime
    hostname: str = ""


class Deferral(Message, frozen=True):
    """What a deferred attempt waits for, and how it goes on; values are JSON text as `tradewind.sdk.serde` has it."""

    classpath: str
    """Import path of the trigger; empty for one that only a person ends."""
    kwargs: bytes
    next_method: str
    next_kwargs: bytes
    timeout_at: datetime | None = None
    queue: str | None = None


class EndEffects(Message, frozen=True):
    """What an attempt's end changes beyond its own state, committed in the same transaction."""

    map_length: int | None = None
    """How many items the return value has, if something downstream maps over it."""
    rendered_map_index: str | None = None
    skipped: tuple[tuple[str, int], ...] = ()
    """(task_id, map_index) pairs to be skipped: what a branch did not choose; map_index -1 of a mapped task = all."""
    reschedule_at: datetime | None = None
    deferral: Deferral | None = None
    retry_delay_seconds: float | None = None
    """The retry policy's own delay for the next try."""
    asset_events: tuple[bytes, ...] = ()
    """One JSON object each: `{"asset": {name, uri, group, extra}, "aliases": […], "extra": {…}, "partition_key": …}`;
    of name and URI one may be empty. With aliases, an asset that nobody knows is made."""
    human_input: bytes | None = None
    """The question for a person: a JSON object with the fields of Airflow's HITL detail."""


class TaskFinished(Message, frozen=True, tag="task_finished.1"):
    """One attempt's end with everything that is committed along with it."""

    key: TaskInstanceKey
    attempt_id: UUID
    outcome: str
    cause: str
    detail: str | None
    started_at: datetime | None
    ended_at: datetime
    xcoms: tuple[tuple[str, bytes], ...] = ()
    log_sequence: int = 0
    log: bytes = b""
    rendered_fields: bytes | None = None
    pid: int | None = None
    hostname: str | None = None
    effects: EndEffects | None = None
    is_silent: bool = False
    """The task's process could not tell anybody: its callbacks, mail and listeners are still to be called."""


class EndReport(Message, frozen=True, tag="end_report.1"):
    """worker → collector; kept by the worker until each item got a final answer."""

    worker_id: str
    incarnation: UUID
    items: tuple[TaskFinished, ...]


class EndVerdict(Message, frozen=True):
    """Answer to one item: `done` or `superseded` are final."""

    attempt_id: UUID
    verdict: str


class EndReply(Message, frozen=True, tag="end_reply.1"):
    """collector → worker."""

    items: tuple[EndVerdict, ...]


class Heartbeat(Message, frozen=True, tag="heartbeat.1"):
    """worker → collector: the lease of all its attempts in one message. The first one registers the worker."""

    worker_id: str
    incarnation: UUID
    sequence: int
    hostname: str
    pid: int
    kind: str
    queues: tuple[str, ...]
    concurrency: int
    attempts: tuple[UUID, ...]
    leaving: bool = False
    tags: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    """Pools that it takes tasks of; none = of all."""
    draining: bool = False
    """It takes nothing any more, and leaves once its running attempts have ended."""


class HeartbeatReply(Message, frozen=True, tag="heartbeat_reply.1"):
    """collector → worker: `done`, `expired` or `retry` (not recorded), and attempts to kill."""

    verdict: str
    kill: tuple[UUID, ...] = ()
    drain: bool = False
    """A person, or a scale-down, wants the worker to take nothing any more and to leave."""


class KillAttempts(Message, frozen=True, tag="kill_attempts.1"):
    """push → worker: these attempts are no longer current."""

    attempts: tuple[UUID, ...]


class TriggersCreated(Message, frozen=True, tag="triggers_created.1"):
    """Task instances were deferred: triggerers with room look at once."""

    count: int


class DagsChanged(Message, frozen=True, tag="dags_changed.1"):
    """A DAG was parsed anew, paused or unpaused."""

    dag_ids: tuple[str, ...]


class DagRunsRevised(Message, frozen=True, tag="dag_runs_revised.1"):
    """A person changed these runs, or weights of their tasks were asked for: their owners reload them."""

    dag_run_ids: tuple[int, ...]


class SlotsFreed(Message, frozen=True, tag="slots_freed.1"):
    """A scheduler gave slots back: those whose tasks were refused try again."""

    scheduler_id: UUID
    pools: tuple[str, ...]


class PastChanged(Message, frozen=True, tag="past_changed.1"):
    """Tasks of these DAGs have ended: later runs that wait for them (`depends_on_past`) look again."""

    scheduler_id: UUID
    dag_ids: tuple[str, ...]


class DagRequestsCreated(Message, frozen=True, tag="dag_requests_created.1"):
    """Authors' code is to be asked something outside of tasks, or files are to be parsed again: dag processors look at
    once."""

    count: int


class LogsGrew(Message, frozen=True, tag="logs_grew.1"):
    """api or collector → every api: there is more of these tries' logs, or they are whole."""

    keys: tuple[TaskInstanceKey, ...]


class TimetableQuestion(Message, frozen=True, tag="timetable_question.1"):
    """api → any dag processor, request/reply: what an author's own timetable says of runs that a person wants."""

    dag_id: str
    relative_fileloc: str
    kind: str
    """`manual_interval`: of a run for the moment `first`; `past_runs`: of all between `first` and `last`."""
    first: datetime
    last: datetime
    limit: int = 1
    """At most so many runs are answered."""


class TimetableAnswer(Message, frozen=True, tag="timetable_answer.1"):
    """any dag processor → api."""

    runs: tuple[tuple[datetime, datetime, datetime], ...] = ()
    """run_after, start and end of the data interval of each, in UTC; to `manual_interval` one."""
    error: str | None = None
    """The author's code failed: what it raised, or what is wrong with what it gave."""


Event = DagsChanged | TriggersCreated | DagRunsRevised | SlotsFreed | PastChanged
"""What is broadcast on the topic `EVENTS`."""
