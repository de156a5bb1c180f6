"""The executor of docs/executors.md, as it stands there, loaded as users would and run with real processes."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from tests.unit.dispatcher.world import parts_for
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.dispatcher.executors.base import BaseExecutor
from tradewind.dispatcher.executors.conformance import CHECKS, Check
from tradewind.dispatcher.executors.loading import load_executors
from tradewind.wire.task_run import TaskRun, parse_task_run_command

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "executors.md"

PROGRAM: Final = """#!/bin/sh
for word; do [ "$previous" = --attempt-id ] && attempt=$word; previous=$word; done
mkfifo "{folder}/$attempt"
printf '%s\\n' "$*" >> "{folder}/started"
read -r _ <> "{folder}/$attempt"
"""
"""`tradewind` for the time of a check: notes its arguments and ends when it is told to."""


class SubprocessSubject:
    """The documented executor, and what it starts."""

    slots = 1
    """Of processes that start at the same time nobody knows which was the first."""
    queue = "default"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = ExitStack()

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[BaseExecutor]:
        loaded = load_executors("quick:documented.SubprocessExecutor", parts_for(MemoryBus(MemoryBroker())))
        with self._files:
            yield loaded.by_name["quick"]

    def _started(self) -> list[TaskRun]:
        file = self._folder / "started"
        lines = file.read_text().splitlines() if file.exists() else []
        return [parse_task_run_command(("tradewind", *line.split())) for line in lines]

    async def passed_on(self) -> Sequence[UUID]:
        return [run.attempt_id for run in self._started() if run.attempt_id is not None]

    async def marked(self) -> Sequence[UUID]:
        return [run.attempt_id for run in self._started() if run.attempt_id is not None and run.flags.mark_success]

    async def finish(self, attempt_id: UUID) -> None:
        pipe = os.open(self._folder / str(attempt_id), os.O_RDWR | os.O_NONBLOCK)
        self._files.callback(os.close, pipe)  # what is written is there as long as somebody has it open
        os.write(pipe, b"\n")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_documented_executor_conforms(check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = next(block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "SLOTS" in block)
    (tmp_path / "documented.py").write_text(code.replace("SLOTS = 4", "SLOTS = 1"))
    program = tmp_path / "tradewind"
    program.write_text(PROGRAM.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "documented", raising=False)
    asyncio.run(check(SubprocessSubject(tmp_path)))
