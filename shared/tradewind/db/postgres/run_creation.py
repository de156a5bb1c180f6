"""Making runs by time, on Postgres."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from tradewind.core.dag_requests import next_run_requests
from tradewind.core.spec import DagSpec
from tradewind.core.timetables.due import CreatedRuns, DueDag, NextRunTimes, RunCreation, ScheduledRun
from tradewind.core.timetables.from_spec import is_custom, next_run_of
from tradewind.core.timetables.values import DataInterval, NextRun
from tradewind.db.pool import Database, Row, Session
from tradewind.db.postgres.dag_requests import insert_dag_requests
from tradewind.db.postgres.row_mapping import first_integers
from tradewind.db.statements import statement

Times = tuple[datetime | None, datetime | None, datetime | None]


class PostgresRunCreationStore:
    """`RunCreationStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due_dags(self, now: datetime, limit: int) -> Sequence[DueDag]:
        return [_due_dag(row) for row in await self._database.fetch(statement("list_due_dags"), now, limit)]

    async def next_run_times(self, now: datetime) -> NextRunTimes:
        row = await self._database.fetch_row(statement("load_next_run_times"), now)
        assert row is not None
        return NextRunTimes(next_at=row["next_at"], is_due=row["is_due"])

    async def create_scheduled_runs(self, creations: Sequence[RunCreation], now: datetime) -> CreatedRuns:
        dags = [
            (creation.dag_id, creation.dag_version_id, creation.expected_run_after, *_times(creation.following))
            for creation in creations
        ]
        runs = [
            (creation.dag_id, scheduled.run_id, *_times(scheduled.run), *_partition(scheduled))
            for creation in creations
            for scheduled in creation.runs
        ]
        values = (now, *_columns(dags, 6), *_columns(runs, 7))
        asking = dict.fromkeys(creation.dag_id for creation in creations if creation.asks_next)
        if not asking:
            return _created(await self._database.fetch(statement("create_scheduled_runs"), *values))
        async with self._database.transaction() as transaction:
            created = _created(await transaction.fetch(statement("create_scheduled_runs"), *values))
            await insert_dag_requests(transaction, next_run_requests(created.dag_ids, asking), now)
        return created

    async def complete_backfills(self, now: datetime) -> Sequence[int]:
        return sorted(first_integers(await self._database.fetch(statement("complete_backfills"), now)))


async def write_schedules(session: Session, specs: Mapping[str, DagSpec], now: datetime) -> None:
    """Within the transaction of a parse: the next run of each DAG, and how long a run may take."""
    by_time = [dag_id for dag_id, spec in specs.items() if spec.timetable is not None]
    rows = await session.fetch(statement("load_last_automated_runs"), by_time) if by_time else []
    last = {row["dag_id"]: _interval(row["data_interval_start"], row["data_interval_end"]) for row in rows}
    values = [
        (
            *(dag_id, *_times(next_run_of(spec, last.get(dag_id), now))),
            *(spec.dagrun_timeout_seconds, bool(spec.deadlines)),
        )
        for dag_id, spec in sorted(specs.items())
    ]
    await session.fetch(statement("update_dag_schedules"), *_columns(values, 6))
    custom = {dag_id: spec for dag_id, spec in specs.items() if is_custom(spec.timetable)}
    await insert_dag_requests(session, next_run_requests(sorted(custom), custom), now)


def _created(rows: Sequence[Row]) -> CreatedRuns:
    return CreatedRuns(
        dag_ids=tuple(dict.fromkeys(row["dag_id"] for row in rows)),
        runs=tuple((row["dag_id"], row["run_id"]) for row in rows if row["run_id"] is not None),
    )


def _due_dag(row: Row) -> DueDag:
    start, end = row["next_dagrun_data_interval_start"], row["next_dagrun_data_interval_end"]
    return DueDag(
        dag_id=row["dag_id"],
        dag_version_id=row["dag_version_id"],
        expected=NextRun(row["next_dagrun_run_after"], _interval(start, end)),
        last=_interval(row["last_start"], row["last_end"]),
        room=row["room"],
    )


def _interval(start: datetime | None, end: datetime | None) -> DataInterval | None:
    return None if start is None or end is None else DataInterval(start, end)


def _times(run: NextRun | None) -> Times:
    """run_after, start and end of the data interval."""
    if run is None or run.data_interval is None:
        return (None if run is None else run.run_after), None, None
    return run.run_after, run.data_interval.start, run.data_interval.end


def _partition(scheduled: ScheduledRun) -> tuple[str | None, datetime | None]:
    partition = scheduled.partition
    return (None, None) if partition is None else (partition.key, partition.date)


def _columns(rows: Sequence[Iterable[object]], count: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]
