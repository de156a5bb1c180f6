"""The async lane: coroutine tasks side by side on one loop of one process."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.task_runner.test_fork_launcher import NOW, Folder, Seen, watch
from tests.polling import poll_until
from tests.servers.process import is_alive
from tradewind.core.states import EndCause, Outcome
from tradewind.task_runner.forking.launcher import ForkLauncherLimits, open_fork_launcher
from tradewind.task_runner.launcher import Exit
from tradewind.task_runner.protocol import AttemptResult
from tradewind.task_runner.supervising.exits import ChildEnd, result_of

HEADER = """
import asyncio, ctypes, logging, os, signal, sys, time
from contextvars import ContextVar
from datetime import timedelta
from airflow.sdk import DAG, task, get_current_context
from airflow.sdk.bases.operator import BaseAsyncOperator
variable = ContextVar("variable", default="untouched")
log = logging.getLogger("author")
everybody = asyncio.Event()
present = []

class Waiter(BaseAsyncOperator):
    template_fields = ("text",)
    def __init__(self, text, **kwargs):
        super().__init__(**kwargs)
        self.text = text
    async def aexecute(self, context):
        await asyncio.sleep(0)
        return [os.getpid(), self.text]

with DAG("dag"):
"""

TASKS = """
    @task
    async def meet(name: str, count: int):
        print("printed by", name)
        variable.set(name)
        present.append(name)
        if len(present) == count:
            everybody.set()
        await everybody.wait()
        log.info("logged by %s", name)
        print("unfinished line of", name, end="")
        return [os.getpid(), variable.get(), get_current_context()["ti"].task_id]
    for number in range(200):
        meet.override(task_id=f"meet_{number}")(f"<{number}>", 200)
    Waiter(task_id="operator", text="{{ ti.task_id }}")
    @task
    async def wait():
        print("waiting")
        try:
            await asyncio.sleep(600)
        finally:
            print("cleaned up")
    wait()
    @task
    async def deaf():
        print("waiting")
        while True:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                print("never mind")
    deaf()
    @task(execution_timeout=timedelta(seconds=0.1))
    async def late():
        await asyncio.sleep(600)
    late()
    @task
    async def block():
        print("blocking")
        await asyncio.sleep(0)
        try:
            time.sleep(600)
        except Exception:
            pass
    block()
    @task
    async def die():
        os.kill(os.getpid(), signal.SIGKILL)
    die()
    @task
    async def block_for_good():
        signal.signal(signal.SIGURG, signal.SIG_IGN)
        time.sleep(600)
    block_for_good()
    @task
    async def fail():
        sys.exit(3)
    fail()
    @task(executor_config={"isolation": "fork"})
    async def apart():
        return os.getpid()
    apart()
    def told(context):
        return context["ti"].xcom_pull() == os.getpid()
    @task
    async def call_back(**context):
        return os.getpid()
    call_back.override(on_success_callback=lambda context: print("called back", told(context)))()
"""


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncGenerator[Folder]:
    limits = ForkLauncherLimits(async_notice_seconds=0.5, async_stop_seconds=2.0)
    async with open_fork_launcher(limits) as launcher:
        yield Folder(tmp_path, launcher)


def returned(seen: Seen) -> Any:
    assert isinstance(seen.conclusion, AttemptResult), (seen.conclusion, seen.log)
    assert seen.conclusion.outcome == Outcome.SUCCESS, (seen.conclusion, seen.log.decode())
    return json.loads(dict(seen.conclusion.xcoms)["return_value"])


def printed(seen: Seen) -> list[str]:
    """Its lines, of records what was logged."""
    return [json.loads(line)["event"] if line.startswith("{") else line for line in seen.lines]


def end_of(seen: Seen, kill_cause: EndCause | None = None) -> AttemptResult:
    return result_of(ChildEnd(started=seen.started, conclusion=seen.conclusion, kill_cause=kill_cause), NOW)


async def test_hundreds_run_in_one_process_and_share_no_output(folder: Folder) -> None:
    file = folder.write(TASKS, header=HEADER)
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(folder.run(file, f"meet_{number}")) for number in range(200)]
    assert len({returned(task.result())[0] for task in running}) == 1
    for number, task in enumerate(running):
        assert returned(task.result())[1:] == [f"<{number}>", f"meet_{number}"]
        mine = [line for line in printed(task.result()) if "<" in line and "Returned" not in line]
        assert mine == [f"printed by <{number}>", f"logged by <{number}>", f"unfinished line of <{number}>"]
    pid = returned(running[0].result())[0]
    assert returned(await folder.run(file, "operator")) == [pid, "operator"]
    assert returned(await folder.run(file, "apart")) != pid
    called = await folder.run(file, "call_back")
    assert "called back True" in printed(called)
    assert isinstance(called.conclusion, Exit), "it is told when the callbacks have been called"
    assert end_of(await folder.run(file, "late")).cause == EndCause.TIMEOUT
    failed = await folder.run(file, "fail")
    assert end_of(failed).cause == EndCause.USER_ERROR
    assert is_alive(pid)


async def test_one_attempt_is_killed_and_others_go_on(folder: Folder) -> None:
    file = folder.write(TASKS, header=HEADER)
    children = {name: await folder.launch(file, name) for name in ("wait", "deaf")}
    other = await folder.launch(file, "wait")
    ready = {name: asyncio.Event() for name in children}
    async with asyncio.TaskGroup() as group:
        watching = {
            name: group.create_task(watch(child, lambda _, name=name: ready[name].set()))
            for name, child in children.items()
        }
        watching_other = group.create_task(watch(other))
        for name, child in children.items():
            async with asyncio.timeout(60):
                await ready[name].wait()
            child.kill(0)
        killed, deaf = await watching["wait"], await watching["deaf"]
        assert "cleaned up" in printed(killed)
        assert end_of(killed, EndCause.CANCELLED).cause == EndCause.CANCELLED
        assert isinstance(deaf.conclusion, Exit)
        assert end_of(deaf, EndCause.CANCELLED).cause == EndCause.CANCELLED
        assert not watching_other.done()
        later = returned(await folder.run(file, "operator"))[0]
        assert later != other.pid, "a process with a coroutine that cannot be cancelled takes no more"
        other.kill(0)
    await poll_until(lambda: not is_alive(other.pid or 0))


async def test_code_that_blocks_is_named_and_stopped_and_others_go_on(folder: Folder) -> None:
    file = folder.write(TASKS, header=HEADER)
    other = await folder.launch(file, "wait")
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch(other))
        blocked = await folder.run(file, "block")
        assert any("has blocked the event loop" in line and "file.py" in line for line in printed(blocked))
        end = end_of(blocked)
        assert end.cause == EndCause.USER_ERROR
        assert "LaneBlocked" in (end.detail or "")
        assert returned(await folder.run(file, "operator"))[0] == other.pid
        other.kill(0)
    assert "cleaned up" in printed(watching.result())


async def test_end_of_the_process_is_told_to_each_attempt(folder: Folder) -> None:
    file = folder.write(TASKS, header=HEADER)
    other = await folder.launch(file, "wait")
    waiting = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch(other, lambda _: waiting.set()))
        async with asyncio.timeout(60):
            await waiting.wait()
        died = await folder.run(file, "die")
    for seen in (died, watching.result()):
        assert end_of(seen).cause == EndCause.KILLED
        assert "1 other attempt(s) of its lane" in (end_of(seen).detail or "")
    assert returned(await folder.run(file, "operator"))[0] != other.pid


@pytest.mark.full
async def test_code_that_no_signal_interrupts_ends_its_lane_and_is_the_only_one_to_blame(folder: Folder) -> None:
    file = folder.write(TASKS, header=HEADER)
    other = await folder.launch(file, "wait")
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch(other))
        blocked = end_of(await folder.run(file, "block_for_good"))
    assert blocked.cause == EndCause.USER_ERROR
    assert "could not be interrupted" in (blocked.detail or "")
    assert end_of(watching.result()).cause == EndCause.KILLED
