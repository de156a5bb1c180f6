"""The log store port: files of finished logs, each written once, as a whole."""

from collections.abc import AsyncIterator
from typing import Protocol

from tradewind.core.errors import AdapterError


class LogStore(Protocol):
    """Keeps files under paths with `/`. One behavioural suite (`tests/integration/test_log_stores.py`) holds all
    adapters to this."""

    async def put(self, path: str, pieces: AsyncIterator[bytes]) -> int:
        """Write a file, or write it anew, and return its bytes once the store has confirmed it: it is there as a whole
        or not at all. Raises `LogStoreFailed`, and whatever `pieces` raises."""
        ...

    def read(self, path: str, start: int = 0) -> AsyncIterator[bytes]:
        """The file from this byte on, in pieces of at most some megabytes. Raises `LogStoreFailed`."""
        ...

    async def delete(self, path: str) -> None:
        """Remove a file; none there is fine. Raises `LogStoreFailed`."""
        ...


class LogStoreFailed(AdapterError):
    """The store refused or could not be reached; the message says which store and why."""

    def __init__(self, base: str, what: str, reason: str) -> None:
        super().__init__(f"the log store {base} did not {what}: {reason}", retryable=True)
