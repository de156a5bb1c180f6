"""Drives either store through the same steps, and reads what it holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from tradewind.core.rows import (
    AttemptEndRecord,
    BeatAnswer,
    Claim,
    ClaimAnswer,
    CommitResult,
    DagRunChange,
    DagRunRow,
    DecisionBatch,
    EndAcknowledged,
    EndAnswer,
    NewTaskInstance,
    TaskInstanceChange,
    TaskInstanceId,
    TaskInstanceRow,
    WorkerBeat,
)
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import EndCause, Outcome, TaskInstanceState
from tradewind.db.bundles.store import BundleStore
from tradewind.db.memory.store import MemoryStore
from tradewind.db.memory.tables import core_row
from tradewind.db.migrate import set_parallelism
from tradewind.db.parse_requests import ParseRequestStore
from tradewind.db.pool import Database
from tradewind.db.postgres.row_mapping import task_instance_row
from tradewind.db.postgres.store import PostgresStore
from tradewind.db.store import (
    AssetStore,
    CollectorStore,
    DagRequestStore,
    DagStore,
    HandStore,
    PeopleStore,
    RunCreationStore,
    SchedulerStore,
    TriggererStore,
)
from tradewind.db.stored_values import StoredValuesStore
from tradewind.db.watchers.store import WatcherStore

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=10)
SCHEDULER, WORKER, COLLECTOR = UUID(int=0xA), UUID(int=0xB), UUID(int=0xC)
S = TaskInstanceState


class AnyStore(
    SchedulerStore,
    RunCreationStore,
    CollectorStore,
    DagRequestStore,
    DagStore,
    TriggererStore,
    WatcherStore,
    PeopleStore,
    HandStore,
    AssetStore,
    StoredValuesStore,
    ParseRequestStore,
    BundleStore,
    Protocol,
):
    """All ports in one."""


class AssetRunRow(NamedTuple):
    """A run that assets made."""

    run_id: str
    run_after: datetime
    partition_key: str | None
    partition_date: datetime | None
    extras: list[dict[str, Any]]
    """Of the events that it was made by."""


class Backdoor(Protocol):
    """What tests need of a store beyond its ports: people's actions, and a look inside."""

    async def create_dag_run(
        self,
        dag_id: str,
        run_id: str,
        now: datetime,
        run_after: datetime | None = None,
        logical_date: datetime | None = None,
        run_type: str = "manual",
    ) -> int: ...

    async def pause(self, dag_id: str, *, is_paused: bool) -> None: ...

    async def revise(self, dag_run_id: int) -> None: ...

    async def set_variable(self, key: str, value: bytes) -> None: ...

    async def set_connection(self, conn_id: str, password: bytes) -> None: ...

    async def restart(self, id_: TaskInstanceId) -> None: ...

    async def set_pool(self, pool: str, slots: int, *, include_deferred: bool = False) -> None: ...

    async def set_parallelism(self, slots: int) -> None: ...

    async def leak_slots(self, pool: str, slots: int) -> None: ...

    async def task_instances(self, dag_run_id: int) -> Sequence[TaskInstanceRow]: ...

    async def dag_run_states(self) -> dict[int, tuple[str, UUID | None]]: ...

    async def xcoms(self, dag_run_id: int) -> dict[tuple[str, str], bytes]: ...

    async def log(self, attempt_id: UUID) -> bytes: ...

    async def history(self) -> list[tuple[TaskInstanceId, int, UUID]]: ...

    async def import_errors(self) -> dict[str, str]: ...

    async def asset_runs(self, dag_id: str) -> "list[AssetRunRow]": ...

    async def active_assets(self) -> list[tuple[str, str]]: ...

    async def dag(self, dag_id: str) -> tuple[int, str, bool, bool, bool]: ...

    async def trigger_ids(self) -> list[int]: ...


def number(value: int) -> UUID:
    """A readable id."""
    return UUID(int=value)


@dataclass
class Driver:
    """One scheduler, one worker and a clock in front of a store; ids are made in order."""

    store: AnyStore
    inside: Backdoor
    now: datetime = START
    scheduler_id: UUID = SCHEDULER
    worker_id: str = "worker"
    incarnation: UUID = WORKER
    collector_id: UUID = COLLECTOR
    _ids: int = 0x1000
    _beats: dict[UUID, int] = field(default_factory=dict[UUID, int])

    def new_id(self) -> UUID:
        self._ids += 1
        return number(self._ids)

    async def write_dag(self, *tasks: TaskSpec, dag_id: str = "dag", **fields: Any) -> DagSpec:
        """An unpaused DAG."""
        values: dict[str, Any] = {"is_paused_upon_creation": False} | fields
        spec = DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=tasks, **values)
        await self.store.write_dag_file(spec.relative_fileloc, "digest", [spec], self.now)
        return spec

    async def started_run(self, *tasks: TaskSpec, dag_id: str = "dag", run_id: str = "run", **fields: Any) -> DagRunRow:
        """A running run of such a DAG, owned by the scheduler."""
        await self.write_dag(*tasks, dag_id=dag_id, **fields)
        return await self.next_run(dag_id, run_id)

    async def next_run(self, dag_id: str = "dag", run_id: str = "run", **fields: Any) -> DagRunRow:
        """One more running run."""
        number_ = await self.inside.create_dag_run(dag_id, run_id, self.now, **fields)
        assert await self.store.renew_scheduler(self.scheduler_id, self.now)
        assert number_ in await self.store.start_dag_runs(self.scheduler_id, [dag_id], self.now, 100)
        return await self.run(number_)

    async def run(self, dag_run_id: int) -> DagRunRow:
        (loaded,) = await self.store.load_dag_runs(self.scheduler_id, [dag_run_id])
        return loaded.run

    async def row(self, id_: TaskInstanceId) -> TaskInstanceRow:
        (row,) = [row for row in await self.inside.task_instances(id_.dag_run_id) if row.id == id_]
        return row

    async def commit(
        self,
        run: DagRunRow,
        *changes: TaskInstanceChange,
        created: Sequence[NewTaskInstance] = (),
        acknowledged: Sequence[EndAcknowledged] = (),
        guard: DagRunChange | None = None,
    ) -> CommitResult:
        """Commit a batch for one run."""
        return await self.store.commit_decisions(
            DecisionBatch(
                scheduler_id=self.scheduler_id,
                now=self.now,
                runs=(guard or guard_of(run),),
                created=tuple(created),
                changes=changes,
                acknowledged=tuple(acknowledged),
            )
        )

    async def queue(self, run: DagRunRow, *task_ids: str, retries: int = 0, slots: int = 1) -> list[UUID]:
        """Create these task instances with a queued attempt each; returns the attempts."""
        ids = [TaskInstanceId(run.id, task_id) for task_id in task_ids]
        attempts = [self.new_id() for _ in ids]
        result = await self.commit(
            run,
            *(queued(id_, attempt, held_slots=slots) for id_, attempt in zip(ids, attempts, strict=True)),
            created=[created(id_, max_tries=retries, pool_slots=slots) for id_ in ids],
        )
        assert type(result).__name__ == "Committed", result
        return attempts

    def claim_of(self, run: DagRunRow, task_id: str, attempt_id: UUID, nonce: int = 1, **fields: Any) -> Claim:
        values: dict[str, Any] = {"worker_id": self.worker_id, "incarnation": self.incarnation} | fields
        return Claim(
            dag_id=run.dag_id,
            run_id=run.run_id,
            task_id=task_id,
            map_index=-1,
            attempt_id=attempt_id,
            nonce=nonce,
            **values,
        )

    async def claim(self, run: DagRunRow, task_id: str, attempt_id: UUID, nonce: int = 1, **fields: Any) -> ClaimAnswer:
        (answer,) = await self.store.grant_claims([self.claim_of(run, task_id, attempt_id, nonce, **fields)], self.now)
        return answer

    async def running(self, run: DagRunRow, task_id: str = "task", retries: int = 0, slots: int = 1) -> UUID:
        """An attempt that the worker runs."""
        await self.beat()
        (attempt,) = await self.queue(run, task_id, retries=retries, slots=slots)
        assert (await self.claim(run, task_id, attempt)).verdict == "done"
        return attempt

    def end_of(self, run: DagRunRow, task_id: str, attempt_id: UUID, **fields: Any) -> AttemptEndRecord:
        record = AttemptEndRecord(
            dag_id=run.dag_id,
            run_id=run.run_id,
            task_id=task_id,
            map_index=-1,
            attempt_id=attempt_id,
            worker_id=self.worker_id,
            incarnation=self.incarnation,
            outcome=Outcome.SUCCESS,
            cause=EndCause.NONE,
            detail=None,
            started_at=self.now,
            ended_at=self.now,
        )
        return replace(record, **fields)

    async def end(self, run: DagRunRow, task_id: str, attempt_id: UUID, **fields: Any) -> EndAnswer:
        (answer,) = await self.store.record_ends([self.end_of(run, task_id, attempt_id, **fields)], self.now)
        return answer

    async def fail(self, run: DagRunRow, task_id: str, attempt_id: UUID) -> EndAnswer:
        return await self.end(run, task_id, attempt_id, outcome=Outcome.FAILED, cause=EndCause.USER_ERROR)

    async def beat(self, *attempt_ids: UUID, leaving: bool = False, **fields: Any) -> BeatAnswer:
        """The worker's next heartbeat."""
        values: dict[str, Any] = {"worker_id": self.worker_id, "incarnation": self.incarnation} | fields
        self._beats[values["incarnation"]] = self._beats.get(values["incarnation"], 0) + 1
        values.setdefault("sequence", self._beats[values["incarnation"]])
        beat = WorkerBeat(
            hostname="host",
            pid=7,
            kind="celery",
            queues=("default", "other"),
            concurrency=4,
            attempt_ids=attempt_ids,
            leaving=leaving,
            **values,
        )
        (answer,) = await self.store.record_beats([beat], self.now)
        return answer

    async def tick(self, seconds: float, *, lease: timedelta = LEASE) -> None:
        """Let time pass while a collector ticks twice a second."""
        for _ in range(round(seconds * 2)):
            self.now += timedelta(seconds=0.5)
            await self.store.advance_lease_clock(self.collector_id, self.now, lease)


def guard_of(run: DagRunRow, **fields: Any) -> DagRunChange:
    change = DagRunChange(dag_run_id=run.id, expected_epoch=run.owner_epoch, expected_revision=run.revision)
    return replace(change, **fields)


def created(id_: TaskInstanceId, **fields: Any) -> NewTaskInstance:
    new = NewTaskInstance(
        id=id_,
        max_tries=0,
        pool="default_pool",
        pool_slots=1,
        queue="default",
        executor=None,
        priority_weight=1,
        operator="PythonOperator",
    )
    return replace(new, **fields)


def change(
    id_: TaskInstanceId, before: S, after: S, attempt_id: UUID | None = None, **fields: Any
) -> TaskInstanceChange:
    values: dict[str, Any] = {"expected_attempt_id": attempt_id, "attempt_id": attempt_id, "try_number": 1} | fields
    return TaskInstanceChange(id=id_, expected_state=before, state=after, **values)


def queued(id_: TaskInstanceId, attempt_id: UUID, before: S = S.NONE, **fields: Any) -> TaskInstanceChange:
    values: dict[str, Any] = {"expected_attempt_id": None, "held_slots": 1, "resets_losses": True} | fields
    return change(id_, before, S.QUEUED, attempt_id, **values)


def acknowledged(id_: TaskInstanceId, attempt_id: UUID | None, slots: int = 1) -> EndAcknowledged:
    return EndAcknowledged(id=id_, attempt_id=attempt_id, released_slots=slots, pool="default_pool")


class MemoryBackdoor:
    """Inside of `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def create_dag_run(
        self,
        dag_id: str,
        run_id: str,
        now: datetime,
        run_after: datetime | None = None,
        logical_date: datetime | None = None,
        run_type: str = "manual",
    ) -> int:
        row = await self._store.create_dag_run(
            dag_id=dag_id, run_id=run_id, now=now, run_after=run_after, logical_date=logical_date, run_type=run_type
        )
        return row.id

    async def pause(self, dag_id: str, *, is_paused: bool) -> None:
        await self._store.pause_dag(dag_id, is_paused=is_paused)

    async def revise(self, dag_run_id: int) -> None:
        self._store.tables.dag_runs[dag_run_id].revision += 1

    async def set_variable(self, key: str, value: bytes) -> None:
        self._store.tables.variables[key] = value

    async def set_connection(self, conn_id: str, password: bytes) -> None:
        self._store.tables.connections[conn_id] = password

    async def restart(self, id_: TaskInstanceId) -> None:
        self._store.tables.task_instances[id_.dag_run_id][id_].state = S.RESTARTING

    async def set_pool(self, pool: str, slots: int, *, include_deferred: bool = False) -> None:
        await self._store.set_pool(pool, slots, include_deferred=include_deferred)

    async def set_parallelism(self, slots: int) -> None:
        await self._store.set_parallelism(slots)

    async def leak_slots(self, pool: str, slots: int) -> None:
        self._store.tables.pools[pool].used += slots
        self._store.tables.parallelism.used += 1

    async def task_instances(self, dag_run_id: int) -> Sequence[TaskInstanceRow]:
        return [core_row(row) for row in self._store.task_instances(dag_run_id)]

    async def dag_run_states(self) -> dict[int, tuple[str, UUID | None]]:
        return {run.id: (run.state.value, run.owner) for run in self._store.dag_runs}

    async def xcoms(self, dag_run_id: int) -> dict[tuple[str, str], bytes]:
        xcoms = self._store.tables.xcoms.items()
        return {(id_.task_id, key): value for (id_, key), value in xcoms if id_.dag_run_id == dag_run_id}

    async def log(self, attempt_id: UUID) -> bytes:
        chunks = sorted((key[1], lines) for key, lines in self._store.tables.logs.items() if key[0] == attempt_id)
        return b"".join(lines for _, lines in chunks)

    async def history(self) -> list[tuple[TaskInstanceId, int, UUID]]:
        return sorted(self._store.tables.history)

    async def import_errors(self) -> dict[str, str]:
        return dict(self._store.tables.import_errors)

    async def asset_runs(self, dag_id: str) -> list[AssetRunRow]:
        tables = self._store.tables
        runs = [run for run in self._store.dag_runs if run.dag_id == dag_id and run.run_type == "asset_triggered"]
        return [
            AssetRunRow(
                *(run.run_id, run.run_after, run.partition_key, run.partition_date),
                extras=[tables.assets.events[id_].extra for id_ in sorted(tables.assets.run_events[run.id])],
            )
            for run in runs
        ]

    async def active_assets(self) -> list[tuple[str, str]]:
        rows = self._store.tables.assets.assets.values()
        return sorted((row.key.name, row.key.uri) for row in rows if row.is_active)

    async def trigger_ids(self) -> list[int]:
        return sorted(trigger.number for trigger in self._store.tables.triggers.values())

    async def dag(self, dag_id: str) -> tuple[int, str, bool, bool, bool]:
        dag = self._store.tables.dags[dag_id]
        version = self._store.tables.dag_versions[dag.dag_version_id]
        return version.version_number, dag.relative_fileloc, dag.is_paused, dag.is_stale, dag.has_import_errors


class PostgresBackdoor:
    """Inside of `PostgresStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_dag_run(
        self,
        dag_id: str,
        run_id: str,
        now: datetime,
        run_after: datetime | None = None,
        logical_date: datetime | None = None,
        run_type: str = "manual",
    ) -> int:
        row = await self._database.fetch_row(
            "INSERT INTO dag_run"
            " (dag_id, run_id, state, run_type, triggered_by, run_after, queued_at, dag_version_id, logical_date,"
            " bundle_version)"
            " SELECT dag_id, $2, 'queued', $6, 'rest_api', $4, $3, dag_version_id, $5,"
            " CASE WHEN NOT disable_bundle_versioning THEN nullif(coalesce(dag.bundle_version, b.version), '') END"
            " FROM dag LEFT JOIN dag_bundle b ON b.name = dag.bundle_name WHERE dag_id = $1"
            " RETURNING id",
            *(dag_id, run_id, now, run_after or now, logical_date, run_type),
        )
        assert row is not None
        return row["id"]

    async def pause(self, dag_id: str, *, is_paused: bool) -> None:
        await self._database.fetch("UPDATE dag SET is_paused = $2 WHERE dag_id = $1", dag_id, is_paused)

    async def revise(self, dag_run_id: int) -> None:
        await self._database.fetch("UPDATE dag_run SET revision = revision + 1 WHERE id = $1", dag_run_id)

    async def set_variable(self, key: str, value: bytes) -> None:
        await self._database.fetch(
            "INSERT INTO variable (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2", key, value
        )

    async def set_connection(self, conn_id: str, password: bytes) -> None:
        await self._database.fetch(
            "INSERT INTO connection (conn_id, conn_type, password) VALUES ($1, 'http', $2)"
            " ON CONFLICT (conn_id) DO UPDATE SET password = $2",
            conn_id,
            password,
        )

    async def restart(self, id_: TaskInstanceId) -> None:
        await self._database.fetch(
            "UPDATE task_instance SET state = 'restarting' WHERE (dag_run_id, task_id, map_index) = ($1, $2, $3)", *id_
        )

    async def set_pool(self, pool: str, slots: int, *, include_deferred: bool = False) -> None:
        await self._database.fetch(
            "INSERT INTO slot_pool (pool, slots, include_deferred) VALUES ($1, $2, $3)"
            " ON CONFLICT (pool) DO UPDATE SET slots = $2, include_deferred = $3",
            *(pool, slots, include_deferred),
        )

    async def set_parallelism(self, slots: int) -> None:
        await set_parallelism(self._database, slots)

    async def leak_slots(self, pool: str, slots: int) -> None:
        await self._database.fetch("UPDATE slot_pool SET used = used + $2 WHERE pool = $1", pool, slots)
        await self._database.fetch("UPDATE parallelism SET used = used + 1")

    async def task_instances(self, dag_run_id: int) -> Sequence[TaskInstanceRow]:
        rows = await self._database.fetch(
            "SELECT * FROM task_instance WHERE dag_run_id = $1 ORDER BY task_id, map_index", dag_run_id
        )
        return [task_instance_row(row) for row in rows]

    async def dag_run_states(self) -> dict[int, tuple[str, UUID | None]]:
        rows = await self._database.fetch("SELECT id, state, owner FROM dag_run ORDER BY id")
        return {row["id"]: (row["state"], row["owner"]) for row in rows}

    async def xcoms(self, dag_run_id: int) -> dict[tuple[str, str], bytes]:
        rows = await self._database.fetch("SELECT task_id, key, value FROM xcom WHERE dag_run_id = $1", dag_run_id)
        return {(row["task_id"], row["key"]): row["value"] for row in rows}

    async def log(self, attempt_id: UUID) -> bytes:
        rows = await self._database.fetch(
            "SELECT lines FROM task_log WHERE attempt_id = $1 ORDER BY sequence", attempt_id
        )
        return b"".join(row["lines"] for row in rows)

    async def history(self) -> list[tuple[TaskInstanceId, int, UUID]]:
        rows = await self._database.fetch("SELECT * FROM task_instance_history WHERE attempt_id <> id")
        ids = [TaskInstanceId(row["dag_run_id"], row["task_id"], row["map_index"]) for row in rows]
        return sorted((id_, row["try_number"], row["attempt_id"]) for id_, row in zip(ids, rows, strict=True))

    async def import_errors(self) -> dict[str, str]:
        rows = await self._database.fetch("SELECT relative_fileloc, stacktrace FROM import_error")
        return {row["relative_fileloc"]: row["stacktrace"] for row in rows}

    async def asset_runs(self, dag_id: str) -> list[AssetRunRow]:
        rows = await self._database.fetch(
            "SELECT r.run_id, r.run_after, r.partition_key, r.partition_date,"
            " ARRAY(SELECT e.extra FROM dag_run_asset_event l JOIN asset_event e ON e.id = l.event_id"
            " WHERE l.dag_run_id = r.id ORDER BY e.id) AS extras"
            " FROM dag_run r WHERE r.dag_id = $1 AND r.run_type = 'asset_triggered' ORDER BY r.id",
            dag_id,
        )
        return [AssetRunRow(*row) for row in rows]

    async def active_assets(self) -> list[tuple[str, str]]:
        rows = await self._database.fetch("SELECT name, uri FROM asset WHERE is_active ORDER BY name, uri")
        return [(row["name"], row["uri"]) for row in rows]

    async def trigger_ids(self) -> list[int]:
        return [row["id"] for row in await self._database.fetch("SELECT id FROM trigger ORDER BY id")]

    async def dag(self, dag_id: str) -> tuple[int, str, bool, bool, bool]:
        row = await self._database.fetch_row(
            "SELECT v.version_number, d.relative_fileloc, d.is_paused, d.is_stale, d.has_import_errors"
            " FROM dag d JOIN dag_version v ON v.id = d.dag_version_id WHERE d.dag_id = $1",
            dag_id,
        )
        assert row is not None
        version_number, relative_fileloc, is_paused, is_stale, has_import_errors = row
        return version_number, relative_fileloc, is_paused, is_stale, has_import_errors


def memory_driver() -> Driver:
    store = MemoryStore()
    return Driver(store, MemoryBackdoor(store))


def postgres_driver(database: Database) -> Driver:
    return Driver(PostgresStore(database), PostgresBackdoor(database))
