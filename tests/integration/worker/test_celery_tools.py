"""Celery's own programs and flower, from PyPI, see a worker of ours over RabbitMQ and control it; and what a Celery
client sends to the worker's queue, it runs."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from tests.polling import poll_until
from tests.servers.environments import CELERY_TOOLS, environment
from tests.servers.process import ServerProcess, free_ports
from tests.servers.rabbitmq import RabbitMQServer
from tests.unit.supervisor.world import Collector, Launcher, LogStore, attempt
from tests.unit.worker.test_worker import queued
from tradewind.bus.open import open_bus
from tradewind.bus.port import Bus
from tradewind.core.states import EndCause, Outcome
from tradewind.service.clock import new_id, utc_now
from tradewind.task_runner.settings import TaskRunningSettings
from tradewind.task_runner.supervising.children import Children
from tradewind.wire.celery import TASK_NAME, task_message
from tradewind.worker.celery_control.link import CeleryLink
from tradewind.worker.service import run
from tradewind.worker.settings import CelerySettings, WorkerOptions, WorkerSettings

SEND = """
import json, sys
from celery import Celery
broker, command, attempt_id = sys.argv[1:]
app = Celery(broker=broker)
app.send_task("tradewind.execute_command", args=[json.loads(command)], task_id=attempt_id, queue="default")
"""


class Site:
    """A worker over RabbitMQ, its collector, and the programs that look at it."""

    def __init__(self, bus: Bus, broker_url: str, programs: Path) -> None:
        self.bus = bus
        self.collector = Collector(bus)
        self.launcher = Launcher()
        self.registry = CollectorRegistry()
        self.broker_url = broker_url
        self._programs = programs

    async def work(self) -> None:
        await run(
            settings=WorkerSettings(celery=CelerySettings(worker_concurrency=4), worker=WorkerOptions(name="tester")),
            bus=self.bus,
            clock=utc_now,
            new_id=new_id,
            stop=asyncio.Event(),
            registry=self.registry,
            open_children=self._children,
            celery_link=CeleryLink(self.broker_url, name="test"),
        )

    @asynccontextmanager
    async def _children(self, settings: TaskRunningSettings) -> AsyncGenerator[Children]:
        yield Children(self.launcher, LogStore())

    @property
    def sends_events(self) -> bool:
        """Somebody has enabled them."""
        labels = {"command": "enable_events", "result": "done"}
        return bool(self.registry.get_sample_value("tradewind_worker_celery_requests_total", labels))

    async def publish(self, number: int) -> None:
        await self.bus.publish("default", [task_message(queued(number))], mandatory=True)
        await poll_until(lambda: number in self.launcher.children)

    async def program(self, *arguments: str) -> str:
        """What it writes to its standard output."""
        process = await asyncio.create_subprocess_exec(
            self._programs / "python", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()

    async def tradewind(self, *arguments: str) -> tuple[int | None, str]:
        """Exit code and all that our command line says where Celery is installed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tradewind.cli", "celery", *arguments),
            env={**os.environ, **where_installed(self._programs, self.broker_url)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode, said.decode()

    async def celery(self, *arguments: str) -> Any:
        """The answers that `celery` shows with `--json`, by worker."""
        answers = json.loads(await self.program("-m", "celery", "-b", self.broker_url, *arguments, "--json"))
        return {name: answer for part in [answers] for name, answer in _items(part)}


def where_installed(programs: Path, broker_url: str) -> dict[str, str]:
    (packages,) = programs.parent.glob("lib/python*/site-packages")
    return {"PYTHONPATH": str(packages), "TRADEWIND__BROKER__URL": broker_url}


def _items(answers: Any) -> list[tuple[str, Any]]:
    """`inspect` prints an object, `control` a list of them."""
    return [item for part in (answers if isinstance(answers, list) else [answers]) for item in part.items()]  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - JSON


@asynccontextmanager
async def site(broker_url: str) -> AsyncGenerator[Site]:
    programs = await asyncio.to_thread(environment, "celery-tools", CELERY_TOOLS)
    async with open_bus(broker_url, name="test") as bus, asyncio.TaskGroup() as group:
        built = Site(bus, broker_url, programs)
        collecting = group.create_task(built.collector.run())
        working = group.create_task(built.work())
        await poll_until(lambda: bool(built.collector.beats))
        yield built
        working.cancel()
        collecting.cancel()


@asynccontextmanager
async def flower(site: Site, programs: Path, log: Path) -> AsyncGenerator[httpx.AsyncClient]:
    """As our command line starts it where it is installed."""
    (port,) = free_ports(1)
    environment = {
        **where_installed(programs, site.broker_url),
        "FLOWER_UNAUTHENTICATED_API": "true",
        "TRADEWIND__CELERY__FLOWER_PORT": str(port),
    }
    command = [sys.executable, "-m", "tradewind.cli", "celery", "flower"]
    process = ServerProcess(command, log=log, environment=environment)
    process.start()
    try:
        await asyncio.to_thread(process.wait_for_port, port, 120.0)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60.0) as client:
            yield client
    finally:
        await asyncio.to_thread(process.kill)


async def test_inspect_and_control_are_answered_and_a_celery_client_can_send(rabbitmq_url: str) -> None:
    async with site(rabbitmq_url) as here:
        only = ("-d", "tester", "--timeout", "10")  # ends with the answer
        command = json.dumps(queued(7).ti.command)
        await here.program("-c", SEND, rabbitmq_url, command, str(attempt(7)))
        await poll_until(lambda: 7 in here.launcher.children)
        await here.publish(1)
        questions = (
            ("inspect", "ping", "--timeout", "4"),
            ("inspect", "active", *only),
            ("inspect", "stats", *only),
            ("control", *only, "pool_grow", "2"),
        )
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(here.celery(*words), name=" ".join(words[:2])) for words in questions]
        pong, active, stats, grown = (task.result() for task in asked)
        (name,) = pong
        assert pong == {name: {"ok": "pong"}}
        assert {task["id"] for task in active[name]} == {str(attempt(7)), str(attempt(1))}
        assert stats[name]["total"] == {TASK_NAME: 2}
        assert grown == {name: {"ok": "pool will grow"}}
        await poll_until(lambda: here.collector.beats[-1].concurrency == 6)


@pytest.mark.full
async def test_our_command_line_says_from_which_queues_a_worker_takes(rabbitmq_url: str) -> None:
    async with site(rabbitmq_url) as here:
        name = here.collector.beats[-1].worker_id
        async with asyncio.TaskGroup() as group:
            adding = group.create_task(here.tradewind("add-queue", "-q", "big, fast", "-H", name), name="add-queue")
            missing = group.create_task(here.tradewind("remove-all-queues", "-H", "nobody"), name="of nobody")
        assert adding.result()[0] == 0, adding.result()
        assert missing.result() == (
            1,
            "no worker 'nobody' has answered: `tradewind celery list-workers` says which there are\n",
        )
        await poll_until(lambda: sorted(here.collector.beats[-1].queues) == ["big", "default", "fast"])
        assert (await here.tradewind("remove-queue", "-q", "big", "-H", name))[0] == 0
        await poll_until(lambda: sorted(here.collector.beats[-1].queues) == ["default", "fast"])
        code, said = await here.tradewind("remove-all-queues", "--celery-hostname", name)
        assert (code, said.count(name)) == (0, 2), said
        await poll_until(lambda: here.collector.beats[-1].queues == ())


async def test_flower_shows_workers_tasks_and_states_and_its_buttons_work(rabbitmq_url: str, tmp_path: Path) -> None:
    programs = await asyncio.to_thread(environment, "celery-tools", CELERY_TOOLS)
    async with site(rabbitmq_url) as here, flower(here, programs, tmp_path / "flower.log") as web:

        async def tasks() -> dict[str, str]:
            answer = (await web.get("/api/tasks")).json()
            return {task_id: task["state"] for task_id, task in answer.items()}

        async def worker_is_online() -> bool:
            return any((await web.get("/api/workers", params={"status": True})).json().values())

        await poll_until(worker_is_online, timeout=60.0)
        await poll_until(lambda: here.sends_events, timeout=60.0)  # flower asks for them after a few seconds
        await here.publish(1)
        here.launcher.children[1].finish()
        await here.publish(2)
        here.launcher.children[2].finish(Outcome.FAILED, EndCause.USER_ERROR, "ValueError: no")
        await here.publish(3)
        expected = {str(attempt(1)): "SUCCESS", str(attempt(2)): "FAILURE", str(attempt(3)): "STARTED"}

        async def all_are_shown() -> bool:
            return await tasks() == expected

        await poll_until(all_are_shown)
        described = dict[str, Any]()

        async def is_described() -> bool:
            described.update((await web.get("/api/workers", params={"refresh": True})).json())
            # What has not been answered within a second, flower leaves out until it is asked again.
            return bool(described) and all({"active_queues", "stats"} <= each.keys() for each in described.values())

        await poll_until(is_described)
        ((name, shown),) = described.items()
        assert [queue["name"] for queue in shown["active_queues"]] == ["default"]
        assert shown["stats"]["pool"]["max-concurrency"] == 4
        for page in ("/workers", f"/worker/{name}", "/tasks", f"/task/{attempt(2)}"):
            assert (await web.get(page)).status_code == 200, page
        failed = (await web.get(f"/api/task/info/{attempt(2)}")).json()
        assert (failed["exception"], failed["worker"]) == ("ValueError: no", name)
        assert "'task_2'" in failed["args"]
        for path, parameters in (
            (f"/api/task/revoke/{attempt(3)}", {"terminate": "true"}),
            (f"/api/worker/pool/grow/{name}", {"n": 2}),
            (f"/api/worker/queue/add-consumer/{name}", {"queue": "extra"}),
        ):
            assert (await web.post(path, params=parameters)).status_code == 200
        await poll_until(lambda: attempt(3) in here.collector.ended)
        expected[str(attempt(3))] = "REVOKED"
        await poll_until(all_are_shown)
        await poll_until(lambda: here.collector.beats[-1].queues == ("default", "extra"))
        refused = await web.post(f"/api/worker/pool/shrink/{name}", params={"n": 6})
        assert (refused.status_code, "6 slots -6 would be 0" in refused.text) == (403, True)
        assert (await web.post(f"/api/worker/shutdown/{name}")).status_code == 200
        await poll_until(lambda: here.collector.beats[-1].leaving)


@pytest.mark.parametrize("address", ["amqp://guest:guest@127.0.0.1:1/", "amqp://nobody:wrong@{host}/"])
async def test_a_broker_that_refuses_celerys_tools_disturbs_no_task(
    rabbitmq_url: str, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    host = rabbitmq_url.split("@")[1].split("/")[0]
    async with open_bus(rabbitmq_url, name="test") as bus, asyncio.TaskGroup() as group:
        here = Site(bus, address.format(host=host), Path(os.devnull))
        tasks = [group.create_task(here.collector.run()), group.create_task(here.work())]
        await poll_until(lambda: bool(here.collector.beats))
        await here.publish(1)
        await poll_until(lambda: "celery_control.interrupted" in capsys.readouterr().out)
        here.launcher.children[1].finish()
        await poll_until(lambda: attempt(1) in here.collector.ended)
        for task in tasks:
            task.cancel()


@pytest.mark.full
@pytest.mark.parametrize("fault", ["all queues deleted", "broker killed"])
async def test_celerys_tools_are_served_again_after(
    fault: str, mortal_rabbitmq: RabbitMQServer, capsys: pytest.CaptureFixture[str]
) -> None:
    broker_url = mortal_rabbitmq.new_url()
    async with site(broker_url) as here:
        await poll_until(lambda: "celery_control.ready" in capsys.readouterr().out)
        if fault == "broker killed":
            await asyncio.to_thread(mortal_rabbitmq.kill)
            await asyncio.to_thread(mortal_rabbitmq.start)
        else:
            await asyncio.to_thread(mortal_rabbitmq.delete_queues, broker_url, keep="none")
        await poll_until(lambda: "celery_control.ready" in capsys.readouterr().out, timeout=5.0)
        (answer,) = (await here.celery("inspect", "ping")).values()
        assert answer == {"ok": "pong"}
