"""One live connection of a bus to Redis: its registration, its lease, and its turn at burying those that died."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol, cast

from redis.exceptions import ResponseError

from tradewind.bus.port import BusUnavailable
from tradewind.bus.redis.channels import Channels
from tradewind.bus.redis.driver import Command, Reply
from tradewind.bus.redis.keys import LINKS, SESSIONS, UNDERTAKER, lease_key
from tradewind.bus.redis.pipe import Pipe
from tradewind.bus.redis.scripts import bury_link, recover_entries
from tradewind.service.logging import get_logger

LEASE_SECONDS: Final = 15.0
"""A process that is silent for this long is taken for dead, though its connection may still be open."""
_TICK_SECONDS: Final = 1.0
_TURN_MILLISECONDS: Final = 900
"""How long one undertaker's turn lasts: a bit less than a tick."""
_SILENCE_SECONDS: Final = 10.0
"""A server that is silent for this long is taken for lost."""
_OLDEST_VERSION: Final = 7


class Abortable(Protocol):
    """What hangs on a link."""

    async def abort(self) -> None:
        """Its link is lost."""
        ...


@dataclass(slots=True, eq=False)
class Link:
    """What one connection consists of."""

    name: str
    pipe: Pipe
    channels: Channels
    client_id: int = 0
    clock_offset_ms: float = 0.0
    """The server's milliseconds since the epoch, less our event loop's."""
    known_queues: dict[str, None] = field(default_factory=dict[str, None])
    sessions: dict[str, Abortable] = field(default_factory=dict[str, Abortable])

    def server_ms(self) -> float:
        """Milliseconds since the epoch, by the server's clock."""
        return asyncio.get_running_loop().time() * 1000 + self.clock_offset_ms

    def _set_clock(self, reply: Reply) -> None:
        seconds, microseconds = cast("tuple[bytes, bytes]", reply)
        now_ms = asyncio.get_running_loop().time() * 1000
        self.clock_offset_ms = int(seconds) * 1000 + int(microseconds) / 1000 - now_ms

    async def register(self, former: str | None) -> None:
        """Make the link known, in place of the `former` one of this bus. Raises `BusUnavailable`, also for a server
        that will not do."""
        client_id, time, information = await self.pipe.ask([("CLIENT", "ID"), ("TIME",), ("INFO",)])
        self.client_id = cast("int", client_id)
        self._set_clock(time)
        _check_server(_fields(cast("bytes", information)))
        burial = () if former is None else (bury_link(former),)
        await self.pipe.ask([*burial, self._renewal(), ("HSET", LINKS, self.name, self.client_id)])

    async def unregister(self) -> None:
        """The bus is closed in good order."""
        await self.pipe.ask([bury_link(self.name)])

    def _renewal(self) -> Command:
        return ("SET", lease_key(self.name), self.client_id, "PX", round(LEASE_SECONDS * 1000))

    async def keep(self) -> None:
        """Renew the lease each second until the link is lost, then raise `BusUnavailable`."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            try:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    await self._tick()
            except TimeoutError as exc:
                raise BusUnavailable(f"the broker was silent for {_SILENCE_SECONDS:g} s") from exc

    async def _tick(self) -> None:
        await self.channels.ping()
        if asyncio.get_running_loop().time() - self.channels.heard_at > _SILENCE_SECONDS:
            raise TimeoutError
        _, is_known, time, is_undertaker = await self.pipe.ask(
            [
                self._renewal(),
                ("HEXISTS", LINKS, self.name),
                ("TIME",),
                ("SET", UNDERTAKER, self.name, "NX", "PX", _TURN_MILLISECONDS),
            ]
        )
        if not is_known:
            raise BusUnavailable("the broker has forgotten this connection: it was flushed, or took us for dead")
        self._set_clock(time)
        if is_undertaker:
            await self._bury_the_dead()

    async def _bury_the_dead(self) -> None:
        links, sessions = await self.pipe.ask([("HGETALL", LINKS), ("HVALS", SESSIONS)])
        dead = await self._dead_among(_pairs(links))
        queues = list(dict.fromkeys(queue.decode() for queue in cast("list[bytes]", sessions)))
        for link in dead:
            get_logger().warning("broker.link_buried", link=link)
        *_, count = await self.pipe.ask([*(bury_link(link) for link in dead), recover_entries(queues)])
        if count:
            get_logger().info("broker.messages_given_back", count=count)

    async def _dead_among(self, links: Mapping[str, str]) -> list[str]:
        """Those whose lease is gone, or whose connection is."""
        leases = [("EXISTS", lease_key(link)) for link in links]
        has_lease = dict(zip(links, await self.pipe.ask(leases), strict=True))
        connected = await self._connected_among(links)
        return [link for link in links if not (has_lease[link] and connected(link))]

    async def _connected_among(self, links: Mapping[str, str]) -> Callable[[str], bool]:
        (listing,) = await self.pipe.send([("CLIENT", "LIST", "ID", *links.values())])
        try:
            lines = cast("bytes", await listing).decode().splitlines()
        except ResponseError:  # not for this user: then leases alone say who is dead
            return lambda _: True
        there = frozenset(line.partition(" ")[0].removeprefix("id=") for line in lines)
        return lambda link: links[link] in there


def _pairs(reply: Reply) -> dict[str, str]:
    words = [word.decode() for word in cast("list[bytes]", reply)]
    return dict(zip(words[::2], words[1::2], strict=True))


def _fields(information: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in information.decode(errors="replace").splitlines())
    return {name: value.strip() for name, _, value in lines}


def _check_server(fields: Mapping[str, str]) -> None:
    version = fields.get("redis_version", "")
    with suppress(ValueError):
        if int(version.partition(".")[0]) < _OLDEST_VERSION:
            raise BusUnavailable(f"it is Redis {version}, and Tradewind needs {_OLDEST_VERSION} or later")
    policy = fields.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and fields.get("maxmemory", "0") != "0":
        get_logger().warning("broker.may_evict_messages", maxmemory_policy=policy, wanted="noeviction")
