"""`/health` and `/metrics` of a service: one answer a connection, without a web server, which would cost memory."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from tradewind.core.errors import AdapterError
from tradewind.service.listening import bind
from tradewind.service.logging import get_logger
from tradewind.service.metrics import LOOP_BUSY_SINCE, LOOP_INTERVAL, LOOP_LAST_TURN
from tradewind.service.settings import HealthSettings

CHECK_TIMEOUT_SECONDS: Final = 2.0
REQUEST_TIMEOUT_SECONDS: Final = 10.0
"""Whoever does not send a request and take the answer in this time is cut off."""
REQUEST_BYTES_MAX: Final = 16 * 1024
STUCK_AFTER_SECONDS: Final = 30.0
"""A turn under way for this long, or a timed loop that is late by this much, counts as stuck."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found; `detail` is one line for people."""

    healthy: bool
    detail: str = ""


Check = Callable[[], Awaitable[CheckResult]]


class _Connectable(Protocol):
    @property
    def connected(self) -> bool: ...


def bus_check(bus: _Connectable) -> Check:
    """Healthy while the bus is connected."""

    async def check() -> CheckResult:
        return CheckResult(healthy=True) if bus.connected else CheckResult(healthy=False, detail="not connected")

    return check


def store_check(ping: Callable[[], Awaitable[object]]) -> Check:
    """Healthy when `ping` (one cheap statement) answers in time."""

    async def check() -> CheckResult:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                await ping()
        except TimeoutError:
            return CheckResult(healthy=False, detail=f"no answer within {CHECK_TIMEOUT_SECONDS:g} s")
        except AdapterError as exc:
            return CheckResult(healthy=False, detail=str(exc))
        return CheckResult(healthy=True)

    return check


def loop_results(registry: CollectorRegistry, now: float) -> Mapping[str, CheckResult]:
    """One result per loop that marks its turns on the registry; `now` on the event loop's clock."""
    busy, last, interval = (dict(_loop_samples(registry, n)) for n in (LOOP_BUSY_SINCE, LOOP_LAST_TURN, LOOP_INTERVAL))
    return {name: _loop_result(now, busy.get(name, 0.0), last.get(name, 0.0), interval[name]) for name in interval}


def _loop_samples(registry: CollectorRegistry, suffix: str) -> Iterator[tuple[str, float]]:
    for family in registry.collect():
        if family.name.endswith(f"_{suffix}"):
            service = family.name.removeprefix("tradewind_").removesuffix(f"_{suffix}")
            yield from ((f"loop {service}.{sample.labels['loop']}", sample.value) for sample in family.samples)


def _loop_result(now: float, busy_since: float, last_turn: float, interval_seconds: float) -> CheckResult:
    if busy_since:
        busy = now - busy_since
        return CheckResult(healthy=busy < STUCK_AFTER_SECONDS, detail=f"busy for {busy:.1f} s")
    if not last_turn:
        return CheckResult(healthy=True, detail="no turn yet")
    idle = now - last_turn
    late = interval_seconds > 0 and idle > interval_seconds + STUCK_AFTER_SECONDS
    return CheckResult(healthy=not late, detail=f"last turn {idle:.1f} s ago")


async def run_checks(checks: Mapping[str, Check], registry: CollectorRegistry) -> Mapping[str, CheckResult]:
    """Every check's result, the loops' included."""
    results = {name: await check() for name, check in checks.items()}
    results.update(loop_results(registry, asyncio.get_running_loop().time()))
    return results


def health_body(results: Mapping[str, CheckResult]) -> tuple[int, bytes]:
    """HTTP status (200 or 503) and JSON body `{"status", "checks": {name: {"status", "detail"}}}`."""
    healthy = all(result.healthy for result in results.values())
    checks = {name: {"status": _word(result.healthy), "detail": result.detail} for name, result in results.items()}
    return (200 if healthy else 503), json.dumps({"status": _word(healthy), "checks": checks}).encode()


def _word(healthy: bool) -> str:
    return "healthy" if healthy else "unhealthy"


def _request_line(head: bytes) -> tuple[bytes, bytes]:
    """Method and target; raises ValueError."""
    method, target, _ = head.partition(b"\r\n")[0].split(b" ")
    return method, target


class HealthResponder:
    """Answers what comes over one connection, and closes it."""

    def __init__(self, checks: Mapping[str, Check], registry: CollectorRegistry) -> None:
        self._checks = checks
        self._registry = registry

    async def respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """For `asyncio.start_server`. Whoever goes away, or asks for nothing that can be understood, gets nothing."""
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answer(*_request_line(head)))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as exc:
            get_logger().debug("health.unanswered", error=repr(exc))
        finally:
            writer.close()

    async def _answer(self, method: bytes, target: bytes) -> bytes:
        status, content_type, body = await self._content(method, target.partition(b"?")[0])
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {content_type}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        return head.encode() + (b"" if method == b"HEAD" else body)

    async def _content(self, method: bytes, path: bytes) -> tuple[HTTPStatus, str, bytes]:
        if method not in (b"GET", b"HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, "application/json", b'{"detail":"Method Not Allowed"}'
        if path == b"/health":
            status, body = health_body(await run_checks(self._checks, self._registry))
            return HTTPStatus(status), "application/json", body
        if path == b"/metrics":
            return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry)
        return HTTPStatus.NOT_FOUND, "application/json", b'{"detail":"Not Found"}'


async def serve_health(
    settings: HealthSettings, checks: Mapping[str, Check], registry: CollectorRegistry, stop: asyncio.Event
) -> None:
    """Answer `/health` and `/metrics` until `stop`; raises `ConfigError` naming the setting if the port is taken."""
    sock = bind(settings.host, settings.port, section="HEALTH")
    host, port = sock.getsockname()[:2]
    get_logger().info("health.listening", host=host, port=port)
    responder = HealthResponder(checks, registry)
    async with await asyncio.start_server(responder.respond, sock=sock, limit=REQUEST_BYTES_MAX):
        await stop.wait()
