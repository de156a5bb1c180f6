"""How a service process begins, waits and ends: uvloop, signals, and loops that stop between two turns."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

import uvloop

from tradewind.core.errors import ConfigError

ItemT = TypeVar("ItemT")

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
CONFIG_ERROR_EXIT_CODE: Final = 2


@contextmanager
def stop_on_signals() -> Generator[asyncio.Event]:
    """An event that SIGTERM or SIGINT sets; a second signal ends the process at once with 128 + its number.

    Must be entered in the main thread with the loop running.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal(signum: int) -> None:
        if stop.is_set():
            os._exit(128 + signum)
        stop.set()

    for signum in STOP_SIGNALS:
        loop.add_signal_handler(signum, on_signal, signum)
    try:
        yield stop
    finally:
        for signum in STOP_SIGNALS:
            loop.remove_signal_handler(signum)


def run_service(main: Coroutine[object, object, None]) -> None:
    """Run a composition root on uvloop until it returns. A `ConfigError`, also inside a group, is printed as one line
    on stderr and ends the process with exit code 2."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
    except (ConfigError, BaseExceptionGroup) as exc:
        config_error = find_config_error(exc)
        if config_error is None:
            raise
        sys.stderr.write(f"tradewind: {config_error}\n")
        raise SystemExit(CONFIG_ERROR_EXIT_CODE) from exc


def find_config_error(exc: BaseException) -> ConfigError | None:
    """The first `ConfigError` in an exception or (nested) exception group."""
    if isinstance(exc, ConfigError):
        return exc
    if isinstance(exc, BaseExceptionGroup):
        members: tuple[BaseException, ...] = exc.exceptions  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - the group's type parameter is erased by isinstance
        return next((found for member in members if (found := find_config_error(member)) is not None), None)
    return None


async def pause(stop: asyncio.Event, seconds: float, wake_up: asyncio.Event | None = None) -> bool:
    """Wait until `stop`, until `wake_up` (which is cleared), or for this long; True = `stop` is set.

    A loop reads `while not await pause(stop, interval_seconds, wake_up): await self.run_once(clock())`.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds) as scope:
            if wake_up is None:
                await stop.wait()
            else:
                await _wait_for_either(stop, wake_up, scope)
    if wake_up is not None:
        wake_up.clear()
    return stop.is_set()


async def _wait_for_either(stop: asyncio.Event, wake_up: asyncio.Event, scope: asyncio.Timeout) -> None:
    if stop.is_set() or wake_up.is_set():
        return
    async with asyncio.TaskGroup() as group:
        watcher = group.create_task(_end_scope_when(wake_up, scope), name="wake-up")
        try:
            await stop.wait()
        finally:
            watcher.cancel()


async def _end_scope_when(event: asyncio.Event, scope: asyncio.Timeout) -> None:
    await event.wait()
    scope.reschedule(asyncio.get_running_loop().time())


async def for_each(
    items: AsyncIterator[ItemT], handle: Callable[[ItemT], Awaitable[None]], stop: asyncio.Event
) -> None:
    """Hand each item to `handle` until the iterator ends or `stop` is set.

    `stop` interrupts the wait for an item, never `handle`: an item that was taken is handled to its end.
    """
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        waiting = _InterruptibleWait(stop)
        watcher = group.create_task(waiting.interrupt_on_stop(), name="stop-watch")
        try:
            while (item := await waiting.next_of(items)) is not None:
                await handle(item)
        except Exception as exc:  # raised below, outside the group, which would wrap it
            failure = exc
        finally:
            watcher.cancel()
    if failure is not None:
        raise failure


class _InterruptibleWait:
    """Lets one watcher task end whatever wait is under way, so that a turn costs no task of its own."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._scope: asyncio.Timeout | None = None

    async def interrupt_on_stop(self) -> None:
        await self._stop.wait()
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())

    async def next_of(self, items: AsyncIterator[ItemT]) -> ItemT | None:
        """The next item; None at the iterator's end or when stopped."""
        if self._stop.is_set():
            return None
        try:
            async with asyncio.timeout(None) as self._scope:
                return await anext(items, None)
        except TimeoutError:
            if self._stop.is_set():
                return None
            raise
        finally:
            self._scope = None
