"""What may let a run be made before the clock does."""

import asyncio
from contextlib import suppress


class WakeUp:
    """Set by whoever hears of something; the loop that makes runs waits for it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.waits_for_room = False
        """Some DAG's next run is due and has no room: the end of any run matters."""

    def dags_changed(self) -> None:
        """DAGs were parsed or unpaused."""
        self._event.set()

    def runs_changed(self) -> None:
        """A run has ended, or was started."""
        if self.waits_for_room:
            self._event.set()

    async def wait(self, timeout_seconds: float) -> None:
        """Until something was heard since the last `wait`, or for this long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
        self._event.clear()
