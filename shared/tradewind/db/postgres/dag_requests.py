"""Requests to authors' code, on Postgres."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

import msgspec

from tradewind.core.dag_requests import DagRequest, NewDagRequest, RequestedRun, RequestKind
from tradewind.core.timetables.values import DataInterval, NextRun
from tradewind.db.pool import Database, Row, Session
from tradewind.db.statements import statement


class PostgresDagRequestStore:
    """`DagRequestStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take_dag_requests(self, now: datetime, lease: timedelta, limit: int) -> Sequence[DagRequest]:
        rows = await self._database.fetch(statement("take_dag_requests"), now, lease, limit)
        return [_request(row) for row in rows]

    async def set_next_run(self, request: DagRequest, run: NextRun | None) -> bool:
        async with self._database.transaction() as transaction:
            # The DAG first, as whoever has it begin anew.
            await transaction.fetch(statement("lock_dag_rows"), [request.dag_id])
            if not await transaction.fetch(statement("delete_dag_request"), request.id, request.generation):
                return False
            interval = None if run is None else run.data_interval
            await transaction.fetch(
                statement("update_next_run"),
                request.dag_id,
                None if run is None else run.run_after,
                None if interval is None else interval.start,
                None if interval is None else interval.end,
            )
        return True

    async def set_run_weights(self, request: DagRequest, weights: Mapping[str, tuple[int, ...]]) -> int | None:
        text = msgspec.json.encode(weights).decode()
        values = (request.id, request.generation, text)
        return cast("int | None", await self._database.fetch_value(statement("answer_weights_request"), *values))

    async def finish_dag_request(self, request: DagRequest) -> None:
        await self._database.fetch(statement("delete_dag_request"), request.id, request.generation)

    async def postpone_dag_request(self, request: DagRequest, until: datetime) -> None:
        await self._database.fetch(statement("postpone_dag_request"), request.id, request.generation, until)


async def insert_dag_requests(session: Session, requests: Sequence[NewDagRequest], now: datetime) -> None:
    """Within the transaction that makes them necessary."""
    if requests:
        await session.fetch(
            statement("insert_dag_requests"),
            now,
            [request.dag_id for request in requests],
            [request.kind.value for request in requests],
            [request.dag_run_id for request in requests],
            [request.reason for request in requests],
        )


def _request(row: Row) -> DagRequest:
    start, end = row["last_start"], row["last_end"]
    return DagRequest(
        id=row["id"],
        generation=row["generation"],
        attempts=row["attempts"],
        dag_id=row["dag_id"],
        kind=RequestKind(row["kind"]),
        relative_fileloc=row["relative_fileloc"],
        reason=row["reason"],
        last=None if start is None or end is None else DataInterval(start, end),
        run=None if row["run_id"] is None else _run(row),
    )


def _run(row: Row) -> RequestedRun:
    task = (row["task_id"], row["map_index"], row["task_state"], row["try_number"])
    return RequestedRun(
        run_id=row["run_id"],
        run_type=row["run_type"],
        state=row["state"],
        logical_date=row["logical_date"],
        data_interval_start=row["data_interval_start"],
        data_interval_end=row["data_interval_end"],
        run_after=row["run_after"],
        queued_at=row["queued_at"],
        start_date=row["start_date"],
        end_date=row["end_date"],
        triggered_by=row["triggered_by"],
        triggering_user_name=row["triggering_user_name"],
        conf=row["conf"].encode(),
        last_task=None if row["task_id"] is None else task,
    )
