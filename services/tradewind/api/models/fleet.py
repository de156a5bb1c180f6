"""Workers, queues, and what runs where."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from tradewind.api.models.base import ApiModel
from tradewind.api.models.queries import PageQuery

WorkerStateName = Literal["running", "draining", "lost"]


class WorkerListQuery(PageQuery):
    """`GET /workers`."""

    hostname: str | None = None
    kind: Literal["celery", "local", "sequential", "single"] | None = None
    state: WorkerStateName | None = None
    queue: str | None = None
    tag: str | None = None
    order_by: list[str] = Field(default_factory=lambda: ["worker_id"])


class AttemptListQuery(PageQuery):
    """`GET /workers/{worker_id}/attempts`."""

    queue: str | None = None
    pool: str | None = None
    order_by: list[str] = Field(default_factory=lambda: ["start_date"])


class QueueListQuery(PageQuery):
    """`GET /queues`."""

    order_by: list[str] = Field(default_factory=lambda: ["queue"])


class WorkerResponse(ApiModel):
    """A worker, or an executor that runs tasks itself, as last heard of."""

    worker_id: str
    incarnation: UUID
    """Of its lease: one that was given up comes back as another."""
    hostname: str
    pid: int
    kind: Literal["celery", "local", "sequential", "single"]
    state: WorkerStateName
    """`draining`: it takes nothing any more, or has been asked to leave; `lost`: its lease has run out."""
    queues: list[str]
    tags: list[str]
    pools: list[str]
    """Pools that it takes tasks of; none = of all."""
    concurrency: int
    """0 = no limit."""
    busy_slots: int
    """Attempts that it holds, by their rows."""
    free_slots: int | None
    """None = no limit."""
    started_at: datetime
    last_heartbeat_at: datetime
    heartbeat_age_seconds: float
    lease_left_seconds: float
    """It is lost when this is 0. Stands still while no collector receives."""
    drain_asked_at: datetime | None
    expired_at: datetime | None


class WorkerCollectionResponse(ApiModel):
    """A page of workers."""

    workers: list[WorkerResponse]
    total_entries: int


class RunningAttemptResponse(ApiModel):
    """An attempt that a worker has claimed, and where it runs."""

    dag_id: str
    dag_run_id: str
    task_id: str
    map_index: int
    try_number: int
    attempt_id: UUID
    state: Literal["running", "restarting"]
    worker_id: str | None
    hostname: str | None
    """Of the worker, as `worker_pid`; the task's own process is a child of it."""
    worker_pid: int | None
    queue: str
    executor: str
    pool: str
    pool_slots: int
    operator: str
    queued_when: datetime | None
    start_date: datetime | None
    duration: float | None
    """Seconds since `start_date`."""


class RunningAttemptCollectionResponse(ApiModel):
    """A page of what runs where."""

    attempts: list[RunningAttemptResponse]
    total_entries: int


class QueueResponse(ApiModel):
    """What waits and runs in a queue by way of one executor, and who listens."""

    queue: str
    executor: str
    queued_attempts: int
    """By their rows: this is what waits, wherever their messages are."""
    oldest_queued_at: datetime | None = None
    oldest_queued_seconds: float | None = None
    running_attempts: int
    workers: int
    """That listen, those that drain left out."""
    slots: int | None = None
    """Of these workers; None = no limit."""
    free_slots: int | None = None
    broker_messages: Annotated[int | None, Field(description="Messages that wait in the broker's queue.")] = None
    """None: it has none of this name, cannot be reached, or is not used by the executor."""


class QueueCollectionResponse(ApiModel):
    """A page of queues."""

    queues: list[QueueResponse]
    total_entries: int
