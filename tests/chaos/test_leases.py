"""Leases, drain and causes with real processes: what becomes of an attempt when its worker freezes or is told to stop,
and of one whose process ends in some other way."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.chaos.faults import frozen
from tests.chaos.room import Room
from tests.e2e.client import ApiClient, wait_until
from tests.servers.stack import ServiceProcess

FILE = """
import os, signal, sys, time
from datetime import timedelta
from pathlib import Path
from airflow.sdk import DAG, BaseOperator, Variable, get_current_context, task

FOLDER = Path({folder!r})

def note(text):
    ti = get_current_context()["ti"]
    with (FOLDER / f"{{ti.dag_id}}.{{ti.task_id}}").open("a") as file:
        file.write(f"{{text}} {{os.getpid()}}\\n")

def wait():
    while not (FOLDER / get_current_context()["ti"].dag_id).exists():
        time.sleep(0.02)

with DAG("frozen", schedule=None):
    @task
    def once(ti=None):
        note("started")
        wait()
        print("awake")
        for what, write in (
            ("variable", lambda: Variable.set("written_by_frozen", "x")),
            ("xcom", lambda: ti.xcom_push("written", "x")),
        ):
            try:
                write()
                note("wrote_" + what)
            except Exception as error:
                note("refused_" + what if "HTTP 409" in str(error) else repr(error).replace(" ", "_"))
    @task(retries=1)
    def again():
        note("started")
        wait()
    once()
    again()

with DAG("drained", schedule=None, default_args={{"retries": 1}}):
    @task
    def slow(number):
        note("started")
        wait()
        return number
    @task(retries=0)
    def last():
        note("started")
    slow.expand(number=list(range(12))) >> last()

with DAG("ends", schedule=None):
    @task
    def raises():
        raise ValueError("of the user")
    @task
    def leaves():
        os._exit(3)
    @task
    def crashes():
        os.kill(os.getpid(), signal.SIGSEGV)
    @task
    def is_killed():
        os.kill(os.getpid(), signal.SIGKILL)
    @task(execution_timeout=timedelta(seconds=0.3))
    def takes_long():
        time.sleep(60)
    raises(), leaves(), crashes(), is_killed(), takes_long()
"""
CAUSES = """
SELECT t.task_id, t.map_index, t.state, t.cause, t.detail, t.try_number, t.lost_attempts
FROM task_instance t
JOIN dag_run r ON r.id = t.dag_run_id
WHERE r.dag_id = $1
ORDER BY t.task_id, t.map_index
"""
WITH_A_LEASE = "SELECT count(*) FROM worker WHERE expired_at IS NULL"
"""Those that died before count, too, until theirs have ended."""
LOST = """
SELECT t.task_id, t.cause, count(*)
FROM chaos_trail t
JOIN dag_run r ON r.id = t.dag_run_id
WHERE r.dag_id = $1 AND t.old_state = 'running' AND t.new_state IN ('scheduled', 'failed')
GROUP BY t.task_id, t.cause
"""


@pytest.fixture(scope="module")
def folder(room: Room, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tasks leave notes, and find the word to go on: a file with the name of the DAG."""
    notes = tmp_path_factory.mktemp("notes")
    (room.dags_folder / "leases.py").write_text(FILE.format(folder=str(notes)))
    return notes


def trigger(api: ApiClient, dag_id: str) -> str:
    api.wait_for_dag(dag_id)
    api.unpause(dag_id)
    return api.trigger(dag_id, dag_run_id="r")


def notes_of(folder: Path, name: str) -> Sequence[tuple[str, int]]:
    """What was noted, by which process."""
    file = folder / name
    lines = file.read_text().splitlines() if file.exists() else []
    return [(line.split()[0], int(line.split()[1])) for line in lines]


def wait_for_notes(folder: Path, name: str, holds: Callable[[list[str]], bool]) -> None:
    wait_until(lambda: holds([text for text, _ in notes_of(folder, name)]), f"notes of {name}")


def states(api: ApiClient, dag_id: str) -> dict[str, str]:
    return {ti["task_id"]: ti["state"] for ti in api.task_instances(dag_id, "r")}


def workers(room: Room) -> list[ServiceProcess]:
    return [process for name, process in room.stack.processes.items() if name.startswith("worker")]


def by_task(rows: Sequence[Any]) -> dict[str, tuple[str, str, int, int]]:
    return {
        row["task_id"]: (row["state"], row["cause"] or "none", row["try_number"], row["lost_attempts"]) for row in rows
    }


def test_a_worker_that_was_frozen_beyond_its_lease_can_write_nothing(room: Room, api: ApiClient, folder: Path) -> None:
    trigger(api, "frozen")
    for name in ("frozen.once", "frozen.again"):
        wait_for_notes(folder, name, lambda texts: texts == ["started"])
    ((_, pid),) = notes_of(folder, "frozen.once")

    with frozen(workers(room)):
        # Each worker's lease ends at a time of its own: let go of them only after both.
        wait_until(lambda: room.rows(WITH_A_LEASE)[0][0] == 0, "leases expired")
        wait_until(lambda: states(api, "frozen")["once"] == "failed", "attempt lost")
        assert by_task(room.rows(CAUSES, "frozen"))["once"] == ("failed", "worker_lost", 1, 0)
        (folder / "frozen").touch()
        psutil.Process(pid).resume()  # the task before its supervisor, which would be told to kill it
        wait_for_notes(folder, "frozen.once", lambda texts: len(texts) == 3)

    assert api.wait_for_run("frozen", "r")["state"] == "failed"
    assert [text for text, _ in notes_of(folder, "frozen.once")] == [
        "started",
        "refused_variable",
        "refused_xcom",
    ]
    assert api.get("/variables/written_by_frozen").status_code == 404
    assert api.get("/dags/frozen/dagRuns/r/taskInstances/once/xcomEntries").json()["total_entries"] == 0
    assert "awake" not in api.log_events("frozen", "r", "once")
    assert by_task(room.rows(CAUSES, "frozen")) == {
        "once": ("failed", "worker_lost", 1, 0),
        "again": ("success", "none", 1, 1),
    }
    assert [text for text, _ in notes_of(folder, "frozen.again")] == ["started", "started"]
    wait_until(
        lambda: all("worker.expired" in worker.log.read_text() for worker in workers(room)), "each hears of its lease"
    )


def test_a_worker_that_is_told_to_stop_hands_back_and_reports_what_it_cuts(
    room: Room, api: ApiClient, folder: Path
) -> None:
    trigger(api, "drained")
    wait_for_notes(folder, "drained.slow", lambda texts: len(texts) == 8)  # both workers are full, four wait

    room.stack.stop("worker-1")
    assert "worker.left_with_ends" not in room.stack.processes["worker-1"].log_tail
    assert [tuple(row) for row in room.rows(LOST, "drained")] == [("slow", "preempted", 4)]
    wait_until(lambda: room.rows(WITH_A_LEASE)[0][0] == 1, "the other one is left")
    (folder / "drained").touch()
    room.stack.start("worker-1")

    assert api.wait_for_run("drained", "r")["state"] == "success"
    rows = room.rows(CAUSES, "drained")
    assert {(row["state"], row["try_number"]) for row in rows} == {("success", 1)}
    assert sum(row["lost_attempts"] for row in rows) == 4
    assert len(notes_of(folder, "drained.slow")) == 12 + 4
    assert len(notes_of(folder, "drained.last")) == 1


def test_the_end_of_a_process_is_told_by_its_cause(room: Room, api: ApiClient, folder: Path) -> None:
    trigger(api, "ends")
    api.wait_for_run("ends", "r")
    rows = room.rows(CAUSES, "ends")
    assert {row["task_id"]: (row["cause"], row["detail"].partition(":")[0]) for row in rows} == {
        "raises": ("user_error", "ValueError"),
        "leaves": ("user_error", "the task's process exited with code 3 without a result"),
        "crashes": ("user_error", "the task's process was ended by SIGSEGV without a result"),
        "is_killed": ("killed", "the task's process was ended by SIGKILL, by something outside of it"),
        "takes_long": ("timeout", "AirflowTaskTimeout"),
    }
    assert {row["state"] for row in rows} == {"failed"}
