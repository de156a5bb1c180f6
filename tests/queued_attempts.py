"""A run whose task instances are queued, on any store: where the tests of claims and ends begin."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tradewind.core.rows import (
    Committed,
    DagRunChange,
    DecisionBatch,
    NewTaskInstance,
    TaskInstanceChange,
    TaskInstanceId,
)
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import TaskInstanceState
from tradewind.db.store import CollectorStore, DagStore, SchedulerStore
from tradewind.service.clock import new_id, utc_now
from tradewind.wire.messages import ClaimItem, ClaimRequest, EndReport, Heartbeat, TaskFinished, TaskInstanceKey


class AnyStore(SchedulerStore, CollectorStore, DagStore, Protocol):
    """All ports in one."""


CreateDagRun = Callable[[str, str, datetime], Awaitable[int]]
"""(dag id, run id, now) → the id of a queued run."""


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """One running run, owned, with queued task instances; attempts in the order of its tasks."""

    id: int
    dag_id: str
    run_id: str
    owner: UUID
    task_ids: tuple[str, ...]
    attempt_ids: tuple[UUID, ...]

    def key(self, number: int) -> TaskInstanceKey:
        """Key of the so-manieth attempt."""
        return TaskInstanceKey(dag_id=self.dag_id, task_id=self.task_ids[number], run_id=self.run_id, try_number=1)


async def queue_attempts(
    store: AnyStore, create_dag_run: CreateDagRun, *, count: int = 1, retries: int = 0
) -> QueuedRun:
    """A DAG of so many independent tasks, one run of it, and an attempt queued for each task."""
    now, owner, dag_id = utc_now(), new_id(), f"dag_{new_id().hex}"
    tasks = tuple(TaskSpec(task_id=f"task_{number:04d}", retries=retries) for number in range(count))
    spec = DagSpec(
        dag_id=dag_id,
        relative_fileloc=f"{dag_id}.py",
        tasks=tasks,
        is_paused_upon_creation=False,
        max_active_tasks=count,
    )
    await store.write_dag_file(spec.relative_fileloc, "digest", [spec], now)
    run_number = await create_dag_run(dag_id, "run_1", now)
    assert await store.renew_scheduler(owner, now)
    assert list(await store.start_dag_runs(owner, [dag_id], now, 10)) == [run_number]
    (loaded,) = await store.load_dag_runs(owner, [run_number])
    attempts = tuple(new_id() for _ in tasks)
    guard = DagRunChange(
        dag_run_id=run_number, expected_epoch=loaded.run.owner_epoch, expected_revision=loaded.run.revision
    )
    batch = DecisionBatch(
        scheduler_id=owner,
        now=now,
        runs=(guard,),
        created=tuple(_created(run_number, task) for task in tasks),
        changes=tuple(_queued(run_number, task, attempt) for task, attempt in zip(tasks, attempts, strict=True)),
    )
    assert isinstance(await store.commit_decisions(batch), Committed)
    return QueuedRun(run_number, dag_id, "run_1", owner, tuple(task.task_id for task in tasks), attempts)


def _created(dag_run_id: int, task: TaskSpec) -> NewTaskInstance:
    return NewTaskInstance(
        id=TaskInstanceId(dag_run_id, task.task_id),
        max_tries=task.retries,
        pool=task.pool,
        pool_slots=1,
        queue=task.queue,
        executor=None,
        priority_weight=1,
        operator=task.task_type,
    )


def _queued(dag_run_id: int, task: TaskSpec, attempt_id: UUID) -> TaskInstanceChange:
    return TaskInstanceChange(
        id=TaskInstanceId(dag_run_id, task.task_id),
        expected_state=TaskInstanceState.NONE,
        expected_attempt_id=None,
        state=TaskInstanceState.QUEUED,
        attempt_id=attempt_id,
        try_number=1,
        held_slots=1,
        resets_losses=True,
    )


@dataclass(frozen=True, slots=True)
class WorkerVoice:
    """What one worker says."""

    worker_id: str
    incarnation: UUID

    def heartbeat(self, sequence: int, attempts: Sequence[UUID] = ()) -> Heartbeat:
        """A beat that lists these attempts."""
        return Heartbeat(
            worker_id=self.worker_id,
            incarnation=self.incarnation,
            sequence=sequence,
            hostname="host",
            pid=1,
            kind="celery",
            queues=("default",),
            concurrency=4,
            attempts=tuple(attempts),
        )

    def claim(self, run: QueuedRun, *numbers: int, nonce: int = 1) -> ClaimRequest:
        """A claim of these attempts of the run."""
        items = tuple(ClaimItem(key=run.key(n), attempt_id=run.attempt_ids[n], nonce=nonce) for n in numbers)
        return ClaimRequest(worker_id=self.worker_id, incarnation=self.incarnation, items=items)

    def report(self, *finished: TaskFinished) -> EndReport:
        """A report of these ends."""
        return EndReport(worker_id=self.worker_id, incarnation=self.incarnation, items=finished)


def new_worker() -> WorkerVoice:
    """A worker that nobody has heard of."""
    incarnation = new_id()
    return WorkerVoice(f"worker-{incarnation.hex[-6:]}", incarnation)


def finished(
    run: QueuedRun,
    number: int,
    *,
    outcome: str = "success",
    cause: str = "none",
    detail: str | None = None,
    xcoms: tuple[tuple[str, bytes], ...] = (),
    log: bytes = b"",
    pid: int | None = None,
) -> TaskFinished:
    """The end of an attempt of the run."""
    now = utc_now()
    return TaskFinished(
        key=run.key(number),
        attempt_id=run.attempt_ids[number],
        outcome=outcome,
        cause=cause,
        detail=detail,
        started_at=now,
        ended_at=now,
        xcoms=xcoms,
        log=log,
        pid=pid,
    )
