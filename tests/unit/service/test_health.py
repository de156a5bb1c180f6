"""`/health` and `/metrics`, asked over a real socket."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
from prometheus_client import CollectorRegistry

from tradewind.core.errors import AdapterError, ConfigError
from tradewind.service.health import (
    REQUEST_BYTES_MAX,
    STUCK_AFTER_SECONDS,
    Check,
    CheckResult,
    bus_check,
    health_body,
    loop_results,
    serve_health,
    store_check,
)
from tradewind.service.metrics import Telemetry
from tradewind.service.settings import HealthSettings


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Connection:
    connected = True


@asynccontextmanager
async def served(checks: Mapping[str, Check], registry: CollectorRegistry) -> AsyncGenerator[httpx.AsyncClient]:
    stop, port = asyncio.Event(), free_port()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve_health(HealthSettings(port=port), checks, registry, stop))
        await asyncio.sleep(0)  # the socket listens from the task's first step on
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
        stop.set()


async def test_health_says_which_check_failed() -> None:
    connection = Connection()
    async with served({"bus": bus_check(connection)}, CollectorRegistry()) as client:
        good = await client.get("/health")
        connection.connected = False
        bad = await client.get("/health")
    assert (good.status_code, good.json()["status"]) == (200, "healthy")
    assert (bad.status_code, bad.json()["status"]) == (503, "unhealthy")
    assert bad.json()["checks"]["bus"] == {"status": "unhealthy", "detail": "not connected"}


async def test_metrics_are_prometheus_text_and_other_paths_are_not_found() -> None:
    registry = CollectorRegistry()
    Telemetry(registry, service="test").counter("things_total", "Things").inc(3)
    async with served({}, registry) as client:
        metrics = await client.get("/metrics")
        other = await client.get("/other")
    assert "tradewind_test_things_total 3.0" in metrics.text
    assert metrics.headers["content-type"].startswith("text/plain")
    assert other.status_code == 404


@pytest.mark.parametrize(
    ("request_text", "answer"),
    [
        (b"HEAD /health?verbose HTTP/1.1\r\nhost: x\r\n\r\n", b"HTTP/1.1 200 OK"),
        (b"POST /health HTTP/1.1\r\nhost: x\r\n\r\n", b"HTTP/1.1 405 Method Not Allowed"),
        (b"nonsense\r\n\r\n", b""),
        (b"GET /health HTTP/1.1\r\n", b""),
        (b"GET /" + b"x" * 2 * REQUEST_BYTES_MAX, b""),
    ],
)
async def test_what_is_no_request_harms_nobody(request_text: bytes, answer: bytes) -> None:
    async with served({}, CollectorRegistry()) as client:
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(request_text)
        writer.write_eof()
        with suppress(ConnectionResetError):  # more was sent than was read
            got = await reader.read()
            assert got.partition(b"\r\n")[0] == answer
            assert got.endswith(b"\r\n\r\n") == request_text.startswith(b"HEAD")
        writer.close()
        assert (await client.get("/health")).status_code == 200


async def test_a_taken_port_names_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = HealthSettings(port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match="TRADEWIND__HEALTH__PORT"):
            await serve_health(settings, {}, CollectorRegistry(), asyncio.Event())


async def test_an_unknown_host_names_the_setting() -> None:
    settings = HealthSettings(host="no such host")
    with pytest.raises(ConfigError, match="TRADEWIND__HEALTH__HOST"):
        await serve_health(settings, {}, CollectorRegistry(), asyncio.Event())


async def test_the_store_check_fails_with_the_stores_words() -> None:
    async def ping() -> None:
        raise AdapterError("no route", retryable=True)

    assert await store_check(ping)() == CheckResult(healthy=False, detail="no route")


async def test_a_busy_loop_is_stuck_after_a_while() -> None:
    registry = CollectorRegistry()
    loop = Telemetry(registry, service="test").loop("ends")
    now = asyncio.get_running_loop().time
    with loop.turn():
        assert loop_results(registry, now())["loop test.ends"].healthy
        assert not loop_results(registry, now() + STUCK_AFTER_SECONDS + 1)["loop test.ends"].healthy
    assert loop_results(registry, now() + 10 * STUCK_AFTER_SECONDS)["loop test.ends"].healthy


async def test_a_timed_loop_that_turns_no_more_is_unhealthy() -> None:
    registry = CollectorRegistry()
    loop = Telemetry(registry, service="test").loop("sweep", interval_seconds=5)
    now = asyncio.get_running_loop().time
    with loop.turn():
        pass
    assert loop_results(registry, now() + 5)["loop test.sweep"].healthy
    assert not loop_results(registry, now() + 6 + STUCK_AFTER_SECONDS)["loop test.sweep"].healthy


def test_one_bad_check_makes_the_whole_unhealthy() -> None:
    status, body = health_body({"a": CheckResult(healthy=True), "b": CheckResult(healthy=False, detail="why")})
    assert status == 503
    assert b'"why"' in body


async def test_services_of_one_process_may_share_a_registry() -> None:
    registry = CollectorRegistry()
    Telemetry(registry, service="dag_processor").loop("a")
    Telemetry(registry, service="scheduler").loop("a")
    assert list(loop_results(registry, 0.0)) == ["loop dag_processor.a", "loop scheduler.a"]
