"""What an explanation is made from, beyond the run itself, and what it is."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from tradewind.core.gates import Past
from tradewind.core.rows import Capacity
from tradewind.core.states import EndCause, TaskInstanceState

NAMED_MAX: Final = 10
"""So many task instances, holders or workers are named; of more only the number is said."""


class Stage(StrEnum):
    """How far along a gate stands."""

    DECISION = "decision"
    SLOTS = "slots"
    EXECUTION = "execution"
    OUTCOME = "outcome"


class ExplainedGate(NamedTuple):
    """One condition, whether it holds, and why."""

    name: str
    stage: Stage
    is_open: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotHolder:
    """A task instance that holds slots of a pool."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: str
    slots: int
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolHolders:
    """Who holds the slots of a pool: those with most, and how many there are."""

    most: tuple[SlotHolder, ...] = ()
    count: int = 0


class Waiting(NamedTuple):
    """A task instance that is ready and waits for slots of the pool."""

    dag_id: str
    dag_run_id: int
    dag_active: int
    """Active task instances of its DAG, and of its run."""
    run_active: int
    priority: int
    slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolQueue:
    """Who waits for a pool besides the tasks of the run itself."""

    others: tuple[Waiting, ...] = ()
    """Those of other runs whose priority is not lower; the best of them, if they are too many."""
    own_dag_active: int = 0
    """Active task instances of the run's own DAG."""
    count: int = 0
    """All that wait for the pool."""
    is_cut: bool = False
    """Some of those that may come first are not among `others`."""


class PlaceInOrder(NamedTuple):
    """1 = next."""

    place: int
    waiting: int
    is_at_least: bool
    """Too many wait to say the exact place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSurroundings:
    """What a run waits for to be started."""

    backfill_id: int | None = None
    """Set: the numbers of runs are those of this backfill, whose runs count for nothing else."""
    backfill_is_paused: bool = False
    active_runs: int = 0
    """Running runs of its DAG."""
    max_active_runs: int = 0
    queued_before: int = 0
    """Queued runs of its DAG that come first."""
    dag_is_stale: bool = False
    end_date: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerSeen:
    """The scheduler that owns a run, and how many there are."""

    owner_age_seconds: float | None = None
    """Since it was heard of; None = nobody owns the run."""
    owner_is_alive: bool = False
    alive: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSeen:
    """A worker or local executor whose lease holds, or held when it claimed."""

    worker_id: str
    hostname: str
    kind: str
    """`celery`, `local`, `sequential` or `single`."""
    queues: tuple[str, ...]
    concurrency: int
    """0 = no limit."""
    attempts: int
    """That it held at its last heartbeat."""
    age_seconds: float
    """Since its last heartbeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerSeen:
    """What a task instance that waits without a slot waits for."""

    classpath: str
    """Empty: only a person, or the timeout, ends the wait."""
    created_at: datetime
    timeout_at: datetime | None = None
    triggerer_hostname: str | None = None
    """None = no triggerer runs it."""
    triggerer_age_seconds: float | None = None
    alive_triggerers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSeen:
    """What the row of a task instance says of its latest attempt; all None before the first."""

    queue: str = "default"
    executor: str = ""
    """The one that the attempt goes to: the task's own, or else the default one."""
    queued_at: datetime | None = None
    published_at: datetime | None = None
    publish_count: int = 0
    lost_attempts: int = 0
    """Of this try, after their code may have begun; and before it did."""
    dispatch_failures: int = 0
    start_date: datetime | None = None
    end_date: datetime | None = None
    cause: str | None = None
    detail: str | None = None
    hostname: str | None = None
    pid: int | None = None
    worker: WorkerSeen | None = None
    trigger: TriggerSeen | None = None
    end_pending: bool = False

    @property
    def failure(self) -> str:
        """Cause and detail of its end, as far as there are any."""
        return ", ".join(part for part in (self.cause, self.detail) if part and part != EndCause.NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Everything outside the run that bears on one of its task instances, as last read."""

    capacity: Capacity
    run: RunSurroundings = field(default_factory=RunSurroundings)
    scheduler: SchedulerSeen = field(default_factory=SchedulerSeen)
    past: Past | None = None
    """None = the task does not depend on it."""
    active_in_dag: int | None = None
    """Active instances of the task in all runs; None = it has no such limit."""
    holders: PoolHolders = field(default_factory=PoolHolders)
    queue: PoolQueue = field(default_factory=PoolQueue)
    attempt: AttemptSeen = field(default_factory=AttemptSeen)
    executors: tuple[str, ...] = ()
    """The names that tasks may give, the default one first."""
    workers: tuple[WorkerSeen, ...] = ()
    """Those whose lease holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The answer."""

    state: TaskInstanceState
    summary: str
    """One sentence: the gate that matters."""
    gates: tuple[ExplainedGate, ...]
    """In the order in which they are passed."""
    order: PlaceInOrder | None = None
    """Set while it is ready and waits for slots."""
    holders: PoolHolders = field(default_factory=PoolHolders)
    """Of its pool, while it waits for slots."""
