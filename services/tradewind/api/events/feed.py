"""The one reader of a process: looks for changes while somebody listens, and hands them to all who do.

A look is one statement that reads by index what was not read yet, however many listen: none while nobody does.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final

from tradewind.api.errors import Unanswered
from tradewind.api.events.changes import Change, changes_of, end_of
from tradewind.api.events.selection import Selection
from tradewind.core.errors import AdapterError
from tradewind.db.api.changes import Place, first_place, list_changes
from tradewind.db.pool import Database
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

LOOK_SECONDS: Final = 0.04
PAGE: Final = 1_000
_IDLE_SECONDS: Final = 3600.0
_RETRY_SECONDS: Final = 1.0


@dataclass(slots=True, eq=False)
class Listener:
    """One client: what it has still to be sent."""

    selection: Selection
    max_waiting: int
    start: Place
    """It is given everything after this."""
    waiting: deque[Change] = field(default_factory=deque[Change])
    news: asyncio.Event = field(default_factory=asyncio.Event)
    is_cut_off: bool = False
    """It reads too slowly: what came after the last one that waits is not kept for it."""

    def take(self, changes: list[Change]) -> None:
        """Keep what it wants, as far as there is room."""
        if self.is_cut_off:
            return
        for change in changes:
            if not self.selection.takes(change):
                continue
            if len(self.waiting) >= self.max_waiting:
                self.is_cut_off = True
                break
            self.waiting.append(change)
        if self.waiting or self.is_cut_off:
            self.news.set()


class ChangeFeed:
    """All listeners of this process, and all who wait for runs."""

    def __init__(
        self, *, database: Database, max_listeners: int, max_waiting: int, max_waiters: int, telemetry: Telemetry
    ) -> None:
        self._database = database
        self._max_listeners = max_listeners
        self._max_waiting = max_waiting
        self._max_waiters = max_waiters
        self._telemetry = telemetry
        self._loop = telemetry.loop("change-feed")
        self._cut_off = telemetry.counter("event_clients_cut_off_total", "Clients that read events too slowly")
        self._listeners: set[Listener] = set()
        self._waiters: dict[int, list[asyncio.Event]] = {}
        self._waiter_count = 0
        self._turn = asyncio.Lock()
        self._arrived = asyncio.Event()
        self._place: Place | None = None
        self.stopping: Final = asyncio.Event()
        """This process stops: who listens must go on elsewhere."""
        telemetry.gauge("event_clients", "Clients that listen to events").set_function(lambda: len(self._listeners))
        telemetry.gauge("run_waiters", "Clients that wait for a run").set_function(lambda: self._waiter_count)

    @property
    def place(self) -> Place | None:
        """How far this process has read; None: nobody listens."""
        return self._place

    @asynccontextmanager
    async def listening(self, selection: Selection) -> AsyncGenerator[Listener]:
        """One client: everything that is committed from now on. Raises `Unanswered` if there are too many, and
        `StoreUnavailable`."""
        self._check_room(len(self._listeners), self._max_listeners)
        async with self._turn:
            await self._look()
            assert self._place is not None
            self._check_room(len(self._listeners), self._max_listeners)
            listener = Listener(selection, self._max_waiting, self._place)
            self._listeners.add(listener)
        self._arrived.set()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            self._cut_off.inc(int(listener.is_cut_off))

    @contextmanager
    def waiting(self, run_key: int) -> Generator[asyncio.Event]:
        """An event that is set whenever the run may have changed its state; look once after entering. Raises
        `Unanswered` if there are too many who wait."""
        self._check_room(self._waiter_count, self._max_waiters)
        changed = asyncio.Event()
        self._waiters.setdefault(run_key, []).append(changed)
        self._waiter_count += 1
        self._arrived.set()
        try:
            yield changed
        finally:
            self._waiter_count -= 1
            others = self._waiters[run_key]
            others.remove(changed)
            if not others:
                del self._waiters[run_key]

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop`; then wake all, to leave."""
        while not await pause(stop, *self._next_look()):
            try:
                with self._loop.turn():
                    await self.run_once()
            except AdapterError as exc:
                get_logger().warning("change_feed.failed", error=str(exc))
                self._telemetry.count_retry("change-feed")
                await pause(stop, _RETRY_SECONDS)
        self.stopping.set()
        for listener in self._listeners:
            listener.news.set()
        self._wake(self._waiters)

    async def run_once(self) -> None:
        """Hand on what is new."""
        async with self._turn:
            if self._listeners or self._waiters:
                await self._look()
            else:
                self._place = None

    async def _look(self) -> None:
        """Read all that is committed now, a page at a time. A reader that has just begun, or whose place is kept no
        longer, cannot say what those who wait have missed, so it wakes all of them."""
        if self._place is None:
            self._place = await first_place(self._database)
            self._wake(self._waiters)
            return
        while True:
            start = self._place
            page = await list_changes(self._database, start, PAGE)
            if not page.is_kept:
                await self._begin_anew()
                return
            changes = changes_of(page, start)
            self._place = end_of(page, start)
            self._hand_on(changes)
            if page.is_last and start.upto is None:
                return

    def _hand_on(self, changes: list[Change]) -> None:
        if not changes:
            return
        for listener in self._listeners:
            listener.take(changes)
        self._wake(dict.fromkeys(change.run_key for change in changes if change.task_id is None))

    async def _begin_anew(self) -> None:
        """Whoever listens is cut off, and told by its own id, when it comes again, that it has missed something."""
        for listener in self._listeners:
            listener.is_cut_off = True
            listener.news.set()
        self._place = await first_place(self._database)
        self._wake(self._waiters)

    def _wake(self, run_keys: dict[int, None] | dict[int, list[asyncio.Event]]) -> None:
        for run_key in run_keys:
            for changed in self._waiters.get(run_key, ()):
                changed.set()

    def _check_room(self, count: int, most: int) -> None:
        if count >= most or self.stopping.is_set():
            raise Unanswered("Too many listen here at the moment: ask again, another process may have room")

    def _next_look(self) -> tuple[float, asyncio.Event | None]:
        if self._listeners or self._waiters:
            return LOOK_SECONDS, None
        return (_IDLE_SECONDS if self._place is None else LOOK_SECONDS), self._arrived
