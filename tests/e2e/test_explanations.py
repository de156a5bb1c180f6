"""Why a task waits, asked of a running system: over REST as people and their scripts do, and on the command line."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.stack import Stack, service_stack
from tradewind.db.pool import open_pool

FILE = """
import time
from datetime import datetime, timedelta
from pathlib import Path
from airflow.sdk import DAG, BaseOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.python import BranchPythonOperator
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor

class Held(BaseOperator):
    "Runs until the test lets it go."
    def execute(self, context):
        while not Path({folder!r}, "go").exists():
            time.sleep(0.02)

class Fails(BaseOperator):
    def execute(self, context):
        raise ValueError("not today")

with DAG("pool"):
    Held(task_id="holder", pool="small", priority_weight=2)
    Held(task_id="waiter", pool="small", priority_weight=1)
with DAG("limit", max_active_tasks=1):
    Held(task_id="first", priority_weight=2)
    Held(task_id="second", priority_weight=1)
with DAG("upstream"):
    Held(task_id="above") >> Held(task_id="below")
with DAG("retry"):
    Fails(task_id="fails", retries=2, retry_delay=timedelta(hours=1))
with DAG("queue"):
    Held(task_id="lonely", queue="nobody")
with DAG("past", schedule=None, start_date=datetime(2026, 1, 1), max_active_runs=5):
    Fails(task_id="fails", depends_on_past=True, retries=0)
with DAG("rule"):
    Fails(task_id="fails", retries=0) >> EmptyOperator(task_id="after")
with DAG("branch"):
    BranchPythonOperator(task_id="choose", python_callable=lambda: "one") >> [
        EmptyOperator(task_id="one"), EmptyOperator(task_id="two"),
    ]
with DAG("waits"):
    TimeDeltaSensor(task_id="later", delta=timedelta(hours=1), deferrable=True)
    ApprovalOperator(task_id="asks", subject="Shall it go on?")
with DAG("paused"):
    Held(task_id="held")
with DAG("runs", max_active_runs=1):
    Held(task_id="held")
"""

DAG_IDS = ("pool", "limit", "upstream", "retry", "queue", "past", "rule", "branch", "waits", "runs")


@dataclass(frozen=True, slots=True)
class Scenery:
    """A fleet with one worker, and the DAGs of the file."""

    stack: Stack
    api: ApiClient

    def told(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        answer = self.api.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/explain")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def gate(self, dag_id: str, run_id: str, task_id: str, name: str) -> tuple[bool, str] | None:
        found = {each["name"]: each for each in self.told(dag_id, run_id, task_id)["gates"]}
        return (found[name]["is_open"], found[name]["reason"]) if name in found else None

    def wait_for_gate(self, dag_id: str, run_id: str, task_id: str, name: str, expected: tuple[bool, str]) -> None:
        """Where the run is not under way yet, or what it waits for is not."""
        with suppress(AssertionError):
            wait_until(lambda: self.gate(dag_id, run_id, task_id, name) == expected, "", 60.0)
        assert self.gate(dag_id, run_id, task_id, name) == expected

    def wait_for_state(self, dag_id: str, run_id: str, task_id: str, state: str | None) -> None:
        wait_until(lambda: self.told(dag_id, run_id, task_id)["state"] == state, f"{dag_id}.{task_id} is {state}")

    def unmet(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str]:
        answer = self.api.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/dependencies")
        return {each["name"]: each["reason"] for each in answer.json()["dependencies"]}

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TRADEWIND_")}
        environment |= {
            "TRADEWIND_API_URL": self.stack.api_url,
            "TRADEWIND__API__ADMIN_PASSWORD": self.stack.password,
        }
        return subprocess.run(
            [sys.executable, "-m", "tradewind.cli", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def scenery(
    tmp_path_factory: pytest.TempPathFactory, dags_folder: Path, postgres: PostgresServer, rabbitmq: RabbitMQServer
) -> Generator[Scenery]:
    folder = tmp_path_factory.mktemp("explained")
    (dags_folder / "waiting.py").write_text(FILE.format(folder=str(folder)))
    with (
        postgres.new_database() as database_url,
        service_stack(
            folder, database_url=database_url, broker_url=rabbitmq.new_url(), dags_folder=dags_folder
        ) as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as api,
    ):
        postgres.run(_make_pool(database_url))
        for dag_id in (*DAG_IDS, "paused"):
            api.wait_for_dag(dag_id)
        for dag_id in DAG_IDS:
            api.unpause(dag_id)
        yield Scenery(stack, api)
        (folder / "go").touch()


async def _make_pool(database_url: str) -> None:
    async with open_pool(database_url, 1) as database:
        await database.fetch("INSERT INTO slot_pool (pool, slots) VALUES ('small', 1)")


def test_a_full_pool_names_who_holds_it(scenery: Scenery) -> None:
    scenery.api.trigger("pool", dag_run_id="r")
    scenery.wait_for_state("pool", "r", "holder", "running")
    scenery.wait_for_state("pool", "r", "waiter", "scheduled")

    told = scenery.told("pool", "r", "waiter")
    assert told["summary"].startswith(
        "'waiter' is scheduled: 1 of 1 slot of the pool 'small' are taken, it wants 1; "
        "held: 1 by 'holder' of pool r (running for "
    )
    assert told["order"] == {"place": 1, "waiting": 1, "is_at_least": False}
    assert list(scenery.unmet("pool", "r", "waiter")) == ["Pool Slots Available"]
    running = scenery.gate("pool", "r", "holder", "worker")
    assert running is not None
    assert running[0]
    assert running[1].startswith("it runs on the celery worker '")
    assert "heartbeat is " in running[1]


def test_the_command_line_answers_the_same(scenery: Scenery) -> None:
    scenery.wait_for_state("pool", "r", "waiter", "scheduled")
    why = scenery.command("tasks", "why", "pool", "waiter", "r")
    failed = scenery.command("tasks", "failed-deps", "pool", "waiter", "r")
    unknown = scenery.command("tasks", "why", "pool", "nobody", "r")

    assert (why.returncode, failed.returncode, unknown.returncode) == (0, 0, 1), why.stderr + failed.stderr
    assert why.stdout.startswith("'waiter' is scheduled: 1 of 1 slot of the pool 'small' are taken")
    assert "is there room\n  open    dag_paused" in why.stdout
    assert "\n  CLOSED  pool " in why.stdout
    assert failed.stdout.splitlines()[0] == "Task instance dependencies not met:"
    assert failed.stdout.splitlines()[1].startswith("Pool Slots Available: 1 of 1 slot of the pool")
    assert unknown.stderr == "404: The task 'nobody' is not in the version of the DAG 'pool' that the run 'r' has\n"


def test_the_limit_of_the_run_is_counted(scenery: Scenery) -> None:
    scenery.api.trigger("limit", dag_run_id="r")
    scenery.wait_for_state("limit", "r", "second", "scheduled")
    assert scenery.gate("limit", "r", "second", "max_active_tasks") == (
        False,
        "1 of max_active_tasks 1 task instances of the run are queued or running",
    )


def test_the_upstream_that_runs_is_named(scenery: Scenery) -> None:
    scenery.api.trigger("upstream", dag_run_id="r")
    scenery.wait_for_state("upstream", "r", "above", "running")
    reason = "all_success: 0 of 1 upstream task instances succeeded, 1 running; waits for 'above' (running)"
    scenery.wait_for_gate("upstream", "r", "below", "trigger_rule", (False, reason))


def test_a_retry_says_when_it_is_due(scenery: Scenery) -> None:
    scenery.api.trigger("retry", dag_run_id="r")
    scenery.wait_for_state("retry", "r", "fails", "up_for_retry")
    found = scenery.gate("retry", "r", "fails", "retry_delay")
    assert found is not None
    assert not found[0]
    assert found[1].startswith("the next try (try 2 of 3) is due at ")
    assert ", in 1 h" in found[1] or ", in 59 min" in found[1]
    assert found[1].endswith("; the last one failed: user_error, ValueError: not today")


def test_a_queue_that_nobody_serves_is_named(scenery: Scenery) -> None:
    scenery.api.trigger("queue", dag_run_id="r")
    scenery.wait_for_state("queue", "r", "lonely", "queued")
    assert scenery.told("queue", "r", "lonely")["summary"] == (
        "'lonely' is queued: no worker listens on the queue 'nobody' (1 worker alive in all)"
    )


def test_the_run_before_is_named(scenery: Scenery) -> None:
    for day in (1, 2):
        scenery.api.trigger("past", dag_run_id=f"r{day}", logical_date=f"2026-01-0{day}T00:00:00Z")
    scenery.wait_for_state("past", "r1", "fails", "failed")
    held_back = (False, "1 of 1 in the run before, 'r1', not success or skipped")
    scenery.wait_for_gate("past", "r2", "fails", "depends_on_past", held_back)
    assert scenery.told("past", "r1", "fails")["summary"].startswith(
        "'fails' is failed: it failed on try 1 of 1: user_error, ValueError: not today"
    )


def test_a_trigger_rule_that_cannot_hold_names_whose_fault_it_is(scenery: Scenery) -> None:
    scenery.api.wait_for_run("rule", scenery.api.trigger("rule", dag_run_id="r"))
    found = scenery.gate("rule", "r", "after", "outcome")
    assert found is not None
    assert found[1].startswith("it could not start: all_success: 0 of 1 upstream task instances succeeded, 1 failed")
    assert "because of 'fails' (failed)" in found[1]


def test_a_task_that_was_not_chosen_says_who_chose(scenery: Scenery) -> None:
    scenery.api.wait_for_run("branch", scenery.api.trigger("branch", dag_run_id="r"))
    found = scenery.gate("branch", "r", "two", "outcome")
    assert found is not None
    assert found[1].startswith("it was skipped: a branch upstream ('choose') did not choose it")


def test_waits_without_a_slot_name_what_for(scenery: Scenery) -> None:
    scenery.api.trigger("waits", dag_run_id="r")
    scenery.wait_for_state("waits", "r", "later", "deferred")
    scenery.wait_for_state("waits", "r", "asks", "awaiting_input")
    wait_until(
        lambda: "the triggerer on " in str(scenery.gate("waits", "r", "later", "trigger")), "a triggerer runs it"
    )
    found = scenery.gate("waits", "r", "later", "trigger")
    asked = scenery.gate("waits", "r", "asks", "human_input")
    assert found is not None
    assert not found[0]
    assert "for the trigger " in found[1]
    assert "DateTimeTrigger; the triggerer on " in found[1]
    assert asked is not None
    assert not asked[0]
    assert "for a person to answer" in asked[1]


def test_runs_that_are_not_started_say_so_for_all_their_tasks(scenery: Scenery) -> None:
    scenery.api.trigger("paused", dag_run_id="r")
    scenery.api.trigger("runs", dag_run_id="r1")
    scenery.wait_for_state("runs", "r1", "held", "running")
    scenery.api.trigger("runs", dag_run_id="r2")

    assert scenery.told("paused", "r", "held")["summary"].startswith(
        "'held' is not scheduled: the run is queued: its DAG is paused"
    )
    assert list(scenery.unmet("paused", "r", "held")) == ["Dag Not Paused", "Dagrun Running", "Task Instance State"]
    assert scenery.gate("runs", "r2", "held", "dag_run") == (
        False,
        "the run is queued: 1 of max_active_runs 1 runs of its DAG are running, 0 queued runs before it",
    )
