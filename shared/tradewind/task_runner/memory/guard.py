"""Watches what children take, with the processes that they started, and kills those that take too much."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn, Protocol

_INTERVAL_SECONDS: Final = 0.25
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_PROCESSES_MAX: Final = 1000


class Watched(Protocol):
    """A child that runs something."""

    @property
    def pid(self) -> int | None: ...

    def kill_for_memory(self, detail: str) -> None:
        """End it at once, and say this of it."""
        ...


async def guard_memory(limit_bytes: int, children: Callable[[], Iterable[Watched]]) -> NoReturn:
    """Until cancelled. A child that grows faster than it is looked at (four times a second) is the kernel's to stop."""
    while True:
        for child in list(children()):
            if child.pid is None:
                continue
            count, taken = taken_bytes(child.pid)
            if taken > limit_bytes:
                processes = f" with its {count - 1} subprocess(es)" if count > 1 else ""
                child.kill_for_memory(
                    f"the task's process{processes} took {_mib(taken)}, more than the limit of {_mib(limit_bytes)} "
                    "(task_runner.memory_limit_bytes), and was killed"
                )
        await asyncio.sleep(_INTERVAL_SECONDS)


def taken_bytes(pid: int) -> tuple[int, int]:
    """How many processes it is with those that it started, and what they take together: resident memory, of which
    each counts what it shares."""
    count = taken = 0
    for process in _family(pid):
        with suppress(OSError, IndexError, ValueError):
            taken += int(Path(f"/proc/{process}/statm").read_bytes().split()[1]) * _PAGE_BYTES
            count += 1
    return count, taken


def _family(pid: int) -> Iterator[int]:
    found = [pid]
    for process in found:
        yield process
        with suppress(OSError, ValueError):
            found += map(int, Path(f"/proc/{process}/task/{process}/children").read_bytes().split())
        if len(found) > _PROCESSES_MAX:
            return


def _mib(count: int) -> str:
    return f"{count / 1024 / 1024:,.0f} MiB"
