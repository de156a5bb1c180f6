"""Waiting and stopping."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import pytest

from tradewind.core.errors import ConfigError
from tradewind.service.config_errors import find_error
from tradewind.service.lifecycle import Stopped, for_each, pause, run_service, unless_stopped


async def endless() -> AsyncIterator[int]:
    yield 1
    yield 2
    await asyncio.Event().wait()


async def test_pause_ends_with_its_time() -> None:
    assert not await pause(asyncio.Event(), 0.001)


async def test_pause_may_be_woken_at_the_moment_when_its_time_is_up() -> None:
    loop, wake_up = asyncio.get_running_loop(), asyncio.Event()
    loop.call_later(0.001, time.sleep, 0.02)  # the loop is late: it finds both due at once
    loop.call_later(0.004, wake_up.set)
    assert not await pause(asyncio.Event(), 0.005, wake_up)


async def test_pause_ends_with_stop() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_soon(stop.set)
    assert await pause(stop, 3600)
    assert await pause(stop, 3600)


async def test_pause_ends_with_a_wake_up_which_is_used_up() -> None:
    stop, wake_up = asyncio.Event(), asyncio.Event()
    wake_up.set()
    assert not await pause(stop, 3600, wake_up)
    assert not wake_up.is_set()
    asyncio.get_running_loop().call_soon(wake_up.set)
    assert not await pause(stop, 3600, wake_up)
    asyncio.get_running_loop().call_soon(stop.set)
    assert await pause(stop, 3600, wake_up)
    assert not await pause(asyncio.Event(), 0.001, wake_up)


async def test_for_each_stops_while_it_waits() -> None:
    stop, seen = asyncio.Event(), list[int]()

    async def handle(item: int) -> None:
        seen.append(item)
        if item == 2:
            asyncio.get_running_loop().call_soon(stop.set)

    await for_each(endless(), handle, stop)
    assert seen == [1, 2]


async def test_for_each_never_interrupts_the_handling_of_an_item() -> None:
    stop, seen = asyncio.Event(), list[int]()

    async def handle(item: int) -> None:
        stop.set()
        await asyncio.sleep(0.01)
        seen.append(item)

    await for_each(endless(), handle, stop)
    assert seen == [1]


async def test_for_each_ends_with_its_items() -> None:
    seen = list[int]()

    async def three() -> AsyncIterator[int]:
        for number in (0, 1, 2):
            yield number

    async def handle(item: int) -> None:
        seen.append(item)

    await for_each(three(), handle, asyncio.Event())
    assert seen == [0, 1, 2]


async def test_for_each_raises_the_handlers_own_error() -> None:
    async def handle(item: int) -> None:
        raise LookupError(item)

    with pytest.raises(LookupError):
        await for_each(endless(), handle, asyncio.Event())


async def test_for_each_does_not_take_a_foreign_timeout_for_a_stop() -> None:
    async def late() -> AsyncIterator[int]:
        raise TimeoutError
        yield 1

    async def handle(item: int) -> None:
        raise AssertionError(item)

    with pytest.raises(TimeoutError):
        await for_each(late(), handle, asyncio.Event())


async def test_unless_stopped_gives_the_result() -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 7

    assert await unless_stopped(asyncio.Event(), answer()) == 7


async def test_unless_stopped_cancels_what_takes_longer_than_the_process() -> None:
    stop, was_cancelled = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            was_cancelled.set()

    asyncio.get_running_loop().call_soon(stop.set)
    with pytest.raises(Stopped):
        await unless_stopped(stop, hang())
    assert was_cancelled.is_set()
    with pytest.raises(Stopped):
        await unless_stopped(stop, asyncio.Event().wait())


async def test_unless_stopped_raises_what_its_awaitable_raises() -> None:
    async def fail() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await unless_stopped(asyncio.Event(), fail())


def test_a_service_that_is_stopped_while_it_starts_ends_well() -> None:
    async def main() -> None:
        stop = asyncio.Event()
        stop.set()
        async with asyncio.TaskGroup():
            await unless_stopped(stop, asyncio.Event().wait())

    run_service(main())


def test_a_config_error_is_found_in_nested_groups() -> None:
    error = ConfigError("wrong")
    group = BaseExceptionGroup("a", [ValueError(), ExceptionGroup("b", [error])])
    assert find_error(group, ConfigError) is error
    assert find_error(ExceptionGroup("b", [ValueError()]), ConfigError) is None


def test_a_config_error_ends_the_process_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup():
            raise ConfigError("TRADEWIND__X: no")

    with pytest.raises(SystemExit) as caught:
        run_service(main())
    assert caught.value.code == 2
    assert capsys.readouterr().err == "tradewind: TRADEWIND__X: no\n"


def test_other_errors_keep_their_traceback() -> None:
    async def main() -> None:
        raise LookupError("x")

    with pytest.raises(LookupError):
        run_service(main())


PROGRAM = """
import asyncio
from tradewind.service.lifecycle import run_service, stop_on_signals
async def main():
    with stop_on_signals() as stop:
        print("ready", flush=True)
        await stop.wait()
        print("stopping", flush=True)
        if {hangs}:
            await asyncio.Event().wait()
run_service(main())
"""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_and_a_second_one_ends_at_once(signum: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(hangs=True)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signum)
        assert process.stdout.readline() == "stopping\n"
        process.send_signal(signum)
        assert process.wait(timeout=20) == 128 + signum


def test_a_stopped_service_exits_with_0() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(hangs=False)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
