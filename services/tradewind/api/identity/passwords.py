"""Passwords: argon2id, hashed and checked in a few threads, so that the event loop never waits for one."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tradewind.api.errors import TooManyRequests

MAX_WAITING: Final = 64
"""Checks that may wait for a thread; at 50 ms each, more would wait for seconds."""


class Passwords:
    """Hashes and checks in the threads of an executor that the caller owns."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._hasher = PasswordHasher()
        self._waiting = 0
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """The hash to store."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def is_correct(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one that was hashed. No hash (no such user) takes as long and is never right.

        Raises `TooManyRequests` when too many wait already.
        """
        if self._waiting >= MAX_WAITING:
            raise TooManyRequests("Too many people are logging in at once: try again")
        self._waiting += 1
        try:
            known = password_hash or await self._decoy_hash()
            matches = await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, known, password)
        finally:
            self._waiting -= 1
        return matches and password_hash is not None

    async def _decoy_hash(self) -> str:
        if self._decoy is None:
            self._decoy = await self.hash("nobody's password")
        return self._decoy

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
