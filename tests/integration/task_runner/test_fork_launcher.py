"""Fork servers and their children, for real."""

import asyncio
import json
import os
import re
import signal
import statistics
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

import psutil
import pytest

from tests.execution_api import TOKEN, execution_api
from tests.polling import poll_until
from tests.servers.process import has_word, is_alive
from tradewind.core.states import EndCause, Outcome
from tradewind.service.dag_roots import DagFileLocation
from tradewind.task_runner.forking.launcher import ForkLauncher, ForkLauncherLimits, open_fork_launcher
from tradewind.task_runner.launcher import Exit, LogBytes, RunningAttempt
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.task_runner.supervising.exits import ChildEnd, result_of
from tradewind.wire.messages import Grant, TaskInstanceKey, TaskStarted

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GRANT = Grant(TOKEN, 1, 0, "", "digest", "manual", NOW, NOW, NOW, NOW, NOW, NOW, "rest", b"{}", NOW)

HEADER = """
import os, signal, subprocess, sys, threading, time
from airflow.sdk import DAG, task
with DAG("dag"):
"""


@dataclass
class Seen:
    """What a child did."""

    started: TaskStarted | None = None
    log: bytearray = field(default_factory=bytearray)
    conclusion: AttemptResult | Exit = field(default_factory=Exit)

    @property
    def outcome(self) -> str | None:
        return self.conclusion.outcome if isinstance(self.conclusion, AttemptResult) else None

    @property
    def lines(self) -> list[str]:
        return self.log.decode().splitlines()


@dataclass
class Folder:
    """A DAGs folder with one file in it, and a launcher."""

    path: Path
    launcher: ForkLauncher

    def write(self, tasks: str, name: str = "file.py", *, header: str = HEADER) -> DagFileLocation:
        """A DAG file with these functions as tasks."""
        body = "".join(f"    {line}\n" for line in dedent(tasks).strip().splitlines())
        file = self.path / name
        file.write_text(header + body)
        return DagFileLocation(file, self.path)

    async def launch(
        self, file: DagFileLocation, task_id: str = "run", *, api_url: str = "http://127.0.0.1:9"
    ) -> RunningAttempt:
        key = TaskInstanceKey("dag", task_id, "manual", 1)
        request = AttemptRequest(key, uuid4(), GRANT, str(self.path), api_url)
        return await self.launcher.launch(request, file)

    async def run(self, file: DagFileLocation, task_id: str = "run", *, api_url: str = "http://127.0.0.1:9") -> Seen:
        return await watch(await self.launch(file, task_id, api_url=api_url))


async def watch(child: RunningAttempt, on_log: Callable[[bytes], None] = lambda _: None) -> Seen:
    seen = Seen()
    async for event in child.events():
        match event:
            case TaskStarted():
                seen.started = event
            case LogBytes(data):
                seen.log += data
                on_log(data)
            case _:
                seen.conclusion = event
    return seen


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncGenerator[Folder]:
    async with open_fork_launcher() as launcher:
        yield Folder(tmp_path, launcher)


async def test_success_gives_its_result_and_its_output_in_order(folder: Folder) -> None:
    file = folder.write("""
        @task
        def run():
            print("first")
            print("second", file=sys.stderr)
            os.write(1, b"third\\n")
            subprocess.run(["echo", "fourth"], check=True)
            print("fifth")
            return {"answer": 42}
        run()
    """)
    seen = await folder.run(file)
    assert isinstance(seen.conclusion, AttemptResult)
    assert (seen.outcome, seen.conclusion.cause) == (Outcome.SUCCESS, EndCause.NONE)
    assert seen.conclusion.xcoms == (("return_value", b'{"answer":42}'),)
    assert seen.started is not None
    ordinals = [word for line in seen.lines for word in re.findall("first|second|third|fourth|fifth", line)]
    assert ordinals == ["first", "second", "third", "fourth", "fifth"]


async def test_callbacks_of_a_success_are_heard_after_its_result(folder: Folder) -> None:
    file = folder.write("""
        def called_back(context):
            # The API cannot be reached here: no end is recorded anywhere.
            print("called back with", context["ti"].xcom_pull(task_ids="run"))
        def dies(context):
            os.kill(os.getpid(), signal.SIGKILL)
        @task(on_success_callback=[called_back, dies])
        def run():
            print("done")
            return 41
        run()
    """)
    child = await folder.launch(file)
    events = [event async for event in child.events()]
    (place,) = (index for index, event in enumerate(events) if isinstance(event, AttemptResult))
    before, after = (
        b"".join(event.data for event in part if isinstance(event, LogBytes))
        for part in (events[:place], events[place:])
    )
    assert before.startswith(b"done\n")
    assert (before + after).endswith(b"called back with 41\n"), "the result may be read while the callback writes"
    assert events[-1] == Exit(signal=signal.SIGKILL)


async def test_failure_is_reported_with_its_traceback_in_the_log(folder: Folder) -> None:
    file = folder.write("""
        @task
        def run():
            raise ValueError("no such thing")
        run()
    """)
    seen = await folder.run(file)
    assert isinstance(seen.conclusion, AttemptResult)
    assert (seen.outcome, seen.conclusion.cause) == (Outcome.FAILED, EndCause.USER_ERROR)
    assert seen.conclusion.detail == "ValueError: no such thing"
    assert b"Traceback" in seen.log


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
async def test_death_by_signal_is_reported_as_such(folder: Folder, number: signal.Signals) -> None:
    file = folder.write(f"""
        @task
        def run():
            print("last words", flush=True)
            signal.signal({int(number)}, signal.SIG_DFL) if {int(number)} != 9 else None
            os.kill(os.getpid(), {int(number)})
        run()
    """)
    seen = await folder.run(file)
    assert seen.conclusion == Exit(signal=number)
    assert seen.started is not None
    assert b"last words" in seen.log


async def test_exit_without_result_gives_the_exit_code(folder: Folder) -> None:
    file = folder.write("""
        @task
        def run():
            os._exit(7)
        run()
    """)
    assert (await folder.run(file)).conclusion == Exit(code=7)


async def test_kill_ends_a_hanging_task_and_everything_that_it_started(folder: Folder, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    file = folder.write(f"""
        @task
        def run():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            same_group = subprocess.Popen(["sleep", "1000"])
            own_session = subprocess.Popen(["sleep", "1000"], start_new_session=True)
            with open({str(pids)!r}, "w") as out:
                out.write(f"{{same_group.pid}} {{own_session.pid}} {{os.getpid()}}")
            time.sleep(1000)
        run()
    """)
    child = await folder.launch(file)
    watching = asyncio.ensure_future(watch(child))
    await poll_until(lambda: pids.exists() and len(pids.read_text().split()) == 3)
    child.kill(0.2)
    seen = await watching
    assert seen.conclusion == Exit(signal=signal.SIGKILL)
    started = [int(pid) for pid in pids.read_text().split()]
    await poll_until(lambda: not any(is_alive(pid) for pid in started))


async def test_sigterm_lets_the_task_clean_up(folder: Folder) -> None:
    file = folder.write("""
        @task
        def run():
            try:
                print("ready", flush=True)
                time.sleep(1000)
            finally:
                print("cleaned up", flush=True)
        run()
    """)
    child = await folder.launch(file)
    seen = await watch(child, lambda data: child.kill(30.0) if b"ready" in data else None)
    assert seen.outcome == Outcome.FAILED
    assert b"cleaned up" in seen.log


async def test_kill_before_the_fork_needs_no_child(folder: Folder) -> None:
    file = folder.write(
        """
        @task
        def run():
            print("ran")
        run()
    """,
        header="import time\ntime.sleep(0.3)\n" + HEADER,
    )
    child = await folder.launch(file)
    child.kill(60.0)
    seen = await watch(child)
    assert seen.conclusion == Exit()
    assert (await folder.run(file)).outcome == Outcome.SUCCESS


async def test_file_that_cannot_be_imported_fails_the_attempt_with_the_traceback_in_its_log(folder: Folder) -> None:
    file = folder.write("", header="raise RuntimeError('broken file')\n")
    seen = await folder.run(file)
    assert isinstance(seen.conclusion, AttemptResult)
    assert seen.outcome == Outcome.FAILED
    assert "broken file" in (seen.conclusion.detail or "")
    assert b"broken file" in seen.log


async def test_file_that_starts_a_thread_is_imported_by_each_child(folder: Folder) -> None:
    file = folder.write(
        """
        @task
        def run():
            print("threads", threading.active_count())
        run()
    """,
        header="import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n" + HEADER,
    )
    for _ in range(2):
        seen = await folder.run(file)
        assert seen.outcome == Outcome.SUCCESS
        assert b"threads 2" in seen.log


@pytest.mark.parametrize("caught", ["", "except Exception: raise", "except BaseException: names = ['stale']"])
async def test_what_a_file_reads_at_its_top_level_is_what_stands_when_its_attempt_runs(
    folder: Folder, caught: str
) -> None:
    read = f"""
        import os
        from airflow.sdk import BaseHook, Variable
        try:
            names = Variable.get("names", deserialize_json=True)
            password = BaseHook.get_connection("there").password
        {caught or "finally: pass"}
        print("the password is", password, Variable.get("none", default="nothing"))
    """
    file = folder.write(
        """
        @task
        def run():
            print("imported here", imported_in == os.getpid())
            return names
        run()
    """,
        header=f"{dedent(read)}\nimported_in = os.getpid(){HEADER}",
    )
    with execution_api() as api:
        api.connections["there"] = {"conn_id": "there", "conn_type": "http", "password": "pass-phrase"}
        for names in (["a", "b"], ["c"]):
            api.variables["names"] = json.dumps(names)
            seen = await folder.run(file, api_url=api.url)
            assert isinstance(seen.conclusion, AttemptResult), seen
            assert seen.conclusion.xcoms == (("return_value", json.dumps(names, separators=(",", ":")).encode()),)
            assert b"imported here True" in seen.log
            assert b"the password is *** nothing" in seen.log
        # Each attempt asked for its own, and no server ahead of it.
        assert len(api.requests) == 6


async def test_a_stored_value_that_is_missing_fails_the_attempt_by_its_name(folder: Folder) -> None:
    file = folder.write("", header="from airflow.sdk import DAG, Variable\n\nVariable.get('nowhere')\n")
    with execution_api() as api:
        seen = await folder.run(file, api_url=api.url)
    assert isinstance(seen.conclusion, AttemptResult)
    assert (seen.outcome, seen.conclusion.cause) == (Outcome.FAILED, EndCause.USER_ERROR)
    assert "Variable nowhere does not exist" in (seen.conclusion.detail or "")
    assert "file.py" in (seen.conclusion.detail or "")
    assert "line 3" in (seen.conclusion.detail or "")


async def test_import_that_ends_the_process_is_tried_again_in_the_child(folder: Folder) -> None:
    file = folder.write("", header="import os\nos._exit(3)\n")
    seen = await folder.run(file)
    assert seen.conclusion == Exit(code=3)
    assert seen.started is None


async def test_import_that_takes_too_long_fails_the_attempt(tmp_path: Path) -> None:
    async with open_fork_launcher(ForkLauncherLimits(import_timeout_seconds=0.5)) as launcher:
        folder = Folder(tmp_path, launcher)
        file = folder.write("", header="import time\ntime.sleep(1000)\n")
        seen = await folder.run(file)
        assert isinstance(seen.conclusion, AttemptResult)
        assert (seen.outcome, seen.conclusion.cause) == (Outcome.FAILED, EndCause.TIMEOUT)
        assert "0.5 s" in (seen.conclusion.detail or "")


@pytest.mark.parametrize("header", ["", "import threading; threading.Timer(9, print).start()\n"])
async def test_import_may_take_as_long_as_a_policy_says(tmp_path: Path, header: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "airflow_local_settings.py").write_text("def get_dagbag_import_timeout(path): return 60\n")
    (tmp_path / "dags").mkdir()
    async with open_fork_launcher(ForkLauncherLimits(import_timeout_seconds=1.0)) as launcher:
        folder = Folder(tmp_path / "dags", launcher)
        text = """
            @task
            def run(): return 1
            run()
        """
        seen = await folder.run(folder.write(text, header=f"import time\ntime.sleep(3)\n{header}{HEADER}"))
        assert seen.outcome == Outcome.SUCCESS


async def test_changed_file_is_imported_anew_while_the_old_one_finishes(folder: Folder, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    old = """
        @task
        def run():
            print("old", flush=True)
            while not os.path.exists({gate!r}):
                time.sleep(0.01)
            return "old"
        run()
    """
    file = folder.write(old.format(gate=str(gate)))
    begun = asyncio.Event()
    first = asyncio.ensure_future(watch(await folder.launch(file), lambda _: begun.set()))
    async with asyncio.timeout(60):
        await begun.wait()
    assert (
        await folder.run(
            folder.write("""
        @task
        def run():
            return "new one"
        run()
    """)
        )
    ).outcome == Outcome.SUCCESS
    gate.touch()
    seen = await first
    assert isinstance(seen.conclusion, AttemptResult)
    assert seen.conclusion.xcoms == (("return_value", b'"old"'),)


async def test_changed_module_beside_the_file_is_imported_anew(folder: Folder) -> None:
    module = folder.path / "beside_the_file.py"
    module.write_text("VALUE = 'one'\n")
    file = folder.write(
        """
        @task
        def run():
            print(VALUE)
        run()
    """,
        header="from beside_the_file import VALUE\n" + HEADER,
    )
    assert b"one" in (await folder.run(file)).log
    module.write_text("VALUE = 'another'\n")
    assert b"another" in (await folder.run(file)).log


async def test_huge_output_arrives_whole(folder: Folder) -> None:
    file = folder.write("""
        @task
        def run():
            for number in range(200_000):
                print(f"line {number:06} " + "x" * 40)
        run()
    """)
    seen = await folder.run(file)
    assert seen.outcome == Outcome.SUCCESS
    numbers = [line.split()[1] for line in seen.lines if line.startswith("line ")]
    assert numbers == [f"{number:06}" for number in range(200_000)]


async def test_output_that_nobody_reads_holds_the_child_back(folder: Folder) -> None:
    file = folder.write("""
        @task
        def run():
            for number in range(100_000):
                os.write(1, b"x" * 99 + b"\\n")
        run()
    """)
    child = await folder.launch(file)
    events = child.events()
    first = await anext(events)
    assert isinstance(first, TaskStarted | LogBytes)
    assert child.pid is not None
    process = psutil.Process(child.pid)
    await poll_until(lambda: process.status() == psutil.STATUS_SLEEPING)
    read = len(first.data) if isinstance(first, LogBytes) else 0
    async for event in events:
        if isinstance(event, LogBytes):
            read += len(event.data)
        else:
            assert isinstance(event, TaskStarted) or (isinstance(event, AttemptResult) and event.outcome == "success")
    assert read >= 10_000_000


async def test_large_result_arrives_whole(folder: Folder) -> None:
    file = folder.write("""
        @task
        def run():
            return "y" * 3_000_000
        run()
    """)
    seen = await folder.run(file)
    assert isinstance(seen.conclusion, AttemptResult)
    assert len(seen.conclusion.xcoms[0][1]) == 3_000_002


async def test_each_child_is_fresh(folder: Folder) -> None:
    file = folder.write(
        """
        @task
        def run():
            counter.append(1)
            print("count", len(counter), "random", os.urandom(4).hex())
        run()
    """,
        header="counter = []\n" + HEADER,
    )
    logs = [(await folder.run(file)).log for _ in range(3)]
    assert all(b"count 1 " in log for log in logs)


async def test_environment_of_the_service_reaches_children_but_its_credentials_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "from_pythonpath.py").write_text("VALUE = 'found'\n")
    monkeypatch.setenv("PYTHONPATH", str(extra))
    monkeypatch.setenv("MY_VARIABLE", "mine")
    monkeypatch.setenv("TRADEWIND__DATABASE__URL", "postgresql://secret")
    async with open_fork_launcher() as launcher:
        folder = Folder(tmp_path, launcher)
        seen = await folder.run(
            folder.write("""
            @task
            def run():
                from from_pythonpath import VALUE
                print(VALUE, os.environ["MY_VARIABLE"], os.environ.get("TRADEWIND__DATABASE__URL"))
            run()
        """)
        )
    assert b"found mine None" in seen.log


async def test_process_left_by_a_task_that_ended_well_lives_on(folder: Folder, tmp_path: Path) -> None:
    out = tmp_path / "pid"
    file = folder.write(f"""
        @task
        def run():
            daemon = subprocess.Popen(
                ["sleep", "1000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
            )
            open({str(out)!r}, "w").write(str(daemon.pid))
        run()
    """)
    assert (await folder.run(file)).outcome == Outcome.SUCCESS
    pid = int(out.read_text())
    assert (await folder.run(file)).outcome == Outcome.SUCCESS
    try:
        assert is_alive(pid)
    finally:
        for left in (pid, int(out.read_text())):
            with suppress(ProcessLookupError):
                os.kill(left, signal.SIGKILL)


async def test_crash_takes_the_task_s_processes_with_it(folder: Folder, tmp_path: Path) -> None:
    out = tmp_path / "pid"
    file = folder.write(f"""
        @task
        def run():
            left = subprocess.Popen(["sleep", "1000"], start_new_session=True)
            open({str(out)!r}, "w").write(str(left.pid))
            os.kill(os.getpid(), signal.SIGKILL)
        run()
    """)
    assert (await folder.run(file)).conclusion == Exit(signal=signal.SIGKILL)
    await poll_until(lambda: not is_alive(int(out.read_text())))


async def test_death_of_a_server_ends_its_children_and_the_next_attempt_gets_another(
    folder: Folder, tmp_path: Path
) -> None:
    file = folder.write("""
        @task
        def run():
            print("server", os.getppid(), flush=True)
            time.sleep(1000)
        @task
        def short():
            print("short")
        run(); short()
    """)
    child = await folder.launch(file)

    def kill_server(data: bytes) -> None:
        if found := re.search(rb"server (\d+)", data):
            os.kill(int(found[1]), signal.SIGKILL)

    seen = await watch(child, kill_server)
    assert seen.conclusion == Exit(signal=signal.SIGKILL)
    assert child.pid is not None
    pid = child.pid
    await poll_until(lambda: not is_alive(pid))
    assert (await folder.run(file, "short")).outcome == Outcome.SUCCESS


async def test_death_of_the_root_is_survived(folder: Folder) -> None:
    file = folder.write("""
        @task
        def run():
            print("ran")
        run()
    """)
    assert (await folder.run(file)).outcome == Outcome.SUCCESS
    root = next(process for process in psutil.Process().children() if has_word(process, "forkserver"))
    root.kill()
    await poll_until(lambda: not is_alive(root.pid))
    await poll_until(lambda: len(psutil.Process().children()) >= 1)
    seen = await folder.run(file)
    end = ChildEnd(started=seen.started, conclusion=seen.conclusion, kill_cause=None)
    result = result_of(end, NOW)
    if result.outcome != Outcome.SUCCESS:  # launched before the loss was noticed
        assert result.cause == EndCause.NOT_STARTED
        seen = await folder.run(file)
    assert seen.outcome == Outcome.SUCCESS


async def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    """The whole tree, from another process that is killed with SIGKILL."""
    pids = tmp_path / "pids"
    file = tmp_path / "file.py"
    file.write_text(
        HEADER
        + dedent(f"""
        @task
        def run():
            sleeper = subprocess.Popen(["sleep", "1000"], start_new_session=True)
            open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{os.getppid()}} {{sleeper.pid}}")
            time.sleep(1000)
        run()
    """).replace("\n", "\n    ")
    )
    supervisor = await asyncio.create_subprocess_exec(sys.executable, "-c", ORPHANING, __file__, str(file))
    try:
        await poll_until(lambda: pids.exists() and len(pids.read_text().split()) == 3)
    finally:
        supervisor.kill()
        await supervisor.wait()
    await poll_until(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()))


ORPHANING = """
import asyncio, importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("helpers", sys.argv[1])
helpers = importlib.util.module_from_spec(spec)
sys.modules["helpers"] = helpers
spec.loader.exec_module(helpers)
file = Path(sys.argv[2])
async def main():
    async with helpers.open_fork_launcher() as launcher:
        await helpers.Folder(file.parent, launcher).run(helpers.DagFileLocation(file, file.parent))
asyncio.run(main())
"""


async def test_least_recently_used_servers_make_way(tmp_path: Path) -> None:
    async with open_fork_launcher(ForkLauncherLimits(servers=2)) as launcher:
        folder = Folder(tmp_path, launcher)
        tasks = """
            @task
            def run():
                print("server", os.getppid())
            run()
        """
        files = [folder.write(tasks, f"file{number}.py") for number in range(3)]

        async def server_of(number: int) -> int:
            found = re.search(rb"server (\d+)", (await folder.run(files[number])).log)
            assert found is not None
            return int(found[1])

        first, second = await server_of(0), await server_of(1)
        assert await server_of(0) == first
        await server_of(2)
        await poll_until(lambda: not is_alive(second))
        assert await server_of(0) == first
        assert is_alive(first)


async def test_throughput_of_200_tasks(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints figures; fails only when they are absurd, since the machine is shared."""
    file = folder.write("""
        @task
        def run():
            return 1
        run()
    """)
    await folder.run(file)
    loop = asyncio.get_running_loop()
    latencies: list[float] = []

    async def timed() -> None:
        since = loop.time()
        assert (await folder.run(file)).outcome == Outcome.SUCCESS
        latencies.append(loop.time() - since)

    for _ in range(50):
        await timed()
    alone = statistics.median(latencies)
    since = loop.time()
    places = asyncio.Semaphore(16)

    async def limited() -> None:
        async with places:
            await timed()

    async with asyncio.TaskGroup() as group:
        for _ in range(200):
            group.create_task(limited())
    rate = 200 / (loop.time() - since)
    with capsys.disabled():
        sys.stdout.write(f"\n  launch → result p50 {alone * 1000:.2f} ms; 200 tasks at {rate:.0f}/s\n")
    assert alone < 0.5
    assert rate > 20


async def test_400_children_at_once(folder: Folder, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    file = folder.write(f"""
        @task
        def run():
            while not os.path.exists({str(gate)!r}):
                time.sleep(0.5)
        run()
    """)
    children = [await folder.launch(file) for _ in range(400)]
    await poll_until(lambda: all(child.pid is not None for child in children), 60.0)
    gate.touch()
    outcomes = [(await watch(child)).outcome for child in children]
    assert outcomes == [Outcome.SUCCESS] * 400
