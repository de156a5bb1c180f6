"""Celery's remote control and events on a worker, without a broker: what it answers, does and says."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from yarl import URL

from tests.unit.supervisor.world import Launcher, LogStore, attempt, in_virtual_time, virtual_now
from tests.unit.worker.test_worker import Fleet, until
from tradewind.bus.memory import MemoryBus
from tradewind.bus.port import BusUnavailable, Message
from tradewind.core.states import EndCause, Outcome
from tradewind.service.environment import with_given
from tradewind.task_runner.settings import TaskRunningSettings
from tradewind.task_runner.supervising.children import Children
from tradewind.wire.celery import TASK_NAME
from tradewind.wire.codec import UndecodableMessage
from tradewind.worker.celery_control.events import EVENTS
from tradewind.worker.celery_control.mailbox import REPLIES, is_for, parse_request
from tradewind.worker.service import run
from tradewind.worker.settings import CelerySettings, WorkerOptions, WorkerSettings


class Client:
    """The link of one worker, with Celery's tools at its other end."""

    def __init__(self) -> None:
        self.broker = URL("amqp://user:secret@broker:5672/vhost")
        self.queue = ""
        self.is_up = True
        self.crashes = 0
        """How many times `run` fails before it works."""
        self.published: list[tuple[str, str, Any]] = []
        self._handle: Callable[[Message], Awaitable[None]] | None = None

    async def run(self, queue: str, handle: Callable[[Message], Awaitable[None]]) -> NoReturn:
        if self.crashes:
            self.crashes -= 1
            raise RuntimeError("the driver is broken")
        self.queue, self._handle = queue, handle
        await asyncio.Event().wait()
        raise AssertionError("until it is cancelled")

    async def wait_until_up(self) -> None:
        await until(lambda: self.is_up)

    async def publish(self, exchange: str, messages: Sequence[tuple[str, Message]]) -> None:
        if not self.is_up:
            raise BusUnavailable("down")
        for routing_key, message in messages:
            assert message.content_type == "application/json"
            self.published.append((exchange, routing_key, json.loads(message.body)))

    async def send(self, body: Any, content_type: str = "application/json") -> None:
        """A message in the worker's mailbox."""
        await until(lambda: self._handle is not None)
        assert self._handle is not None
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self._handle(Message(body=data, content_type=content_type))

    async def ask(self, method: str, **arguments: Any) -> Any:
        """The worker's answer to a command."""
        reply_to = {"exchange": REPLIES, "routing_key": "me"}
        await self.send({"method": method, "arguments": arguments, "reply_to": reply_to, "ticket": "t"})
        exchange, routing_key, answer = self.published.pop()
        assert (exchange, routing_key) == (REPLIES, "me")
        assert list(answer) == [self.queue.removesuffix(".celery.pidbox")]
        return next(iter(answer.values()))

    def events(self) -> list[dict[str, Any]]:
        """All that was said so far, oldest first."""
        bodies = [body for exchange, _, body in self.published if exchange == EVENTS]
        flat = [event for body in bodies for event in (body if isinstance(body, list) else [body])]  # pyright: ignore[reportUnknownVariableType] - JSON
        return sorted(flat, key=lambda event: event["clock"])  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType, reportUnknownVariableType] - likewise

    def tasks(self) -> list[tuple[str, int]]:
        """(kind, number of the attempt) of the events of tasks."""
        return [(event["type"], UUID(event["uuid"]).int) for event in self.events() if "uuid" in event]

    def life(self, number: int) -> list[str]:
        """The kinds of events of one attempt."""
        return [kind for kind, other in self.tasks() if other == number]


class Controlled:
    """A worker of a fleet with a client."""

    def __init__(self, fleet: Fleet, client: Client, **settings: Any) -> None:
        self.client = client
        self.bus = MemoryBus(fleet.broker)
        self.launcher = Launcher()
        self.stop = asyncio.Event()
        self.registry = CollectorRegistry()
        celery: dict[str, Any] = {"worker_concurrency": 1, **settings}
        self._settings = WorkerSettings(
            celery=with_given(CelerySettings(), celery, str),
            worker=WorkerOptions(queues=("default",), name="tester"),
        )
        self.task = fleet.group.create_task(self._run())

    async def _run(self) -> None:
        ids = iter(range(1, 1_000_000))
        await run(
            settings=self._settings,
            bus=self.bus,
            clock=virtual_now,
            new_id=lambda: UUID(int=next(ids)),
            stop=self.stop,
            registry=self.registry,
            open_children=self._children,
            celery_link=self.client,
        )

    @asynccontextmanager
    async def _children(self, settings: TaskRunningSettings) -> AsyncGenerator[Children]:
        yield Children(self.launcher, LogStore())

    def count(self, command: str, result: str) -> float:
        labels = {"command": command, "result": result}
        return self.registry.get_sample_value("tradewind_worker_celery_requests_total", labels) or 0.0


@asynccontextmanager
async def controlled(client: Client | None = None, **settings: Any) -> AsyncGenerator[tuple[Fleet, Controlled]]:
    async with Fleet() as fleet:
        worker = Controlled(fleet, client or Client(), **settings)
        await until(lambda: fleet.broker.depth("default") is not None)
        await until(lambda: len(fleet.collector.beats) > 0)
        yield fleet, worker
        worker.stop.set()
        await worker.task


@in_virtual_time
async def test_answers_what_it_holds_and_how_it_is() -> None:
    async with controlled() as (fleet, worker):
        ask = worker.client.ask
        await fleet.publish(1, 2)
        await until(lambda: fleet.collector.granted.get(attempt(1)) is not None and bool(worker.launcher.children))
        assert await ask("ping") == {"ok": "pong"}
        (active,) = await ask("active")
        (reserved,) = await ask("reserved")
        assert (active["id"], reserved["id"]) == (str(attempt(1)), str(attempt(2)))
        assert active["args"][0][:5] == ["tradewind", "tasks", "run", "dag", "task_1"]
        assert (active["acknowledged"], active["worker_pid"], reserved["acknowledged"]) == (True, 4711, False)
        assert active["delivery_info"]["routing_key"] == "default"
        (safe,) = await ask("active", safe=True)
        assert "'task_1'" in safe["args"]
        assert await ask("dump_active") == [active]
        assert (await ask("query_task", ids=[str(attempt(2)), str(attempt(9))])) == {
            str(attempt(2)): ["reserved", reserved]
        }
        assert await ask("registered") == [TASK_NAME]
        assert await ask("scheduled") == []
        stats = await ask("stats")
        assert stats["total"] == {TASK_NAME: 1}
        assert stats["pool"]["max-concurrency"] == 1
        assert stats["pool"]["processes"] == [4711]
        (queue,) = await ask("active_queues")
        assert (queue["name"], queue["durable"], queue["queue_arguments"]) == ("default", True, None)
        for shown in (await ask("conf"), await ask("report")):
            assert "secret" not in json.dumps(shown)
        assert (await ask("hello", from_node="celery@other"))["revoked"] == []
        worker.launcher.children[1].finish()
        await until(lambda: 2 in worker.launcher.children)
        worker.launcher.children[2].finish()
        await until(lambda: attempt(2) in fleet.collector.ended)
        assert (await ask("active"), await ask("reserved")) == ([], [])


@in_virtual_time
async def test_only_the_worker_that_is_meant_obeys() -> None:
    async with controlled() as (_, worker):
        client = worker.client
        await client.ask("ping")
        mine = client.queue.removesuffix(".celery.pidbox")
        reply_to = {"exchange": REPLIES, "routing_key": "me"}
        ping = {"method": "ping", "reply_to": reply_to, "ticket": "t"}
        for addressed in (
            {"destination": [mine]},
            {"destination": ["tester"]},
            {"pattern": "test*", "matcher": "glob"},
        ):
            await client.send({**ping, **addressed})
            assert client.published.pop()[2] == {mine: {"ok": "pong"}}
        for other in ({"destination": ["celery@host"]}, {"pattern": "other.*", "matcher": "pcre"}):
            await client.send({**ping, **other})
        await client.send({"method": "ping"})
        assert client.published == []


@in_virtual_time
async def test_unknown_unsupported_and_wrong_commands_are_refused_with_a_reason_and_counted() -> None:
    async with controlled() as (_, worker):
        ask = worker.client.ask
        assert "execution_timeout" in (await ask("time_limit", task_name=TASK_NAME, hard=1))["error"]
        assert "not by rates" in (await ask("rate_limit", task_name=TASK_NAME, rate_limit="1/s"))["error"]
        assert "known are" in (await ask("make_coffee"))["error"]
        assert "attempt id" in (await ask("revoke", task_id="no-uuid"))["error"]
        assert "$.n" in (await ask("pool_grow", n="many"))["error"]
        assert "would be 0" in (await ask("pool_shrink", n=1))["error"]
        assert "less than 1" in (await ask("pool_grow", n=-3))["error"]
        for queue in ("", "tradewind.dispatch", "amq.direct", "x" * 256):
            assert "no name of a queue" in (await ask("add_consumer", queue=queue))["error"]
        assert "nothing is bound" in (await ask("add_consumer", queue="a", exchange="b"))["error"]
        assert worker.count("time_limit", "unsupported") == 1
        assert worker.count("", "unknown") == 1
        assert worker.count("add_consumer", "refused") == 5


@in_virtual_time
async def test_what_is_no_request_is_dropped_counted_and_disturbs_nothing() -> None:
    async with controlled() as (_, worker):
        client = worker.client
        await client.send(b"\xff\x00")
        await client.send([1, 2])
        await client.send({"method": "ping", "reply_to": {"exchange": "amq.topic", "routing_key": "x"}})
        await client.send({"method": "ping", "pattern": "(", "matcher": "pcre"})
        await client.send({"method": "ping"}, content_type="application/x-python-serialize")
        assert client.published == []
        assert worker.count("", "undecodable") == 5
        assert await client.ask("ping") == {"ok": "pong"}


@in_virtual_time
async def test_revoked_attempt_that_waits_never_starts_and_a_terminated_one_ends_as_cancelled() -> None:
    async with controlled() as (fleet, worker):
        ask = worker.client.ask
        await fleet.publish(1, 2, 3)
        await until(lambda: 1 in worker.launcher.children)
        assert str(attempt(2)) in (await ask("revoke", task_id=[str(attempt(2))]))["ok"]
        assert await ask("revoked") == [str(attempt(2))]
        assert worker.launcher.children[1].kills == []
        assert str(attempt(1)) in (await ask("revoke", task_id=str(attempt(1)), terminate=1, signal="SIGKILL"))["ok"]
        await until(lambda: 3 in worker.launcher.children)
        assert worker.launcher.launches == [1, 3]
        await until(lambda: {attempt(1), attempt(2)} <= fleet.collector.ended.keys())
        ends = [fleet.collector.ended[attempt(number)] for number in (1, 2)]
        assert [(end.outcome, end.cause) for end in ends] == [(Outcome.FAILED, EndCause.CANCELLED)] * 2
        assert await ask("terminate", task_id=[str(attempt(9))]) == {"ok": "terminate: tasks unknown"}
        worker.launcher.children[3].finish()


@in_virtual_time
async def test_pool_and_queues_change_while_it_works() -> None:
    async with controlled() as (fleet, worker):
        ask = worker.client.ask
        await fleet.publish(1, 2)
        await until(lambda: 1 in worker.launcher.children)
        assert await ask("pool_grow", n=2) == {"ok": "pool will grow"}
        await until(lambda: 2 in worker.launcher.children)
        assert await ask("add_consumer", queue="extra") == {"ok": "add consumer extra"}
        await until(lambda: fleet.broker.depth("extra") is not None)
        await fleet.publish(3, queue="extra")
        await until(lambda: 3 in worker.launcher.children)
        assert [queue["name"] for queue in await ask("active_queues")] == ["default", "extra"]
        await until(lambda: fleet.collector.beats[-1].queues == ("default", "extra"))
        assert fleet.collector.beats[-1].concurrency == 3
        await ask("cancel_consumer", queue="default")
        await until(lambda: fleet.collector.beats[-1].queues == ("extra",))
        await fleet.publish(4, queue="default")
        for number in (1, 2, 3):
            worker.launcher.children[number].finish()
        await until(lambda: attempt(3) in fleet.collector.ended)
        await asyncio.sleep(10)
        assert worker.launcher.launches == [1, 2, 3]
        assert fleet.broker.depth("default") == 1
        await ask("add_consumer", queue="default")
        await until(lambda: 4 in worker.launcher.children)
        worker.launcher.children[4].finish()


@in_virtual_time
async def test_range_of_slots_that_follow_the_load_is_changed() -> None:
    async with controlled() as (_, worker):
        assert "not enabled" in (await worker.client.ask("autoscale", max=3, min=1))["error"]
    async with controlled(worker_autoscale="4,2") as (fleet, worker):
        ask = worker.client.ask
        assert "follow its load" in (await ask("pool_grow", n=1))["error"]
        assert "no range" in (await ask("autoscale", max=1, min=2))["error"]
        assert await ask("autoscale", max=6) == {"ok": "autoscale now max=6 min=2"}
        await fleet.publish(*range(1, 9))
        await until(lambda: len(worker.launcher.launches) == 6)
        assert (await ask("stats"))["autoscaler"] == {"max": 6, "min": 2, "current": 6}
        worker.launcher.finishes_at_once = True
        for child in list(worker.launcher.children.values()):
            child.finish()
        await until(lambda: len(fleet.collector.ended) == 8)


@in_virtual_time
async def test_shutdown_drains() -> None:
    async with controlled() as (fleet, worker):
        await fleet.publish(1)
        await until(lambda: 1 in worker.launcher.children)
        assert "draining" in (await worker.client.ask("shutdown"))["ok"]
        await asyncio.sleep(5)
        assert not worker.task.done()
        worker.launcher.children[1].finish()
        await worker.task
        assert attempt(1) in fleet.collector.ended


@in_virtual_time
async def test_a_hop_costs_no_message_while_nobody_wants_events() -> None:
    async with controlled() as (fleet, worker):
        worker.launcher.finishes_at_once = True
        await fleet.publish(*range(1, 101))
        await until(lambda: len(fleet.collector.ended) == 100)
        await asyncio.sleep(60)
        assert worker.client.published == []
    assert worker.client.published == []


@in_virtual_time
async def test_events_tell_the_life_of_each_attempt_and_worker_while_enabled() -> None:
    async with controlled() as (fleet, worker):
        client = worker.client
        assert await client.ask("enable_events") == {"ok": "task events enabled"}
        await until(lambda: "worker-online" in [event["type"] for event in client.events()])
        await fleet.publish(1)
        await until(lambda: 1 in worker.launcher.children)
        worker.launcher.children[1].finish()
        await fleet.publish(2)
        await until(lambda: 2 in worker.launcher.children)
        worker.launcher.children[2].finish(Outcome.FAILED, EndCause.USER_ERROR, "ValueError: no")
        await fleet.publish(3)
        await until(lambda: 3 in worker.launcher.children)
        worker.launcher.children[3].finish(Outcome.RESCHEDULED)
        fleet.collector.void.append(attempt(4))
        await fleet.publish(4)
        await until(lambda: ("task-rejected", 4) in client.tasks())
        ends = {1: "task-succeeded", 2: "task-failed", 3: "task-retried"}
        for number, end in ends.items():
            assert client.life(number) == ["task-received", "task-started", end]
        assert client.life(4) == ["task-received", "task-rejected"]
        by_kind = {event["type"]: event for event in client.events()}
        assert "'task_4'" in by_kind["task-received"]["args"]
        assert by_kind["task-failed"]["exception"] == "ValueError: no"
        assert by_kind["worker-online"]["sw_ident"] == "tradewind"
        assert await client.ask("disable_events") == {"ok": "task events disabled"}
        said = len(client.published)
        worker.launcher.finishes_at_once = True
        await fleet.publish(5)
        await until(lambda: attempt(5) in fleet.collector.ended)
        await asyncio.sleep(60)
        assert len(client.published) == said


@in_virtual_time
async def test_events_of_many_attempts_go_out_together_and_the_last_says_that_the_worker_is_gone() -> None:
    async with controlled(worker_send_task_events=True, worker_concurrency=64) as (fleet, worker):
        worker.launcher.finishes_at_once = True
        await fleet.publish(*range(1, 65))
        await until(lambda: len([kind for kind, _ in worker.client.tasks() if kind == "task-succeeded"]) == 64)
        lists = [body for _, key, body in worker.client.published if key == "task.multi"]
        assert len(lists) < 64
        assert len(worker.client.tasks()) == 3 * 64
    assert worker.client.events()[-1]["type"] == "worker-offline"


@in_virtual_time
async def test_a_link_that_fails_or_is_away_disturbs_no_task() -> None:
    client = Client()
    client.crashes, client.is_up = 2, False
    async with controlled(client, worker_send_task_events=True) as (fleet, worker):
        worker.launcher.finishes_at_once = True
        await fleet.publish(1)
        await until(lambda: attempt(1) in fleet.collector.ended)
        assert client.published == []
        client.is_up = True
        await until(lambda: ("task-succeeded", 1) in client.tasks())
        assert await client.ask("ping") == {"ok": "pong"}


def test_requests_are_read_as_celery_writes_them() -> None:
    body = {
        "method": "ping",
        "arguments": {},
        "destination": None,
        "pattern": None,
        "matcher": None,
        "ticket": "0a",
        "reply_to": {"exchange": "reply.celery.pidbox", "routing_key": "oid"},
    }
    request = parse_request(Message(body=json.dumps(body).encode(), content_type="application/json"))
    assert (request.method, request.ticket) == ("ping", "0a")
    assert is_for(request, ("anybody",))


@pytest.mark.parametrize(("pattern", "matcher"), [("x" * 2_000, "glob"), ("*", "magic"), ("(", "pcre")])
def test_patterns_that_are_none_are_refused(pattern: str, matcher: str) -> None:
    body = json.dumps({"method": "ping", "pattern": pattern, "matcher": matcher}).encode()
    request = parse_request(Message(body=body, content_type="application/json"))
    with pytest.raises(UndecodableMessage):
        is_for(request, ("worker",))
