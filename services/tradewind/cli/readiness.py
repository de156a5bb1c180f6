"""Whether everything is well, asked of the API as any client would, and how long it took to become so."""

import asyncio
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

POLL_SECONDS: Final = 0.05
ANSWER_SECONDS: Final = 5.0
AWAITED: Final = ("metadatabase", "scheduler", "dag_processor", "collector")
"""What must say "healthy" before a run that is triggered would certainly be run."""


async def wait_until_healthy(host: str, port: int) -> None:
    """Return once `/api/v2/monitor/health` says that all of `AWAITED` are healthy."""
    while not await is_healthy(host, port):  # noqa: ASYNC110 - another service, asked over HTTP, knows it
        await asyncio.sleep(POLL_SECONDS)


async def is_healthy(host: str, port: int) -> bool:
    """One question; False also while nobody answers."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            body = await _get(host, port, "/api/v2/monitor/health")
    except (OSError, TimeoutError):
        return False
    return body is not None and _says_healthy(body)


def _says_healthy(body: bytes) -> bool:
    try:
        health = cast("dict[str, dict[str, object]]", json.loads(body))
    except ValueError:
        return False
    return all(health.get(part, {}).get("status") == "healthy" for part in AWAITED)


async def _get(host: str, port: int, path: str) -> bytes | None:
    """The body of a good answer; HTTP/1.0, so that the end of the stream is the end of the body."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return body if b" 200 " in head.partition(b"\r\n")[0] + b" " else None


class Stopwatch:
    """How long each part of the start took, from the start of the process."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._began_at = self._last - _process_age_seconds()
        self.laps: dict[str, float] = {"before_seconds": round(self._last - self._began_at, 3)}

    def lap(self, name: str) -> None:
        """Seconds since the last lap, under this name."""
        now = time.monotonic()
        self.laps[f"{name}_seconds"] = round(now - self._last, 3)
        self._last = now

    @property
    def total_seconds(self) -> float:
        """Seconds from the start of the process to the last lap."""
        return self._last - self._began_at


def _process_age_seconds() -> float:
    """Since when this process runs, to a hundredth of a second; where the system does not say, the time it computed."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return time.process_time()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
