"""Logs as objects behind the S3 API, by obstore.

obstore is Apache Arrow's `object_store` (Rust) under a thin asyncio API: no dependencies, streams both ways, uploads
in parts, and knows where credentials come from on AWS.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from obstore import delete_async, get_async, put_async
from obstore.exceptions import BaseError
from obstore.store import S3Store

from tradewind.log_store.port import LogStoreFailed

if TYPE_CHECKING:
    from obstore.store import S3Config

_PART_BYTES: Final = 5 * 1024 * 1024
"""The smallest part that S3 takes; a shorter log is one request."""
_PARTS_AT_ONCE: Final = 2
_PIECE_BYTES: Final = 256 * 1024
_REASON_MAX_CHARACTERS: Final = 500
_SAID: Final = re.compile(r"<(?:Code|Message)>([^<]+)")
"""What matters of an S3 error's XML."""


class ObjectLogStore:
    """Objects of one bucket, under a prefix."""

    def __init__(self, base: str, bucket: str, prefix: str, config: "S3Config", *, timeout_seconds: float) -> None:
        self._base = base
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            config=config,
            client_options={
                "timeout": timedelta(seconds=timeout_seconds),
                "connect_timeout": timedelta(seconds=min(5.0, timeout_seconds)),
                "allow_http": True,
            },
            # Whoever calls tries again, with a longer wait each time and a word in the log.
            retry_config={
                "max_retries": 1,
                "backoff": {
                    "init_backoff": timedelta(milliseconds=100),
                    "max_backoff": timedelta(seconds=1),
                    "base": 2,
                },
                "retry_timeout": timedelta(seconds=timeout_seconds),
            },
        )

    async def put(self, path: str, pieces: AsyncIterator[bytes]) -> int:
        counted = _Counted(pieces)
        first = bytearray()
        async for piece in counted:
            first += piece
            if len(first) > _PART_BYTES:
                break
        is_short = len(first) <= _PART_BYTES
        body = bytes(first) if is_short else _chained(bytes(first), counted)
        try:
            await put_async(
                self._store,
                path,
                body,
                use_multipart=not is_short,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )
        except (BaseError, OSError) as exc:
            if counted.failure is not None:
                raise counted.failure from exc
            raise self._failed("write", exc) from exc
        return counted.size

    async def read(self, path: str, start: int = 0) -> AsyncIterator[bytes]:
        try:
            # An object cannot be asked for from its end on.
            options = {"range": {"offset": start - 1}} if start else {}
            result = await get_async(self._store, path, options=options)  # pyright: ignore[reportArgumentType] - a typed dict
            is_first = bool(start)
            async for piece in result.stream(min_chunk_size=_PIECE_BYTES):
                yield bytes(piece)[1:] if is_first else bytes(piece)
                is_first = False
        except (BaseError, OSError) as exc:
            raise self._failed("give its file", exc) from exc

    async def delete(self, path: str) -> None:
        try:
            await delete_async(self._store, path)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as exc:
            raise self._failed("delete a file", exc) from exc

    def _failed(self, what: str, exc: Exception) -> LogStoreFailed:
        text = " ".join(str(exc).split())
        said = ": ".join(_SAID.findall(text)) or text
        return LogStoreFailed(self._base, what, f"{type(exc).__name__}: {said[:_REASON_MAX_CHARACTERS]}")


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for piece in rest:
        yield piece


class _Counted:
    """Counts what passes, and keeps what goes wrong: the driver would hide it."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self.size = 0
        self.failure: Exception | None = None

    def __aiter__(self) -> "_Counted":
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            raise
        except Exception as exc:
            self.failure = exc
            raise
        self.size += len(piece)
        return piece
