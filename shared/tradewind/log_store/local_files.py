"""Logs as files in a folder that every API process sees."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, TypeVar
from uuid import uuid4

from tradewind.log_store.port import LogStoreFailed

_PIECE_BYTES: Final = 512 * 1024

ResultT = TypeVar("ResultT")


class LocalLogStore:
    """Files under `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._base = folder.as_uri()

    async def put(self, path: str, pieces: AsyncIterator[bytes]) -> int:
        """Written beside its place, made durable, then renamed."""
        target = self._folder / path
        draft = target.with_name(f".{target.name}.{uuid4().hex}")
        size = 0
        try:
            out = await self._do("write", lambda: _create(draft))
            try:
                async for piece in pieces:
                    size += len(piece)
                    await self._do("write", lambda piece=piece: out.write(piece))
                await self._do("write", lambda: _sync(out))
            finally:
                out.close()
            await self._do("write", lambda: _publish(draft, target))
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
        return size

    async def read(self, path: str, start: int = 0) -> AsyncIterator[bytes]:
        source = await self._do("give its file", lambda: _open(self._folder / path, start))
        with source:
            while piece := await self._do("give its file", lambda: source.read(_PIECE_BYTES)):
                yield piece

    async def delete(self, path: str) -> None:
        await self._do("delete a file", lambda: (self._folder / path).unlink(missing_ok=True))

    async def _do(self, what: str, work: Callable[[], ResultT]) -> ResultT:
        try:
            return await asyncio.to_thread(work)
        except OSError as exc:
            raise LogStoreFailed(self._base, what, f"{type(exc).__name__}: {exc}") from exc


def _create(draft: Path) -> BinaryIO:
    draft.parent.mkdir(parents=True, exist_ok=True)
    return draft.open("xb")


def _open(path: Path, start: int) -> BinaryIO:
    source = path.open("rb")
    source.seek(start)
    return source


def _sync(out: BinaryIO) -> None:
    out.flush()
    os.fsync(out.fileno())


def _publish(draft: Path, target: Path) -> None:
    """The name is durable too: chunks are deleted next."""
    draft.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
