"""An event loop whose time jumps to the next timer, so that hours pass in milliseconds and every run is repeatable."""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


class SimulationStalled(AssertionError):
    """Nothing is ready and no timer is set: something waits for what will never come."""


class _JumpingSelector(selectors.BaseSelector):
    """Never blocks: where a real selector would sleep, it moves the clock instead."""

    def __init__(self) -> None:
        self._inner = selectors.DefaultSelector()
        self.now = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise SimulationStalled("nothing is ready and no timer is set")
        if timeout > 0:
            self.now += timeout
        return []

    def get_map(self) -> Any:
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()


class _Task(asyncio.Task[Any]):
    """Hashes by birth order: a task group cancels its tasks by walking a set, whose order must not depend on
    memory addresses."""

    numbers = count(1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._number = next(_Task.numbers)
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop on a selector that jumps."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self.set_task_factory(_make_task)

    def time(self) -> float:
        return self._jumping.now

    def now(self) -> datetime:
        """The virtual present."""
        return EPOCH + timedelta(seconds=self._jumping.now)


def _make_task(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
    return _Task(coro, loop=loop, **kwargs)


def run_in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a fresh loop; task numbers start anew, so that a repeated run is identical."""
    _Task.numbers = count(1)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
