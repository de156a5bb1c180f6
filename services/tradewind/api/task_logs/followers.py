"""Wakes those who follow logs: by messages, and by one look around for all of them.

A broadcast says which logs have grown or ended (`LogsGrew`); it may be lost. Behind it, one statement for all followers
of this process, and none while there are none, finds what no message told: within a second, or, for those who wait for
the first chunk, a tenth of one, because the log of a task that ends at once is announced to nobody.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from tradewind.api.errors import Unanswered
from tradewind.bus.port import Bus, Message
from tradewind.core.errors import AdapterError
from tradewind.db.api.task_logs import LogKey, TryKey, list_log_news
from tradewind.db.pool import Database
from tradewind.service.backoff import Jitter, retrying
from tradewind.service.lifecycle import Stopped, entered_unless_stopped, for_each, pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.codec import UndecodableMessage, decode
from tradewind.wire.messages import LogsGrew
from tradewind.wire.queues import LOG_NEWS

_LOOK_SECONDS: Final = 1.0
_FIRST_CHUNK_LOOK_SECONDS: Final = 0.1
_IDLE_SECONDS: Final = 3600.0

_Names = tuple[str, str, str, int]
"""dag_id, run_id, task_id, map_index."""


@dataclass(slots=True, eq=False)
class Follower:
    """One client that follows one try."""

    key: TryKey
    log_key: LogKey | None = None
    """Where the log is; None = not known yet."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """There may be more to read."""
    last_look: tuple[object, ...] | None = None

    @property
    def names(self) -> _Names:
        return self.key.dag_id, self.key.run_id, self.key.task_id, self.key.map_index

    @property
    def waits_for_first_chunk(self) -> bool:
        """Nothing was logged when somebody last looked."""
        return self.last_look is None or self.last_look[-1] is None


class LogFollowers:
    """All followers of this process."""

    def __init__(
        self, *, bus: Bus, database: Database, max_followers: int, jitter: Jitter, telemetry: Telemetry
    ) -> None:
        self._bus = bus
        self._database = database
        self._max_followers = max_followers
        self._jitter = jitter
        self._telemetry = telemetry
        self._loop = telemetry.loop("log-followers")
        self._found = telemetry.counter("log_news_found_total", "Followed logs with news that no message had told")
        self._followers: dict[_Names, list[Follower]] = {}
        self._count = 0
        self._arrived = asyncio.Event()
        self.stopping: Final = asyncio.Event()
        """This process stops: who follows must go on elsewhere."""
        telemetry.gauge("log_followers", "Clients that follow a log").set_function(lambda: self._count)

    @contextmanager
    def following(self, key: TryKey) -> Generator[Follower]:
        """One follower, as long as the context lasts. Raises `Unanswered` if there are too many."""
        if self._count >= self._max_followers or self.stopping.is_set():
            raise Unanswered("Too many follow logs here at the moment: ask again, or read without `follow`")
        follower = Follower(key)
        self._followers.setdefault(follower.names, []).append(follower)
        self._count += 1
        self._arrived.set()
        try:
            yield follower
        finally:
            self._count -= 1
            others = self._followers[follower.names]
            others.remove(follower)
            if not others:
                del self._followers[follower.names]

    async def run(self, stop: asyncio.Event) -> None:
        """Wake followers until `stop`; then all of them, to leave."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear(stop), name="log-news")
            group.create_task(self._look_around(stop), name="log-look")
            await stop.wait()
            self.stopping.set()
            for follower in self._all():
                follower.news.set()

    async def take(self, message: Message) -> None:
        """Wake who follows what a message names."""
        try:
            keys = decode(message.body, LogsGrew).keys
        except UndecodableMessage as exc:
            get_logger().warning("log_news.undecodable", error=str(exc))
            return
        for key in keys:
            for follower in self._followers.get((key.dag_id, key.run_id, key.task_id, key.map_index), ()):
                follower.news.set()

    async def run_once(self) -> None:
        """Look at all followed logs, and wake whose log has changed since the last look."""
        followers = [follower for follower in self._all() if follower.log_key is not None]
        if not followers:
            return
        keys = [follower.log_key for follower in followers if follower.log_key is not None]
        rows = await list_log_news(self._database, keys)
        for follower, row in zip(followers, rows, strict=True):
            seen = tuple(row)
            if seen != follower.last_look:
                if follower.last_look is not None and not follower.news.is_set():
                    self._found.inc()
                follower.last_look = seen
                follower.news.set()

    def _all(self) -> list[Follower]:
        return [follower for group in self._followers.values() for follower in group]

    async def _hear(self, stop: asyncio.Event) -> None:
        subscribe = partial(self._subscribe, stop)
        await retrying(subscribe, name="log-news", stop=stop, jitter=self._jitter, telemetry=self._telemetry)

    async def _subscribe(self, stop: asyncio.Event) -> None:
        with suppress(Stopped):
            async with entered_unless_stopped(stop, self._bus.subscribe(LOG_NEWS)) as messages:
                await for_each(messages, self.take, stop)

    async def _look_around(self, stop: asyncio.Event) -> None:
        while not await pause(stop, *self._next_look()):
            try:
                with self._loop.turn():
                    await self.run_once()
            except AdapterError as exc:
                get_logger().warning("log_news.failed", error=str(exc))
                self._telemetry.count_retry("log-look")
                await pause(stop, _LOOK_SECONDS)

    def _next_look(self) -> tuple[float, asyncio.Event | None]:
        if not self._followers:
            return _IDLE_SECONDS, self._arrived
        is_awaited = any(follower.waits_for_first_chunk for follower in self._all())
        return (_FIRST_CHUNK_LOOK_SECONDS if is_awaited else _LOOK_SECONDS), None
