"""Fills a database through the real stores: DAGs as the DAG processor writes them, runs and attempts as schedulers and
collectors move them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tradewind.core.rows import (
    AttemptEndRecord,
    Claim,
    Committed,
    DagRunChange,
    DecisionBatch,
    NewTaskInstance,
    TaskInstanceChange,
    TaskInstanceId,
    Verdict,
    WorkerBeat,
)
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import DagRunState, EndCause, Outcome, TaskInstanceState
from tradewind.db.pool import Database
from tradewind.db.postgres.store import PostgresStore
from tradewind.service.clock import new_id, utc_now
from tradewind.service.tokens import AttemptClaims

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WORKER_ID = "worker-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt that runs."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    attempt_id: UUID
    dag_run_id: int
    pool: str = "default_pool"

    @property
    def claims(self) -> AttemptClaims:
        return AttemptClaims(
            attempt_id=self.attempt_id,
            dag_id=self.dag_id,
            run_id=self.run_id,
            task_id=self.task_id,
            map_index=self.map_index,
            try_number=1,
        )


class Scene:
    """One scheduler, one collector and one worker, moved by hand."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = PostgresStore(database)
        self.scheduler_id = new_id()
        self.incarnation = new_id()
        self._beats = 0

    async def write_dag(self, spec: DagSpec, *, is_paused: bool = False) -> None:
        """Parse a file that holds this DAG."""
        await self.write_file(spec.relative_fileloc, [spec])
        if not is_paused:
            await self.database.fetch("UPDATE dag SET is_paused = false WHERE dag_id = $1", spec.dag_id)

    async def write_file(self, name: str, specs: Sequence[DagSpec]) -> None:
        await self.store.write_dag_file(name, new_id().hex, specs, utc_now())

    async def break_file(self, name: str, stacktrace: str = "Traceback: no\n") -> None:
        """Parse a file that cannot be loaded."""
        await self.store.write_import_error(name, new_id().hex, stacktrace, utc_now())

    async def start_runs(self, dag_id: str) -> Sequence[int]:
        """Queued runs of the DAG become running, as far as its limits allow."""
        await self.store.renew_scheduler(self.scheduler_id, utc_now())
        return await self.store.start_dag_runs(self.scheduler_id, [dag_id], utc_now(), 100)

    async def run_id_of(self, dag_run_id: int) -> tuple[str, str]:
        rows = await self.database.fetch("SELECT dag_id, run_id FROM dag_run WHERE id = $1", dag_run_id)
        return rows[0]["dag_id"], rows[0]["run_id"]

    async def add_task_instances(self, dag_run_id: int, *tasks: TaskSpec) -> None:
        """Rows in state none."""
        created = tuple(_new(TaskInstanceId(dag_run_id, task.task_id), task) for task in tasks)
        await self._decide(dag_run_id, created=created)

    async def add_mapped_task_instances(self, dag_run_id: int, task: TaskSpec, count: int) -> None:
        """Rows of a mapped task, in state none."""
        created = tuple(_new(TaskInstanceId(dag_run_id, task.task_id, index), task) for index in range(count))
        await self._decide(dag_run_id, created=created)

    async def start_attempt(self, dag_run_id: int, task: TaskSpec, *, try_number: int = 1) -> Attempt:
        """Queue a task and let the worker claim it; its row is made if it is missing."""
        attempt_id = await self.queue_attempt(dag_run_id, task, try_number=try_number)
        dag_id, run_id = await self.run_id_of(dag_run_id)
        await self._claim(dag_id, run_id, task.task_id, attempt_id)
        return Attempt(
            dag_id=dag_id,
            run_id=run_id,
            task_id=task.task_id,
            map_index=-1,
            attempt_id=attempt_id,
            dag_run_id=dag_run_id,
        )

    async def queue_attempt(self, dag_run_id: int, task: TaskSpec, *, try_number: int = 1) -> UUID:
        """Give a task its slots; its row is made if it is missing."""
        id_, attempt_id = TaskInstanceId(dag_run_id, task.task_id), new_id()
        known = await self.database.fetch(
            "SELECT state, attempt_id FROM task_instance WHERE dag_run_id = $1 AND task_id = $2",
            dag_run_id,
            task.task_id,
        )
        if not known:
            await self._decide(dag_run_id, created=(_new(id_, task),))
        change = TaskInstanceChange(
            id=id_,
            expected_state=TaskInstanceState(known[0]["state"]) if known else TaskInstanceState.NONE,
            expected_attempt_id=known[0]["attempt_id"] if known else None,
            state=TaskInstanceState.QUEUED,
            attempt_id=attempt_id,
            try_number=try_number,
            held_slots=task.pool_slots,
            pool=task.pool,
        )
        await self._decide(dag_run_id, changes=(change,))
        return attempt_id

    async def refuse_slots(self, dag_run_id: int, task: TaskSpec) -> None:
        """A task in state none is ready, and gets no slots."""
        change = TaskInstanceChange(
            id=TaskInstanceId(dag_run_id, task.task_id),
            expected_state=TaskInstanceState.NONE,
            expected_attempt_id=None,
            state=TaskInstanceState.SCHEDULED,
            try_number=1,
            pool=task.pool,
        )
        await self._decide(dag_run_id, changes=(change,))

    async def end_attempt(
        self,
        attempt: Attempt,
        outcome: Outcome = Outcome.SUCCESS,
        *,
        xcoms: Sequence[tuple[str, bytes]] = (),
        log: bytes = b"",
        log_sequence: int = 0,
        rendered_fields: bytes | None = None,
    ) -> None:
        """The worker reports the end and the collector commits it."""
        now = utc_now()
        record = AttemptEndRecord(
            dag_id=attempt.dag_id,
            run_id=attempt.run_id,
            task_id=attempt.task_id,
            map_index=attempt.map_index,
            attempt_id=attempt.attempt_id,
            worker_id=WORKER_ID,
            incarnation=self.incarnation,
            outcome=outcome,
            cause=EndCause.NONE if outcome is Outcome.SUCCESS else EndCause.USER_ERROR,
            detail=None,
            started_at=now - timedelta(milliseconds=5),
            ended_at=now,
            xcoms=tuple(xcoms),
            log=log,
            log_sequence=log_sequence,
            rendered_fields=rendered_fields,
            pid=4711,
            hostname="host-1",
        )
        answers = await self.store.record_ends([record], now)
        assert answers[0].verdict is Verdict.DONE, answers

    async def end_run(self, dag_run_id: int, state: DagRunState = DagRunState.SUCCESS) -> None:
        await self._decide(dag_run_id, state=state)

    async def _claim(self, dag_id: str, run_id: str, task_id: str, attempt_id: UUID) -> None:
        self._beats += 1
        beat = WorkerBeat(
            worker_id=WORKER_ID,
            incarnation=self.incarnation,
            hostname="host-1",
            pid=4711,
            kind="celery",
            queues=("default",),
            concurrency=16,
            attempt_ids=(),
            sequence=self._beats,
        )
        await self.store.record_beats([beat], utc_now())
        claim = Claim(
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
            map_index=-1,
            attempt_id=attempt_id,
            worker_id=WORKER_ID,
            incarnation=self.incarnation,
            nonce=1,
        )
        answers = await self.store.grant_claims([claim], utc_now())
        assert answers[0].verdict is Verdict.DONE, answers

    async def _decide(
        self,
        dag_run_id: int,
        *,
        created: tuple[NewTaskInstance, ...] = (),
        changes: tuple[TaskInstanceChange, ...] = (),
        state: DagRunState | None = None,
    ) -> None:
        row = (await self.database.fetch("SELECT owner_epoch, revision FROM dag_run WHERE id = $1", dag_run_id))[0]
        run = DagRunChange(
            dag_run_id=dag_run_id,
            expected_epoch=row["owner_epoch"],
            expected_revision=row["revision"],
            state=state,
            end_date=utc_now() if state else None,
        )
        batch = DecisionBatch(
            scheduler_id=self.scheduler_id, now=utc_now(), runs=(run,), created=created, changes=changes
        )
        result = await self.store.commit_decisions(batch)
        assert isinstance(result, Committed), result


def _new(id_: TaskInstanceId, task: TaskSpec) -> NewTaskInstance:
    return NewTaskInstance(
        id=id_,
        max_tries=task.retries,
        pool=task.pool,
        pool_slots=task.pool_slots,
        queue=task.queue,
        executor=task.executor,
        priority_weight=task.priority_weight,
        operator=task.task_type,
        task_display_name=task.task_display_name,
    )
