"""What is heard over Pub/Sub: answers to our requests, and broadcasts."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, cast

from tradewind.bus.port import BusUnavailable, Message
from tradewind.bus.redis.driver import Command, Connection, broker_errors, packed
from tradewind.bus.redis.entry import decode_entry

_MAX_BROADCASTS: Final = 10_000
"""Broadcasts that wait for one slow subscriber; the oldest go first."""

Hear = Callable[[Message], None]


class Channels:
    """One connection that listens. `run` must run for anything to be heard."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._hearers: dict[bytes, list[Hear]] = {}
        self._confirmed: dict[bytes, asyncio.Event] = {}
        self._sending = asyncio.Lock()
        self._is_lost = False
        self.heard_at = asyncio.get_running_loop().time()
        """When the server last said anything, by the event loop's clock."""

    async def run(self) -> None:
        """Read until the connection is lost, then raise `BusUnavailable`."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                with broker_errors():
                    reply = await self._connection.read_response(disconnect_on_error=False)
                self.heard_at = loop.time()
                self._handle(cast("list[bytes]", reply))
        finally:
            self._is_lost = True
            for confirmed in self._confirmed.values():
                confirmed.set()

    def _handle(self, reply: list[bytes]) -> None:
        match reply[0]:
            case b"message":
                message, _ = decode_entry(reply[2])
                for hear in self._hearers.get(reply[1], ()):
                    hear(message)
            case b"subscribe":
                confirmed = self._confirmed.get(reply[1])
                if confirmed is not None:
                    confirmed.set()
            case _:
                pass  # the end of a subscription, or the answer to `ping`

    async def listen(self, channel: str, hear: Hear) -> None:
        """Call `hear` with everything that comes by this channel from now on. Listening twice is harmless."""
        name = channel.encode()
        hearers = self._hearers.setdefault(name, [])
        if hear not in hearers:
            hearers.append(hear)
        confirmed = self._confirmed.setdefault(name, asyncio.Event())
        await self._send(("SUBSCRIBE", name))
        await confirmed.wait()
        if self._is_lost:
            raise BusUnavailable("the connection to the broker was lost")

    async def leave(self, channel: str, hear: Hear) -> None:
        """Call it no more."""
        name = channel.encode()
        hearers = self._hearers.get(name, [])
        if hear in hearers:
            hearers.remove(hear)
        if not hearers and self._hearers.pop(name, None) is not None:
            del self._confirmed[name]
            await self._send(("UNSUBSCRIBE", name))

    async def ping(self) -> None:
        """Ask for a sign of life."""
        await self._send(("PING",))

    async def _send(self, command: Command) -> None:
        if self._is_lost:
            raise BusUnavailable("the connection to the broker was lost")
        async with self._sending:
            with broker_errors():
                await self._connection.send_packed_command(packed(command), check_health=False)


class Subscription:
    """The iterator that `subscribe` gives: what its subscriber has not taken yet."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self._arrived: deque[Message] = deque(maxlen=_MAX_BROADCASTS)
        self._wake = asyncio.Event()

    def hear(self, message: Message) -> None:
        """One more broadcast."""
        self._arrived.append(message)
        self._wake.set()

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        while not self._arrived:
            self._wake.clear()
            await self._wake.wait()
        return self._arrived.popleft()
