"""A steady load of DAG runs whose tasks leave a line in a file for each start and each successful end."""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx

from tests.servers.stack import Stack

DAG_IDS: Final = ("chaos_chain", "chaos_fan", "chaos_mapped", "chaos_retry", "chaos_deferred", "chaos_once")
ONCE: Final = "chaos_once"
"""Its tasks have no retries: once started, never again."""
PLANNED: Final = "planned to fail at first"

_FILE: Final = """
import os, time
from datetime import timedelta
from airflow.sdk import DAG, BaseOperator, get_current_context, task
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

TRACES = {traces!r}
RETRIES = {{"retries": 2, "retry_delay": timedelta(seconds=0.5)}}

def trace(what):
    ti = get_current_context()["ti"]
    line = f"{{what}} {{ti.dag_id}} {{ti.run_id}} {{ti.task_id}} {{ti.map_index}} {{ti.try_number}} {{ti.id}}\\n"
    file = os.open(TRACES, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)

def work(seconds):
    trace("start")
    time.sleep(seconds)
    trace("done")

with DAG("chaos_chain", schedule=None, max_active_runs=100, max_active_tasks=100, default_args=RETRIES):
    @task
    def step(value):
        work(0.1)
        return value + 1
    value = 0
    for number in range(5):
        value = step.override(task_id=f"step_{{number}}")(value)

with DAG("chaos_fan", schedule=None, max_active_runs=100, max_active_tasks=100, default_args=RETRIES):
    @task
    def root():
        work(0.1)
    @task
    def leaf(number):
        work(0.1 * (number % 5))
        return number
    @task
    def join(ti=None):
        work(0.1)
        assert sorted(ti.xcom_pull(task_ids=[f"leaf_{{n}}" for n in range(6)])) == list(range(6))
    root() >> [leaf.override(task_id=f"leaf_{{n}}")(n) for n in range(6)] >> join()

with DAG("chaos_mapped", schedule=None, max_active_runs=100, max_active_tasks=100, default_args=RETRIES):
    @task
    def numbers():
        work(0.1)
        return [1, 2, 3, 4]
    @task
    def double(number):
        work(0.2)
        return 2 * number
    @task
    def total(numbers):
        work(0.1)
        assert sum(numbers) == 20
    total(double.expand(number=numbers()))

with DAG("chaos_retry", schedule=None, max_active_runs=100, max_active_tasks=100, default_args=RETRIES):
    @task
    def flaky(ti=None):
        if ti.try_number == 1:
            trace("start")
            raise ValueError({planned!r})
        work(0.1)
    @task
    def after():
        work(0.1)
    flaky() >> after()

class Waits(BaseOperator):
    def execute(self, context):
        trace("start")
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=0.5)), method_name="resume")
    def resume(self, context, event=None):
        trace("resumed")
        time.sleep(0.1)
        trace("done")

with DAG("chaos_deferred", schedule=None, max_active_runs=100, max_active_tasks=100, default_args=RETRIES):
    @task
    def then():
        work(0.1)
    Waits(task_id="waits") >> then()

with DAG("chaos_once", schedule=None, max_active_runs=100, max_active_tasks=100):
    @task
    def once(seconds):
        work(seconds)
    [once.override(task_id=f"once_{{n}}")(0.3 * n) for n in range(4)]
"""


@dataclass(frozen=True, slots=True)
class Trace:
    """One line that a task left: `what` is start, resumed (after it had deferred) or done."""

    what: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    attempt_id: UUID


def write_dags(folder: Path, traces: Path) -> None:
    """Put the load's DAG file into the DAGs folder; its tasks write to `traces`."""
    (folder / "chaos.py").write_text(_FILE.format(traces=str(traces), planned=PLANNED))


def read_traces(traces: Path) -> Sequence[Trace]:
    """What the tasks have left so far."""
    lines = traces.read_text().splitlines() if traces.exists() else []
    parts = (line.split() for line in lines)
    return [Trace(p[0], p[1], p[2], p[3], int(p[4]), int(p[5]), UUID(p[6])) for p in parts]


class Load:
    """Asks for one run after the other, whatever breaks, with few open at a time."""

    def __init__(self, stack: Stack, http: httpx.Client, *, every_seconds: float, open_max: int) -> None:
        self._http = http
        self._stack = stack
        self._every_seconds = every_seconds
        self._open_max = open_max
        self._stop = threading.Event()
        self._open: dict[str, str] = {}
        self.runs: dict[str, str] = {}
        """Run → its DAG."""

    def prepare(self) -> None:
        """Log in, and unpause the DAGs once they are known."""
        credentials = {"username": self._stack.username, "password": self._stack.password}
        token = self._http.post("/auth/token", json=credentials).raise_for_status().json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        for dag_id in DAG_IDS:
            self._until(lambda dag_id=dag_id: self._patched(dag_id))

    def run(self) -> None:
        """Until `stop`; then every run that was asked for exists."""
        number = 0
        while not self._stop.wait(self._every_seconds):
            self._forget_finished()
            if len(self._open) < self._open_max:
                dag_id = DAG_IDS[number % len(DAG_IDS)]
                run_id = f"run_{number}"
                self.runs[run_id] = self._open[run_id] = dag_id
                self._until(lambda dag_id=dag_id, run_id=run_id: self._triggered(dag_id, run_id))
                number += 1

    def stop(self) -> None:
        """No more runs."""
        self._stop.set()

    def _triggered(self, dag_id: str, run_id: str) -> bool:
        body = {"logical_date": None, "dag_run_id": run_id}
        answer = self._http.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        return answer.status_code in (200, 409)  # 409: it was made, and the answer lost

    def _patched(self, dag_id: str) -> bool:
        return self._http.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}).status_code == 200

    def _forget_finished(self) -> None:
        for run_id, dag_id in list(self._open.items()):
            try:
                state = self._http.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").json().get("state")
            except (httpx.HTTPError, ValueError):
                return
            if state in ("success", "failed"):
                del self._open[run_id]

    def _until(self, has_succeeded: Callable[[], bool], timeout_seconds: float = 120.0) -> None:
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                if has_succeeded():
                    return
            except httpx.HTTPError:
                pass  # the API is one of those that are killed
            assert time.monotonic() < deadline, f"the API has not answered for {timeout_seconds:g} s"
            time.sleep(0.1)


@contextmanager
def steady_load(stack: Stack, *, every_seconds: float = 0.4, open_max: int = 8) -> Generator[Load]:
    """Runs are asked for in a thread; after the context there will be no more."""
    with (
        httpx.Client(base_url=stack.api_url, timeout=10.0, trust_env=False) as http,
        ThreadPoolExecutor(1, thread_name_prefix="load") as threads,
    ):
        load = Load(stack, http, every_seconds=every_seconds, open_max=open_max)
        load.prepare()
        running = threads.submit(load.run)
        try:
            yield load
        finally:
            load.stop()
        running.result()
