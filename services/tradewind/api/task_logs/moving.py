"""Moves finished logs from the database to the log store.

The chunks in `task_log` are the list of what is to be done: a loop goes through the tries that have any, again and
again, whole rounds, and takes those that nothing can be added to. A try is claimed (a row), written as one file, and
with the store's confirmation the row becomes the place of the log and the chunks go, in one statement. Whatever fails
or dies in between leaves the chunks, which are read as ever, and the next round begins that try anew; two processes
that move the same try write the same file, and only the claim's holder deletes. Nothing is written while a task runs
that would not be written anyway.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tradewind.api.task_logs.reading import chunks_of
from tradewind.api.task_logs.records import header
from tradewind.api.task_logs.stores import LogStores
from tradewind.core.clock import Clock, IdFactory
from tradewind.core.errors import AdapterError
from tradewind.db.api import log_moves as queries
from tradewind.db.api.log_moves import LogToMove
from tradewind.db.api.task_logs import BEFORE_ALL, LogKey, list_log_attempts
from tradewind.db.pool import Database, Row
from tradewind.log_store.layout import log_path
from tradewind.log_store.port import LogStoreFailed
from tradewind.service.backoff import Backoff, Jitter
from tradewind.service.health import CheckResult
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

INTERVAL_SECONDS: Final = 5.0
_TRIES_AT_ONCE: Final = 500
_MOVES_AT_ONCE: Final = 8
_CLAIM_LASTS: Final = timedelta(minutes=10)
_MOVE_TIMEOUT_SECONDS: Final = 300.0
"""Well within a claim: nobody writes a file that another has claimed since."""
_CALLBACKS_TAKE: Final = timedelta(seconds=30)
"""Longer than `[core] task_success_overtime` (20 s): callbacks of a success log after its end. What comes even later
stays in the database, and is read after the file."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at the next tries came to."""

    moved: int
    failed: int
    is_over: bool
    """All tries were looked at."""


class LogMover:
    """Moves logs to the store of the settings. Any number of processes may."""

    def __init__(
        self,
        *,
        base: str,
        stores: LogStores,
        database: Database,
        clock: Clock,
        new_id: IdFactory,
        jitter: Jitter,
        telemetry: Telemetry,
    ) -> None:
        self._base = base
        self._stores = stores
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._jitter = jitter
        self._telemetry = telemetry
        self._after = BEFORE_ALL
        self.trouble: str | None = None
        """Why the store took nothing lately; None = it did, or there was nothing."""
        self._loop = telemetry.loop("log-moves")
        self._moved = telemetry.counter("logs_moved_total", "Logs of tries moved to the log store")
        self._bytes = telemetry.counter("log_bytes_moved_total", "Their bytes")
        self._failed = telemetry.counter("log_moves_failed_total", "Logs that the store did not take; they are kept")
        up = telemetry.gauge("log_store_up", "1 = the log store took what it was given last")
        up.set_function(lambda: float(self.trouble is None))

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a move under way is finished. While the store fails, rounds come later and later."""
        failures, backoff = 0, Backoff(initial_seconds=1.0, cap_seconds=60.0)
        wait = 0.0
        while not await pause(stop, wait):
            try:
                with self._loop.turn():
                    done = await self.run_once(self._clock())
            except AdapterError as exc:
                get_logger().warning("log_moves.interrupted", error=str(exc))
                done = Round(0, 1, is_over=False)
            is_down = done.failed > 0 and done.moved == 0
            failures = failures + 1 if is_down else 0
            wait = INTERVAL_SECONDS if done.is_over else 0.0
            if is_down:
                self._telemetry.count_retry("log-moves")
                wait = backoff.delay_seconds(failures, self._jitter())

    async def check(self) -> CheckResult:
        """For `/health`: says what is wrong with the store. The API serves all the same."""
        return CheckResult(
            healthy=True, detail="" if self.trouble is None else f"{self.trouble}; logs stay in Postgres"
        )

    async def run_once(self, now: datetime) -> Round:
        """Move what can be moved of the next tries, in the order of their keys."""
        rows = await queries.list_settled_logs(
            self._database, self._after, _TRIES_AT_ONCE, now - _CALLBACKS_TAKE, now - _CLAIM_LASTS
        )
        is_over = len(rows) < _TRIES_AT_ONCE
        logs = [_to_move(row) for row in rows if row["is_settled"]]
        moved = await self._move_all(logs, now)
        # Only now: what was not looked at to its end is looked at again.
        self._after = BEFORE_ALL if is_over else _key(rows[-1])
        return Round(moved, len(logs) - moved, is_over)

    async def _move_all(self, logs: Sequence[LogToMove], now: datetime) -> int:
        """How many were moved, by this or another process. One that fails holds up no other; a store that takes none
        of the first few is left alone for now."""
        waiting = iter(logs)
        moved = 0
        troubles: list[str] = []

        async def work() -> None:
            nonlocal moved
            for log in waiting:
                try:
                    async with asyncio.timeout(_MOVE_TIMEOUT_SECONDS):
                        await self._move(log, now)
                except (AdapterError, TimeoutError) as exc:
                    troubles.append(str(exc) or f"{self._base}: not within {_MOVE_TIMEOUT_SECONDS:g} s")
                    if not moved:
                        return
                else:
                    moved += 1

        async with asyncio.TaskGroup() as group:
            for number in range(min(_MOVES_AT_ONCE, len(logs))):
                group.create_task(work(), name=f"log-mover-{number}")
        if logs:
            self._note(troubles[0] if troubles else None, len(logs) - moved)
        return moved

    def _note(self, trouble: str | None, left: int) -> None:
        if trouble is not None:
            get_logger().warning("log_store.failed", error=trouble, logs=left, hint="logs stay in Postgres meanwhile")
            self._stores.forget()
        elif self.trouble is not None:
            get_logger().info("log_store.recovered", store=self._base)
        self.trouble = trouble

    async def _move(self, log: LogToMove, now: datetime) -> None:
        path = log_path(
            dag_id=log.dag_id,
            run_id=log.run_id,
            task_id=log.key.task_id,
            map_index=log.key.map_index,
            try_number=log.key.try_number,
        )
        claim = self._new_id()
        if not await queries.claim_log_move(self._database, log.key, self._base, path, claim, now, now - _CLAIM_LASTS):
            return  # another process does, or has
        try:
            attempts = await list_log_attempts(self._database, log.key)
            store = await self._stores.of(self._base)
            size = await store.put(path, _file(self._database, log.key, attempts))
        except (LogStoreFailed, asyncio.CancelledError):
            self._failed.inc()
            await asyncio.shield(queries.drop_log_move(self._database, log.key, claim))
            raise
        held: dict[UUID, int] = {attempt["attempt_id"]: attempt["last_sequence"] for attempt in attempts}
        if await queries.finish_log_move(self._database, log.key, claim, self._clock(), size, held):
            self._moved.inc()
            self._bytes.inc(size)


async def _file(database: Database, key: LogKey, attempts: Sequence[Row]) -> AsyncGenerator[bytes]:
    """The whole log of a try: for each attempt the line that names it, then its chunks as they are."""
    for attempt in attempts:
        yield header(attempt) + b"\n"
        async for chunks in chunks_of(database, key, attempt, -1):
            yield b"".join(_whole_lines(chunk["lines"]) for chunk in chunks)


def _whole_lines(lines: bytes) -> bytes:
    return lines if lines.endswith(b"\n") else lines + b"\n"


def _to_move(row: Row) -> LogToMove:
    return LogToMove(key=_key(row), dag_id=row["dag_id"], run_id=row["run_id"])


def _key(row: Row) -> LogKey:
    return LogKey(
        dag_run_id=row["dag_run_id"], task_id=row["task_id"], map_index=row["map_index"], try_number=row["try_number"]
    )
