"""How often somebody may try to log in, over all processes of the API.

A login is counted before its password is looked at, so that any number at once are still counted one after the other;
one that was right is taken back. Counts begin with the first login and end after a fixed time. In one process the
logins of a name take turns: else those under way, which count until they are known to be right, would keep each other
out.
"""

import asyncio
import hashlib
import ipaddress
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

from tradewind.api.errors import TooManyRequests
from tradewind.api.settings import LoginLimits
from tradewind.core.clock import Clock
from tradewind.db.api.identity.logins import count_login, discount_login
from tradewind.db.pool import Database

NETWORK_OF_ONE: Final = 64
"""Whoever has one IPv6 address has the 2^64 around it."""
MAX_WAITING: Final = 64
"""Logins that may wait for their turn; at 50 ms each, more would wait for seconds."""


class LoginLimit:
    """Counts by user and by address."""

    def __init__(self, *, database: Database, clock: Clock, limits: LoginLimits) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._waiting = 0

    @asynccontextmanager
    async def turn(self, username: str) -> AsyncGenerator[None]:
        """Wait until no other login of this name is under way here. Raises `TooManyRequests`."""
        if self._waiting >= MAX_WAITING:
            raise TooManyRequests("Too many people are logging in at once: try again", headers={"Retry-After": "1"})
        lock = self._turns.setdefault(username, asyncio.Lock())
        self._waiting += 1
        try:
            await lock.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            lock.release()

    async def count(self, username: str, address: str) -> list[bytes]:
        """Count this login; what to give to `take_back` if it was right. Raises `TooManyRequests`."""
        now = self._clock()
        limits = {
            _key("user", username): self._limits.per_user,
            _key("address", _network(address)): self._limits.per_address,
        }
        again_at = await count_login(self._database, limits, now, now + timedelta(seconds=self._limits.window_seconds))
        if again_at is not None:
            seconds = max(1, round((again_at - now).total_seconds()))
            raise TooManyRequests(
                f"Too many logins have failed: try again in {seconds} s", headers={"Retry-After": str(seconds)}
            )
        return list(limits)

    async def take_back(self, counted: list[bytes]) -> None:
        """The login was right."""
        await discount_login(self._database, counted)


def _key(kind: str, text: str) -> bytes:
    return hashlib.sha256(f"{kind}:{text}".encode()).digest()


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, NETWORK_OF_ONE), strict=False))
