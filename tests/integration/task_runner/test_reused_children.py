"""Children that run several attempts, one after another: what is put back between them, and who is not reused."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.task_runner.test_fork_launcher import Folder, Seen, watch
from tests.polling import poll_until
from tests.servers.process import is_alive
from tradewind.core.states import Outcome
from tradewind.task_runner.forking.launcher import ForkLauncherLimits, open_fork_launcher
from tradewind.task_runner.launcher import Exit
from tradewind.task_runner.protocol import AttemptResult

HEADER = """
import ctypes, gc, locale, logging, os, random, resource, signal, socket, subprocess, sys, threading, time, warnings
from contextvars import ContextVar
from airflow.sdk import DAG, task
from airflow.sdk.log import mask_secret
variable = ContextVar("variable", default="untouched")

def state():
    with open("/proc/self/status") as status:
        masks = [line for line in status if line.startswith(("SigBlk", "SigIgn", "SigCgt"))]
    logger = logging.getLogger("some.library")
    return {
        "environment": sorted(
            (name, value) for name, value in os.environ.items() if not name.startswith("AIRFLOW_CTX_")
        ),
        "folder": os.getcwd(),
        "umask": os.umask(0o22) if os.umask(0o22) == 0o22 else "another",
        "handlers": [str(signal.getsignal(number)) for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGALRM)],
        "masks": masks,
        "timer": signal.getitimer(signal.ITIMER_REAL),
        "logger": [logger.level, len(logger.handlers), logger.propagate, logger.disabled],
        "root": [logging.root.level, len(logging.root.handlers), logging.root.manager.disable],
        "path": list(sys.path),
        "argv": list(sys.argv),
        "modules": ["beside" in sys.modules, sys.modules["json"].__name__],
        "warnings": len(warnings.filters),
        "timeout": socket.getdefaulttimeout(),
        "recursion": sys.getrecursionlimit(),
        "trace": sys.gettrace() is None,
        "gc": gc.isenabled(),
        "locale": locale.setlocale(locale.LC_ALL),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "variable": variable.get(),
        "hook": sys.excepthook is sys.__excepthook__,
    }

with DAG("dag"):
"""

TASKS = """
    @task
    def look():
        return {"pid": os.getpid(), **state()}
    @task
    def litter():
        import beside
        os.environ["LEFT"] = "behind"
        os.environ.pop("HOME", None)
        os.chdir("/")
        os.umask(0o7)
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        signal.setitimer(signal.ITIMER_REAL, 60)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        logger = logging.getLogger("some.library")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        logging.root.addHandler(logging.NullHandler())
        logging.disable(logging.CRITICAL)
        sys.path.insert(0, "/left/behind")
        sys.argv.append("left")
        sys.modules["json"] = sys
        warnings.simplefilter("ignore")
        socket.setdefaulttimeout(1)
        sys.setrecursionlimit(5000)
        sys.settrace(lambda *_: None)
        gc.disable()
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        variable.set("touched")
        sys.excepthook = print
        mask_secret("of the first task")
        random.seed(1)
        return os.getpid()
    @task
    def draw():
        return [os.getpid(), random.random()]
    @task
    def seed_and_draw():
        random.seed(1)
        return [os.getpid(), random.random()]
    @task(executor_config={"isolation": "fork"})
    def apart():
        return os.getpid()
    @task
    def fail():
        raise RuntimeError("on purpose")
    @task
    def thread():
        threading.Thread(target=time.sleep, args=(60,), daemon=True, name="lingerer").start()
        return os.getpid()
    @task
    def process():
        return [os.getpid(), subprocess.Popen(["sleep", "60"]).pid]
    @task
    def grow():
        bytearray(os.urandom(1024) * 200_000)
        return os.getpid()
    @task
    def wait():
        print("waiting")
        time.sleep(60)
    @task
    def confine():
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    look() >> litter() >> draw() >> seed_and_draw() >> apart() >> fail() >> thread() >> process() >> grow()
    wait() >> confine()
"""


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncGenerator[Folder]:
    limits = ForkLauncherLimits(tasks_per_child=0, parked_per_server=1, parked=4, child_growth_bytes=100 * 1024 * 1024)
    async with open_fork_launcher(limits) as launcher:
        yield Folder(tmp_path, launcher)


def returned(seen: Seen) -> Any:
    assert isinstance(seen.conclusion, AttemptResult), (seen.conclusion, seen.log)
    assert seen.conclusion.outcome == Outcome.SUCCESS, seen.log.decode()
    return json.loads(dict(seen.conclusion.xcoms)["return_value"])


async def test_process_is_clean_for_the_next_attempt(folder: Folder) -> None:
    (folder.path / "beside.py").write_text("")
    file = folder.write(TASKS, header=HEADER)
    before = returned(await folder.run(file, "look"))
    littered = await folder.run(file, "litter")
    after = returned(await folder.run(file, "look"))
    assert returned(littered) == before["pid"]
    assert after == before
    seeded = returned(await folder.run(file, "seed_and_draw"))
    drawn = [returned(await folder.run(file, "draw")) for _ in range(2)]
    assert all(draw[0] == seeded[0] for draw in drawn)
    assert len({str([seeded, *drawn][index]) for index in range(3)}) == 3, "the state of random was left seeded"


async def test_who_is_not_reused(folder: Folder) -> None:
    file = folder.write(TASKS, header=HEADER)

    async def pid_of_next() -> object:
        return returned(await folder.run(file, "draw"))[0]

    first = await pid_of_next()
    assert await pid_of_next() == first
    apart = [returned(await folder.run(file, "apart")) for _ in range(2)]
    assert len({first, *apart}) == 3
    assert await pid_of_next() == first, "a process that waits is not given to a task that demands its own"
    assert (await folder.run(file, "fail")).outcome == Outcome.FAILED
    second = await pid_of_next()
    assert second != first
    for task_id, reason in (("thread", "lingerer"), ("grow", "grown by"), ("confine", "limits of resources")):
        before = await pid_of_next()
        seen = await folder.run(file, task_id)
        assert seen.outcome == Outcome.SUCCESS
        assert reason in seen.lines[-1], seen.lines
        assert await pid_of_next() != before
    seen = await folder.run(file, "process")
    _, left = returned(seen)
    assert "left over and have been killed" in seen.lines[-1]
    assert not is_alive(left)


async def test_kill_of_an_ended_attempt_does_not_meet_its_successor(folder: Folder) -> None:
    file = folder.write(TASKS, header=HEADER)
    ended = await folder.launch(file, "draw")
    pid = returned(await watch(ended))[0]
    running = await folder.launch(file, "wait")
    waiting = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch(running, lambda _: waiting.set()))
        async with asyncio.timeout(60):
            await waiting.wait()
        assert running.pid == pid
        ended.kill(0)
        await folder.run(file, "draw")
        assert is_alive(running.pid or 0)
        running.kill(0)
    conclusion = watching.result().conclusion
    assert isinstance(conclusion, Exit)
    assert conclusion.signal == 9
    await poll_until(lambda: not is_alive(running.pid or 0))


async def test_so_many_tasks_per_child_and_no_more(tmp_path: Path) -> None:
    async with open_fork_launcher(ForkLauncherLimits(tasks_per_child=3, parked=4)) as launcher:
        folder = Folder(tmp_path, launcher)
        file = folder.write(TASKS, header=HEADER)
        pids = [returned(await folder.run(file, "draw"))[0] for _ in range(7)]
        assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]
        file.path.write_text(file.path.read_text().replace("random.random()", "'changed'"))
        assert returned(await folder.run(file, "draw"))[1] == "changed"
