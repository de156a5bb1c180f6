"""Files that have read stored Variables and Connections are parsed again when these change.

Nobody sends an event for it: tasks, people and commands write them. A sweep compares the fingerprints of what files
have read with what stands now, as long as there is such a file.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tradewind.core.clock import Clock
from tradewind.core.errors import AdapterError
from tradewind.dag_processor.file_index import CONNECTION_PREFIX, VARIABLE_PREFIX, FileIndex
from tradewind.dag_processor.parse_queue import ParseQueue
from tradewind.db.stored_values import StoredValuesStore
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.service.tokens import TokenSigner

SERVICE: Final = "dag_processor"
TOKEN_SECONDS: Final = 900
"""Longer than imports take: each file gets a token of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderAccess:
    """What a file needs to read what is stored."""

    execution_api_url: str
    mint_token: Callable[[], str]


def reader_access(execution_api_url: str, signer: TokenSigner, clock: Clock) -> ReaderAccess:
    """With tokens that begin when they are minted."""

    def mint() -> str:
        return signer.mint_reader_token(SERVICE, now=clock(), lifetime_seconds=TOKEN_SECONDS)

    return ReaderAccess(execution_api_url=execution_api_url, mint_token=mint)


class StoredValuesSweep:
    """One task."""

    def __init__(
        self,
        *,
        store: StoredValuesStore,
        index: FileIndex,
        queue: ParseQueue,
        telemetry: Telemetry,
        interval_seconds: float,
        retry_seconds: float,
    ) -> None:
        self._store = store
        self._index = index
        self._queue = queue
        self._telemetry = telemetry
        self._interval_seconds = interval_seconds
        self._retry_seconds = retry_seconds
        self._next_retry = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until `stop`."""
        turns = self._telemetry.loop("stored-values", interval_seconds=self._interval_seconds)
        while not await pause(stop, self._interval_seconds):
            with turns.turn():
                await self._sweep()

    async def _sweep(self) -> None:
        keys, conn_ids = self._index.stored_names()
        if not keys and not conn_ids:
            return
        try:
            variables, connections = await self._store.stored_fingerprints(keys, conn_ids)
        except AdapterError as exc:
            get_logger().warning("stored_values.unread", error=str(exc))
            return
        stored = {VARIABLE_PREFIX + key: fingerprint for key, fingerprint in variables.items()}
        stored |= {CONNECTION_PREFIX + conn_id: fingerprint for conn_id, fingerprint in connections.items()}
        for name in self._index.outdated(stored, ask_again=self._is_time_to_retry()):
            self._queue.put(name, urgent=True)

    def _is_time_to_retry(self) -> bool:
        """Files that got no answer wait longer: each of their parses takes its time."""
        now = asyncio.get_running_loop().time()
        if now < self._next_retry:
            return False
        self._next_retry = now + self._retry_seconds
        return True
