"""`GET /events` and `…/wait` of API processes that are killed, while a run is under way."""

import json
import statistics
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.client import ApiClient
from tests.servers.postgres import PostgresServer
from tests.servers.process import free_ports
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.stack import Stack, service_stack

TASKS = 30
VICTIM = "api-server-2"

DAG_FILE = f"""
from airflow.sdk import DAG, task

with DAG("chain", schedule=None) as dag:

    @task
    def step(number):
        return number + 1

    value = 0
    for each in range({TASKS}):
        value = step.override(task_id=f"step_{{each}}")(value)
    dag.add_result(value)
"""


class Listener:
    """Reads events; `last_id` is what it would send on coming again."""

    def __init__(self, client: ApiClient, url: str, last_id: str | None = None) -> None:
        self.last_id = last_id
        self.delays = list[float]()
        self._url, self._headers = url, {"Authorization": f"Bearer {client.token}"}

    @contextmanager
    def listening(self) -> Generator[Iterator[dict[str, Any]]]:
        """Entered once the stream has begun."""
        headers = self._headers | ({} if self.last_id is None else {"Last-Event-ID": self.last_id})
        with httpx.stream(
            "GET", f"{self._url}/api/v2/events", params={"dag_id": "chain"}, headers=headers, timeout=60.0
        ) as answer:
            assert answer.status_code == 200, answer.read()
            lines = answer.iter_lines()
            while not (line := next(lines)).startswith("id:"):
                pass
            self.last_id = line.removeprefix("id: ")
            yield self._events(lines)

    def _events(self, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
        event_id = self.last_id
        for line in lines:
            name, _, value = line.partition(": ")
            if name == "id":
                event_id = value
            elif name == "data":
                data = json.loads(value)
                self.delays.append((datetime.now(UTC) - datetime.fromisoformat(data["when"])).total_seconds())
                self.last_id = event_id
                yield data


def until_end(events: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for event in events:
        yield event
        if event["kind"] == "dag_run" and event["state"] in ("success", "failed"):
            return


@pytest.mark.full
def test_a_killed_process_loses_no_event_and_doubles_none(
    tmp_path: Path, postgres: PostgresServer, rabbitmq: RabbitMQServer, capsys: pytest.CaptureFixture[str]
) -> None:
    dags_folder = tmp_path / "dags"
    dags_folder.mkdir()
    (dags_folder / "chain.py").write_text(DAG_FILE)
    (port,) = free_ports(1)
    with (
        postgres.new_database() as database_url,
        service_stack(
            tmp_path,
            database_url=database_url,
            broker_url=rabbitmq.new_url(),
            dags_folder=dags_folder,
            counts={"api-server": 2},
            own_environments={VICTIM: {"TRADEWIND__API__PORT": str(port)}},
        ) as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        client.wait_for_dag("chain")
        client.patch("/dags/chain", {"is_paused": False})
        whole, told, undisturbed = _followed_through_a_kill(stack, client, f"http://127.0.0.1:{port}")
        final = client.get("/dags/chain/dagRuns/r/taskInstances", limit=100).json()["task_instances"]

    assert told == whole
    assert len({json.dumps(event) for event in told}) == len(told)
    states = {event["task_id"]: event["state"] for event in told if event["kind"] == "task_instance"}
    assert states == {each["task_id"]: each["state"] for each in final}
    assert len(states) == TASKS
    assert [event["state"] for event in told if event["kind"] == "dag_run"] == ["queued", "running", "success"]
    with capsys.disabled():
        delays = sorted(undisturbed.delays)
        p95 = delays[int(len(delays) * 0.95)]
        sys.stdout.write(
            f"\n{len(delays)} events, noted until read: median {statistics.median(delays) * 1e3:.0f} ms,"
            f" p95 {p95 * 1e3:.0f} ms\n"
        )


def _followed_through_a_kill(
    stack: Stack, client: ApiClient, victim_url: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Listener]:
    """What somebody heard who was not disturbed, and what somebody whose process was killed in midst of it."""
    undisturbed, disturbed = Listener(client, stack.api_url), Listener(client, victim_url)
    whole = list[dict[str, Any]]()
    with undisturbed.listening() as all_events, disturbed.listening() as events:
        reader = threading.Thread(target=lambda: whole.extend(until_end(all_events)), name="undisturbed")
        reader.start()
        client.post("/dags/chain/dagRuns", {"dag_run_id": "r", "logical_date": None})
        told = [next(events) for _ in range(TASKS)]
        stack.kill(VICTIM)
        with pytest.raises(httpx.TransportError):
            told.extend(events)  # what had been sent already
        again = Listener(client, stack.api_url, disturbed.last_id)
        with again.listening() as events:
            told.extend(until_end(events))
        reader.join(60.0)
    _wait(stack, client)
    return whole, told, undisturbed


def _wait(stack: Stack, client: ApiClient) -> None:
    """The run is over, and says what its DAG returns."""
    with httpx.stream(
        "GET",
        f"{stack.api_url}/api/v2/dags/chain/dagRuns/r/wait",
        params={"interval": 5},
        headers={"Authorization": f"Bearer {client.token}"},
        timeout=60.0,
    ) as answer:
        assert json.loads(list(answer.iter_lines())[-1]) == {
            "state": "success",
            "results": {f"step_{TASKS - 1}": TASKS},
        }
