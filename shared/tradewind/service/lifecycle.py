"""How a service process begins, waits and ends: uvloop, signals, and loops that stop between two turns."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Final, Self, TypeVar, cast

import uvloop

from tradewind.service.config_errors import config_errors_reported

ItemT = TypeVar("ItemT")

ResultT = TypeVar("ResultT")

GARBAGE_THRESHOLDS: Final = (20_000, 20, 50)
"""Allocations before the collector looks at the young, and so on. A service allocates some thousand objects per
message and hardly ever in cycles; Python's own 700 looks several times per message."""

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


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
    """Run a composition root on uvloop until it returns. A `ConfigError` ends the process as `config_errors_reported`
    says; `Stopped` is a good end."""
    gc.freeze()  # what was imported stays: it need not be looked at again
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    with config_errors_reported(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(main)
        except Stopped:
            return
        except BaseExceptionGroup as group:
            if group.split(Stopped)[1] is not None:
                raise


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
    if not scope.expired():  # both may happen in the same turn of the loop
        scope.reschedule(asyncio.get_running_loop().time())


class Stopped(Exception):
    """`stop` was set during `unless_stopped`."""


async def unless_stopped(stop: asyncio.Event, awaitable: Awaitable[ResultT]) -> ResultT:
    """The awaitable's result; raises `Stopped`, and cancels the awaitable, once `stop` is set.

    For what may wait long while a service starts: `run_service` takes `Stopped` for a good end.
    """
    async with _InterruptibleWait.opened(stop) as waiting:
        return await waiting.on(awaitable)


@asynccontextmanager
async def entered_unless_stopped(
    stop: asyncio.Event, context: AbstractAsyncContextManager[ResultT]
) -> AsyncGenerator[ResultT]:
    """The context, entered; raises `Stopped` if `stop` is set before that is done. What is under way inside is left
    alone: for contexts whose entry may wait long, such as consuming from a broker that is away."""
    async with AsyncExitStack() as stack:
        yield await unless_stopped(stop, stack.enter_async_context(context))


async def for_each(
    items: AsyncIterator[ItemT], handle: Callable[[ItemT], Awaitable[None]], stop: asyncio.Event
) -> None:
    """Hand each item to `handle` until the iterator ends or `stop` is set.

    `stop` interrupts the wait for an item, never `handle`: an item that was taken is handled to its end.
    """
    async with _InterruptibleWait.opened(stop) as waiting:
        with suppress(Stopped):
            while not stop.is_set() and (item := await waiting.on(anext(items, _END))) is not _END:
                await handle(cast("ItemT", item))


_END: Final = object()


class _InterruptibleWait:
    """Lets one watcher task end whatever wait is under way, so that a turn costs no task of its own."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._scope: asyncio.Timeout | None = None

    @classmethod
    @asynccontextmanager
    async def opened(cls, stop: asyncio.Event) -> AsyncGenerator[Self]:
        """Runs the watcher; an exception of the body is raised as it is, not in a group."""
        waiting = cls(stop)
        failure: Exception | None = None
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(waiting.interrupt_on_stop(), name="stop-watch")
            try:
                yield waiting
            except Exception as exc:  # raised below, outside the group, which would wrap it
                failure = exc
            finally:
                watcher.cancel()
        if failure is not None:
            raise failure

    async def interrupt_on_stop(self) -> None:
        """End the wait under way once `stop` is set."""
        await self._stop.wait()
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())

    async def on(self, awaitable: Awaitable[ResultT]) -> ResultT:
        """The awaitable's result; raises `Stopped`."""
        if self._stop.is_set():
            if isinstance(awaitable, Coroutine):
                awaitable.close()
            raise Stopped
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._scope = scope
                return await awaitable
        except TimeoutError:
            if scope.expired():
                raise Stopped from None
            raise
        finally:
            self._scope = None
