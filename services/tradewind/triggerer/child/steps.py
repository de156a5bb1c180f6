"""Marks in the loop's cell whose step is under way, whatever tasks a trigger starts."""

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, TypeVar

from tradewind.triggerer.loop_cell import NOBODY, LoopCell

BEAT_SECONDS: Final = 0.2

CURRENT_TRIGGER: Final[ContextVar[int]] = ContextVar("tradewind_trigger", default=NOBODY)
"""The trigger whose code runs; threads and tasks that it starts inherit it."""

ResultT = TypeVar("ResultT")


class MarkedSteps(Coroutine[Any, Any, ResultT]):
    """A coroutine, each step of which is marked as its trigger's."""

    __slots__ = ("_cell", "_coroutine", "_trigger_id")

    def __init__(self, coroutine: Coroutine[Any, Any, ResultT], trigger_id: int, cell: LoopCell) -> None:
        self._coroutine = coroutine
        self._trigger_id = trigger_id
        self._cell = cell

    def send(self, value: Any, /) -> Any:
        """One step."""
        before = self._cell.enter(self._trigger_id)
        try:
            return self._coroutine.send(value)
        finally:
            self._cell.leave(before)

    def throw(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
        /,
    ) -> Any:
        """One step, which begins with an exception."""
        before = self._cell.enter(self._trigger_id)
        try:
            if isinstance(typ, BaseException):
                return self._coroutine.throw(typ)
            return self._coroutine.throw(typ, val, tb)
        finally:
            self._cell.leave(before)

    def close(self) -> None:
        """End it."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, ResultT]:
        return self._coroutine.__await__()


def mark_steps(loop: asyncio.AbstractEventLoop, cell: LoopCell) -> None:
    """From now on, tasks that triggers start are marked, and the loop beats."""

    def make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **kwargs: Any) -> "asyncio.Task[Any]":
        context = kwargs.get("context")
        trigger_id = CURRENT_TRIGGER.get() if context is None else context.get(CURRENT_TRIGGER, NOBODY)
        if trigger_id != NOBODY and asyncio.iscoroutine(coroutine):
            coroutine = MarkedSteps(coroutine, trigger_id, cell)
        return asyncio.Task(coroutine, loop=loop, **kwargs)

    def beat() -> None:
        cell.beat()
        loop.call_later(BEAT_SECONDS, beat)

    loop.set_task_factory(make_task)
    beat()
