"""Writes to the store and tells the others: each write is one transaction, repeated until it is through."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

from tradewind.bus.port import Bus, Message
from tradewind.core.clock import Clock
from tradewind.core.errors import AdapterError, TradewindError
from tradewind.core.rows import DagFileParse, DagFileRow
from tradewind.db.store import DagStore
from tradewind.service.backoff import Jitter, retrying
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.codec import encode
from tradewind.wire.messages import DagsChanged
from tradewind.wire.queues import EVENTS

ResultT = TypeVar("ResultT")

SERVICE = "dag_processor"


class StoreWriter:
    """The dag processor's writes. Each returns None if `stop` ended it before it was through."""

    def __init__(self, *, store: DagStore, bus: Bus, clock: Clock, jitter: Jitter, telemetry: Telemetry) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._jitter = jitter
        self._telemetry = telemetry

    async def load(self, stop: asyncio.Event) -> Sequence[DagFileRow] | None:
        """Every file known."""
        return await self._through("dag_files.load", self._store.load_dag_files, stop)

    async def write(self, parses: Sequence[DagFileParse], stop: asyncio.Event) -> Sequence[DagFileParse] | None:
        """Write a batch; returns what was written. A file that the store refuses (say, for characters that it cannot
        hold) does not take the batch with it: it gets an import error instead."""
        try:
            return await self._write(parses, stop)
        except TradewindError as exc:
            if len(parses) > 1:
                return await self._write_one_by_one(parses, stop)
            return await self._write([_refused(parses[0], exc)], stop)

    async def retire(self, present: Sequence[str], stop: asyncio.Event) -> Sequence[str] | None:
        """All files but these are gone; returns the ids of the DAGs made stale."""
        stale = await self._through(
            "dag_files.retire", lambda: self._store.retire_dag_files(present, self._clock()), stop
        )
        await self._announce(stale or ())
        return stale

    async def record_heartbeat(self, instance: UUID) -> None:
        """This process lives. A failure is logged: the next beat is soon."""
        try:
            await self._store.record_service_heartbeat(SERVICE, instance, self._clock())
        except AdapterError as exc:
            get_logger().warning("service_heartbeat.failed", error=str(exc))

    async def _write(self, parses: Sequence[DagFileParse], stop: asyncio.Event) -> Sequence[DagFileParse] | None:
        changed = await self._through(
            "dag_files.write", lambda: self._store.write_dag_files(parses, self._clock()), stop
        )
        if changed is None:
            return None
        await self._announce(changed)
        return parses

    async def _write_one_by_one(self, parses: Sequence[DagFileParse], stop: asyncio.Event) -> Sequence[DagFileParse]:
        written: list[DagFileParse] = []
        for parse in parses:
            written.extend(await self.write([parse], stop) or ())
        return written

    async def _announce(self, dag_ids: Sequence[str]) -> None:
        """A nudge: what cannot be sent is found by the others' sweeps."""
        if not dag_ids:
            return
        try:
            await self._bus.broadcast(EVENTS, Message(body=encode(DagsChanged(tuple(dag_ids)))))
        except AdapterError as exc:
            get_logger().warning("dags_changed.not_sent", error=str(exc), dags=len(dag_ids))

    async def _through(
        self, name: str, operation: Callable[[], Awaitable[ResultT]], stop: asyncio.Event
    ) -> ResultT | None:
        try:
            return await retrying(operation, name=name, stop=stop, jitter=self._jitter, telemetry=self._telemetry)
        except AdapterError as exc:
            if exc.retryable and stop.is_set():
                return None
            raise


def _refused(parse: DagFileParse, exc: Exception) -> DagFileParse:
    return DagFileParse(
        relative_fileloc=parse.relative_fileloc,
        file_digest=parse.file_digest,
        stacktrace=f"The file was imported, but its DAGs could not be stored: {exc}",
        dependencies=parse.dependencies,
    )
