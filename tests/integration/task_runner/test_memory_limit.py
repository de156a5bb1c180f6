"""The memory limit of children."""

import asyncio
from pathlib import Path

from tests.integration.task_runner.test_async_lane import end_of
from tests.integration.task_runner.test_fork_launcher import Folder
from tradewind.core.states import EndCause, Outcome
from tradewind.task_runner.forking.launcher import ForkLauncherLimits, open_fork_launcher

TASKS = """
@task
def small():
    return 1
@task
def large():
    held = bytearray(os.urandom(1024) * 200_000)
    time.sleep(600)
@task
def by_subprocess():
    subprocess.run([sys.executable, "-c", "import time; held = b'.' * 200_000_000; time.sleep(600)"])
@task
async def coroutine():
    held = bytearray(os.urandom(1024) * 200_000)
    await asyncio.sleep(600)
@task
async def bystander():
    await asyncio.sleep(600)
small() >> large() >> by_subprocess() >> coroutine() >> bystander()
"""
HEADER = """
import asyncio, os, subprocess, sys, time
from airflow.sdk import DAG, task
with DAG("dag"):
"""


async def test_who_takes_too_much_is_killed_and_told_how_much_it_was(tmp_path: Path) -> None:
    limits = ForkLauncherLimits(memory_bytes=180 * 1024 * 1024, async_notice_seconds=5, async_stop_seconds=10)
    async with open_fork_launcher(limits) as launcher:
        folder = Folder(tmp_path, launcher)
        file = folder.write(TASKS, header=HEADER)
        async with asyncio.TaskGroup() as group:
            large = group.create_task(folder.run(file, "large"))
            by_subprocess = group.create_task(folder.run(file, "by_subprocess"))
            bystander = group.create_task(folder.run(file, "bystander"))
            coroutine = group.create_task(folder.run(file, "coroutine"))
            small = group.create_task(folder.run(file, "small"))
    assert end_of(small.result()).outcome == Outcome.SUCCESS
    for task in (large, by_subprocess, bystander, coroutine):
        end = end_of(task.result())
        assert end.cause == EndCause.OUT_OF_MEMORY, end
        assert "more than the limit of 180 MiB" in (end.detail or "")
    assert "with its 1 subprocess(es) took" in (end_of(by_subprocess.result()).detail or "")
    assert "1 other attempt(s) of its lane" in (end_of(bystander.result()).detail or "")
