"""What may let assets make a run."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress


class AssetWakeUp:
    """Set by whoever hears of something; the loop that makes runs by assets waits for it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._dag_ids: dict[str, None] = {}
        self._sweeps = False
        self._held: dict[str, None] = {}

    def events_queued(self, dag_ids: Iterable[str]) -> None:
        """These DAGs have new events in their queues."""
        named = dict.fromkeys(dag_ids)
        if named:
            self._dag_ids.update(named)
            self._event.set()

    def dags_changed(self) -> None:
        """DAGs were parsed or unpaused: queues that nobody could use may be of use now."""
        self._sweeps = True
        self._event.set()

    def hold(self, dag_id: str, *, waits_for_room: bool) -> None:
        """Whether this DAG has as many runs as it may, so that the end of one of them matters."""
        if waits_for_room:
            self._held[dag_id] = None
        else:
            self._held.pop(dag_id, None)

    def runs_changed(self, dag_ids: Iterable[str]) -> None:
        """Runs of these DAGs have ended, or may be started."""
        self.events_queued(dag_id for dag_id in dag_ids if dag_id in self._held)

    def take(self) -> tuple[Sequence[str], bool]:
        """DAGs named since the last `take`, and whether to sweep without waiting for its time."""
        taken = list(self._dag_ids), self._sweeps
        self._dag_ids, self._sweeps = {}, False
        self._event.clear()
        return taken

    async def wait(self, timeout_seconds: float) -> None:
        """Until something is heard, or for this long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
