"""What comes from outside and is not for us: refused, with the reason in the log, counted, and the rest goes on."""

import asyncio
import json
import re
from collections.abc import Sequence
from uuid import UUID

import httpx
import msgspec
import pytest

from tests.chaos.conftest import JWT_SECRET
from tests.chaos.room import Room
from tests.e2e.client import ApiClient, wait_until
from tradewind.bus.open import open_bus
from tradewind.bus.port import Delivery, Message, Queue, QueueInUse
from tradewind.service.clock import new_id
from tradewind.service.tokens import AttemptClaims, TokenSigner
from tradewind.wire import queues

FILE = """
import time
from datetime import timedelta
from airflow.sdk import DAG, task
with DAG("beside", schedule=None):
    @task
    def one(): time.sleep(0.5)
    @task(retries=1, retry_delay=timedelta(0))
    def two(ti=None): assert ti.try_number == 2
    one() >> two()
"""
KINDS = {
    queues.DISPATCH: "dispatch_batch",
    queues.RUNS: "dag_runs_created",
    queues.CLAIMS: "claim_request",
    queues.ENDS: "end_report",
    queues.HEARTBEATS: "heartbeat",
    queues.TIMETABLES: "timetable_question",
}
TASK_QUEUE = "default"
COMMAND = ["rm", "-rf", "/"]
VARIABLES = "SELECT key FROM variable ORDER BY key"


def beside(api: ApiClient, room: Room, run_id: str) -> str:
    """A run that is under way while something is refused."""
    file = room.dags_folder / "beside.py"
    if not file.exists():  # tasks of earlier runs may read it
        file.write_text(FILE)
    api.wait_for_dag("beside")
    api.unpause("beside")
    return api.trigger("beside", dag_run_id=run_id)


async def send(room: Room, messages: dict[str, Message]) -> None:
    async with open_bus(room.broker.url) as bus:
        for queue, message in messages.items():
            await bus.publish(queue, [message], mandatory=True)


async def dead_letters(room: Room, count: int) -> Sequence[Delivery]:
    found: list[Delivery] = []
    async with (
        open_bus(room.broker.url) as bus,
        bus.consume(Queue(name=queues.DEAD_LETTER, durable=True), prefetch=100, max_batch=100) as batches,
        asyncio.timeout(60),
    ):
        while len(found) < count:
            batch = await anext(batches)
            found += batch.deliveries
            await batch.ack()
    return found


def counted(room: Room, what: str) -> float:
    """Sum over all processes of the counters whose name matches."""
    lines = [line for process in room.stack.processes.values() for line in process.metrics().splitlines()]
    return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(what, line))


def test_messages_of_another_version_and_foreign_commands(room: Room, api: ApiClient) -> None:
    before = counted(room, r"tradewind_\w*(undecodable|refused)_total")
    run_id = beside(api, room, "messages")
    own = {
        **{queues.scheduler_queue(row[0]): "task_instances_ended" for row in room.rows("SELECT id FROM scheduler")},
        **{queues.worker_queue(row[0]): "kill_attempts" for row in room.rows("SELECT worker_id FROM worker")},
    }
    kinds = {**KINDS, **{queue: kind for queue, kind in own.items() if asyncio.run(_exists(room, queue))}}
    assert len(kinds) >= len(KINDS) + 4
    messages = {queue: Message(body=msgspec.msgpack.encode([f"{kind}.99", []])) for queue, kind in kinds.items()}
    messages[TASK_QUEUE] = Message(
        body=json.dumps([[COMMAND], {}, {}]).encode(),
        content_type="application/json",
        content_encoding="utf-8",
        headers={"lang": "py", "task": "tradewind.execute_command", "id": str(new_id()), "root_id": str(new_id())},
    )

    asyncio.run(send(room, messages))
    letters = {
        letter.message.headers["x-source-queue"]: letter for letter in asyncio.run(dead_letters(room, len(messages)))
    }

    assert set(letters) == set(messages)
    reasons = {str(queue): str(letter.message.headers["x-reason"]) for queue, letter in letters.items()}
    assert {queue: reason for queue, reason in reasons.items() if "version '99'" not in reason} == {
        TASK_QUEUE: reasons[TASK_QUEUE]
    }
    assert "tasks run" in reasons[TASK_QUEUE]
    wait_until(
        lambda: counted(room, r"tradewind_\w*(undecodable|refused)_total") >= before + len(messages),
        "every refusal is counted",
    )

    def logs() -> str:
        return "".join(process.log.read_text() for process in room.stack.processes.values())

    for reason in reasons.values():
        wait_until(lambda reason=reason: json.dumps(reason)[1:-1] in logs(), f"{reason} in a log")
    assert api.wait_for_run("beside", run_id)["state"] == "success"


async def _exists(room: Room, queue: str) -> bool:
    async with open_bus(room.broker.url) as bus:
        try:
            return await bus.depth(queue) is not None
        except QueueInUse:  # exclusive to its owner: it is there
            return True


@pytest.mark.parametrize("attempt", ["of-an-earlier-attempt", "of-no-attempt"])
def test_the_token_of_another_attempt_opens_no_execution_route(room: Room, api: ApiClient, attempt: str) -> None:
    first = beside(api, room, f"token-{attempt}")
    assert api.wait_for_run("beside", first)["state"] == "success"
    row = room.rows("SELECT attempt_id FROM task_instance_history WHERE dag_id = 'beside' LIMIT 1")[0]
    claims = AttemptClaims(
        attempt_id=row["attempt_id"] if attempt == "of-an-earlier-attempt" else new_id(),
        dag_id="beside",
        run_id=first,
        task_id="two",
        map_index=-1,
        try_number=1,
    )
    run_id = beside(api, room, f"beside-token-{attempt}")
    variables = room.rows(VARIABLES)
    token = TokenSigner(JWT_SECRET).mint_attempt_token(claims)

    with httpx.Client(base_url=room.stack.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=60.0) as http:
        paths = http.get("/openapi.json").json()["paths"]
        routes = [
            (method, path)
            for path, methods in paths.items()
            if path.startswith("/execution") and not path.startswith("/execution/health")
            for method in methods
        ]
        answers = {
            route: http.request(route[0], _filled(route[1], claims.attempt_id), json={"value": "x"}).status_code
            for route in routes
        }

    assert len(answers) > 30
    refused = (400, 401, 403, 409, 410, 422)  # 400, 422: not even well formed
    assert {route: status for route, status in answers.items() if status not in refused} == {}
    assert room.rows(VARIABLES) == variables
    assert api.wait_for_run("beside", run_id)["state"] == "success"


def _filled(path: str, attempt_id: UUID) -> str:
    known = {"dag_id": "beside", "task_id": "two", "key": "k", "attempt_id": str(attempt_id), "digest": "0" * 64}
    return re.sub(r"\{(\w+)(:path)?\}", lambda name: known.get(name[1], "x"), path)
