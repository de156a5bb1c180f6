"""One stretch of consuming one stream."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, cast

from redis.exceptions import ResponseError

from tradewind.bus.port import BusUnavailable, Delivery, Message
from tradewind.bus.redis.driver import Command, Connection, broker_errors, packed
from tradewind.bus.redis.entry import FOREIGN_TYPE, decode_entry
from tradewind.bus.redis.keys import ENTRY_FIELD, GROUP, REDELIVERED_FIELD, RETURNED, SESSIONS, queue_key
from tradewind.bus.redis.link import Link
from tradewind.bus.redis.scripts import recover_entries

_BLOCK_SECONDS: Final = 10.0
"""How long the server lets one read wait; whoever was cut off waits no longer than this."""
_SILENCE_SECONDS: Final = _BLOCK_SECONDS + 10.0
_MAX_READ: Final = 1_000
"""Entries that one read takes at most."""
_CLOSE_TIMEOUT_SECONDS: Final = 5.0

_MESSAGE: Final = ENTRY_FIELD.encode()
_REDELIVERED: Final = REDELIVERED_FIELD.encode()


class Session:
    """Reads ahead as far as the prefetch allows, over a connection of its own; settles over the link. See
    `tradewind.bus.consuming.Session`."""

    def __init__(
        self,
        link: Link,
        connection: Connection,
        *,
        name: str,
        queue: str,
        prefetch: int,
        tags: Iterator[int],
        wake: asyncio.Event,
    ) -> None:
        self.is_over = False
        self.arrived: deque[Delivery] = deque()
        self.name = name
        self._link = link
        self._connection = connection
        self._queue = queue
        self._key = queue_key(queue)
        self._prefetch = prefetch
        self._tags = tags
        self._wake = wake
        self._unsettled: dict[int, bytes] = {}
        self._room = asyncio.Event()
        self._client_id = 0

    async def connect(self) -> None:
        """Connect; raises `BusUnavailable`."""
        with broker_errors():
            await self._connection.connect()
            self._client_id = cast("int", await self._call(("CLIENT", "ID")))

    async def hold(self) -> None:
        """Read until the session is over; raises `BusUnavailable` saying why."""
        while True:
            while (room := self._prefetch - len(self._unsettled)) <= 0 and not self.is_over:
                self._room.clear()
                await self._room.wait()
            count = min(room, _MAX_READ)
            block = round(_BLOCK_SECONDS * 1000)
            read: Command = ("XREADGROUP", "GROUP", GROUP, self.name, "COUNT", count, "BLOCK", block)
            with broker_errors():
                reply = await self._call((*read, "STREAMS", self._key, ">"))
            if reply is not None:
                await self._receive(cast("list[tuple[bytes, list[bytes]]]", cast("list[list[object]]", reply)[0][1]))

    async def _call(self, command: Command) -> object:
        if self.is_over:
            raise BusUnavailable("the session is over")
        async with asyncio.timeout(_SILENCE_SECONDS):
            await self._connection.send_packed_command(packed(command), check_health=False)
            return await self._connection.read_response(disconnect_on_error=False)

    async def _receive(self, entries: Sequence[tuple[bytes, list[bytes]]]) -> None:
        if self.is_over:
            return
        expired: list[bytes] = []
        now_ms = self._link.server_ms()
        for entry_id, fields in entries:
            message, redelivered, expires_at_ms = _parsed(entry_id, fields)
            if expires_at_ms is not None and expires_at_ms <= now_ms:
                expired.append(entry_id)
                continue
            tag = next(self._tags)
            self._unsettled[tag] = entry_id
            self.arrived.append(Delivery(message=message, queue=self._queue, redelivered=redelivered, tag=tag))
        if self.arrived:
            self._wake.set()
        if expired:
            await self._link.pipe.post(self._settlement(expired))

    def take(self, count: int) -> Sequence[Delivery]:
        """The oldest arrivals."""
        return [self.arrived.popleft() for _ in range(min(count, len(self.arrived)))]

    async def settle(self, deliveries: Sequence[Delivery], *, requeue: bool) -> None:
        """Over the link."""
        ids = [self._unsettled.pop(delivery.tag) for delivery in deliveries if delivery.tag in self._unsettled]
        if not ids:
            return
        self._room.set()
        if requeue:
            moved: Command = ("XCLAIM", self._key, GROUP, RETURNED, 0, *ids, "JUSTID")
            await self._link.pipe.post((moved, recover_entries((self._queue,))))
        else:
            await self._link.pipe.post(self._settlement(ids))

    def _settlement(self, ids: Sequence[bytes]) -> Sequence[Command]:
        # Deleted first: what is deleted and not acknowledged comes to nobody, the reverse would stay for ever.
        return (("XDEL", self._key, *ids), ("XACK", self._key, GROUP, *ids))

    async def abort(self) -> None:
        """The link is lost: forget everything; others will be given it."""
        self._end()
        with suppress(BusUnavailable), broker_errors():
            await self._connection.disconnect(nowait=True)

    def _end(self) -> None:
        self.is_over = True
        self.arrived.clear()
        self._unsettled.clear()
        self._room.set()
        self._wake.set()
        self._link.sessions.pop(self.name, None)

    async def close(self) -> None:
        """Read no more and give back what is not settled."""
        is_lost = self.is_over
        self._end()
        farewell: tuple[Command, ...] = (
            # First, lest what is given back goes to the read that still waits.
            ("CLIENT", "KILL", "ID", self._client_id),
            ("HDEL", SESSIONS, self.name),
            recover_entries((self._queue,)),
        )
        if not is_lost:
            with suppress(BusUnavailable, TimeoutError, ResponseError):
                async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
                    for answer in await self._link.pipe.send(farewell):
                        await answer
        await self.abort()


def _parsed(entry_id: bytes, fields: Sequence[bytes]) -> tuple[Message, bool, float | None]:
    """The message of an entry, whether it was delivered before, and when it expires in milliseconds, if ever."""
    words = dict(zip(fields[::2], fields[1::2], strict=True))
    data, first_added = words.get(_MESSAGE), words.get(_REDELIVERED)
    if data is None:  # of somebody else's making, for the consumer to refuse
        return Message(body=b"", content_type=FOREIGN_TYPE), first_added is not None, None
    message, life = decode_entry(data)
    added_ms = int(first_added or entry_id.partition(b"-")[0])
    return message, first_added is not None, None if life is None else added_ms + life
