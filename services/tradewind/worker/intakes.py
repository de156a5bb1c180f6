"""The queues that a worker takes from. They can change while it runs."""

import asyncio
from collections.abc import Callable, Sequence

from tradewind.worker.intake import QueueIntake


class QueueIntakes:
    """One intake per queue, each with an end of its own."""

    def __init__(
        self,
        queues: Sequence[str],
        open_intake: Callable[[str], QueueIntake],
        changed: Callable[[Sequence[str]], None],
    ) -> None:
        """`changed` is told of the queues whenever they are others."""
        self._first = tuple(queues)
        self._open_intake = open_intake
        self._changed = changed
        self._stops: dict[str, asyncio.Event] = {}
        self._group: asyncio.TaskGroup | None = None

    @property
    def queues(self) -> tuple[str, ...]:
        """In the order in which they were added."""
        return tuple(self._stops)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for queue in self._first:
                self._start(group, queue)
            await stop.wait()
            self._group = None
            for own in self._stops.values():
                own.set()

    def add(self, queue: str) -> None:
        """Take from this queue, too; nothing happens if that is so already, or when the worker is stopping."""
        if self._group is not None and queue not in self._stops:
            self._start(self._group, queue)
            self._changed(self.queues)

    def cancel(self, queue: str) -> None:
        """Take no more from this queue. What waits for a slot goes back to it, what runs goes on."""
        own = self._stops.pop(queue, None)
        if own is not None:
            own.set()
            self._changed(self.queues)

    def _start(self, group: asyncio.TaskGroup, queue: str) -> None:
        own = self._stops[queue] = asyncio.Event()
        group.create_task(self._open_intake(queue).run(own), name=f"intake-{queue}")
