"""Keeps a Git bundle at what its ref names."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from prometheus_client import Counter

from tradewind.core.bundle_list import GitBundle
from tradewind.core.errors import TradewindError
from tradewind.dag_processor.bundles.git.access import git_access
from tradewind.dag_processor.bundles.git.repository import GitRepository
from tradewind.dag_processor.bundles.problems import BundleProblems
from tradewind.sdk.connection import Connection
from tradewind.sdk.exceptions import AirflowException
from tradewind.service.backoff import Backoff, Jitter
from tradewind.service.lifecycle import Stopped, pause, unless_stopped
from tradewind.service.logging import get_logger

SHORTEST_INTERVAL_SECONDS: Final = 1.0


class Connections(Protocol):
    """Where connections are looked up."""

    async def get(self, conn_id: str) -> Connection:
        """Raises AirflowException if there is none, or nobody answers."""
        ...


class GitFollower:
    """One task for each bundle: a repository that does not answer holds nobody up but its own."""

    def __init__(
        self,
        *,
        bundle: GitBundle,
        repository: GitRepository,
        connections: Connections,
        problems: BundleProblems,
        moved: Callable[[], object],
        default_interval_seconds: float,
        jitter: Jitter,
        fetches: Counter,
    ) -> None:
        self.name = bundle.name
        self._bundle = bundle
        self._repository = repository
        self._connections = connections
        self._problems = problems
        self._moved = moved
        own = bundle.refresh_interval_seconds
        self._interval_seconds = max(SHORTEST_INTERVAL_SECONDS, default_interval_seconds if own is None else own)
        self._jitter = jitter
        self._backoff = Backoff(initial_seconds=SHORTEST_INTERVAL_SECONDS, cap_seconds=self._interval_seconds)
        self._fetches = fetches
        self._log = get_logger(bundle=bundle.name)

    async def run(self, stop: asyncio.Event) -> None:
        """Ask the repository again and again until `stop`; sooner than usual after a failure."""
        failures = 0
        while not stop.is_set():
            try:
                failures = 0 if await unless_stopped(stop, self.run_once()) else failures + 1
            except Stopped:
                return
            delay = self._backoff.delay_seconds(failures, self._jitter()) if failures else self._interval_seconds
            await pause(stop, delay)

    async def run_once(self) -> bool:
        """Ask once; returns whether that went well. What did not is shown until it does, and what was fetched last
        goes on being used."""
        try:
            connection = await self._connections.get(self._bundle.git_conn_id) if self._bundle.git_conn_id else None
            is_moved = await self._repository.update(git_access(self._bundle, connection))
        except (TradewindError, AirflowException, OSError) as exc:
            self._fetches.labels(self._bundle.name, "failed").inc()
            await self._problems.report(self._bundle.name, "fetch", self._text(exc))
            return False
        self._fetches.labels(self._bundle.name, "moved" if is_moved else "unchanged").inc()
        await self._problems.report(self._bundle.name, "fetch", None)
        if is_moved:
            self._log.info("bundle.moved", ref=self._bundle.tracking_ref, version=self._repository.version)
            self._moved()
        return True

    def _text(self, exc: Exception) -> str:
        version = self._repository.version
        kept = f"The commit {version}, fetched last, stays in use" if version else "Nothing was fetched here so far"
        return (
            f"The Git bundle {self._bundle.name!r} (tracking_ref {self._bundle.tracking_ref!r}) cannot be refreshed: "
            f"{str(exc).strip()}\n{kept}; it is tried again soon."
        )
