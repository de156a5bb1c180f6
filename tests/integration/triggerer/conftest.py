"""A triggerer with real children, over the in-memory store and bus."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from tests.polling import poll_until
from tests.store_driver import Driver, MemoryBackdoor, acknowledged
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.port import Queue
from tradewind.core.rows import DagRunRow, DeferralRecord, EndEffectsRecord, TaskInstanceId
from tradewind.core.spec import TaskSpec
from tradewind.core.states import EndCause, Outcome
from tradewind.db.memory.store import MemoryStore
from tradewind.db.memory.tables import TaskInstanceTableRow
from tradewind.sdk import serde
from tradewind.service.clock import new_id, utc_now
from tradewind.service.environment import SecretStr
from tradewind.service.settings import ApiAuthSettings, CoreSettings
from tradewind.triggerer.service import run
from tradewind.triggerer.settings import TriggererGroup, TriggererSettings
from tradewind.wire.codec import decode
from tradewind.wire.messages import TaskInstancesEnded
from tradewind.wire.queues import scheduler_queue

TRIGGERS = """
import asyncio, os, signal, time
from pathlib import Path
from tradewind.sdk.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

class Base(BaseTrigger):
    def __init__(self, **kwargs):
        super().__init__()
        self.arguments = kwargs
        for name, value in kwargs.items():
            setattr(self, name, value)
    def serialize(self):
        return f"the_triggers.{type(self).__name__}", self.arguments
    def note(self, text):
        with Path(self.notes).open("a") as file:
            file.write(text + "\\n")

class Fire(Base):
    async def run(self):
        yield TriggerEvent([self.event, os.getpid()])

class Wait(Base):
    async def run(self):
        self.note("runs")
        while not Path(self.path).exists():
            await asyncio.sleep(0.01)
        yield TriggerEvent(os.getpid())
    async def on_kill(self):
        await asyncio.sleep(0)
        self.note("killed")
    async def cleanup(self):
        self.note("cleaned up")

class Watch(BaseEventTrigger):
    def __init__(self, notes, fail=False):
        super().__init__()
        self.notes, self.fail = notes, fail
    def serialize(self):
        return "the_triggers.Watch", {"notes": self.notes}
    async def run(self):
        if self.fail:
            raise ValueError("cannot watch")
        for line in Path(self.notes).read_text().splitlines():
            yield TriggerEvent({"line": line})

class Block(Base):
    async def run(self):
        async def inner():
            while not Path(self.path).exists():
                time.sleep(0.01)
        await asyncio.create_task(inner())
        yield TriggerEvent(os.getpid())

class Die(Base):
    async def run(self):
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGKILL)
        yield None

class Odd(Base):
    async def run(self):
        return 5

class NoEvent(Base):
    async def run(self):
        yield "text"
"""


@dataclass
class Rig:
    """What the tests act upon."""

    folder: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    runs: int = 0
    api_url: str = "http://127.0.0.1:1"

    def __post_init__(self) -> None:
        self.driver = Driver(self.store, MemoryBackdoor(self.store))
        self.notes = self.folder / "notes"
        self.notes.touch()

    async def deferred(self, trigger: str, *, is_decided: bool = True, is_due: bool = False, **kwargs: Any) -> UUID:
        """A task instance of a run of its own that waits for this trigger; returns the attempt."""
        self.runs += 1
        run_: DagRunRow = await self.driver.started_run(TaskSpec(task_id="task"), dag_id=f"dag_{self.runs}")
        attempt = await self.driver.running(run_, "task")
        deferral = DeferralRecord(
            classpath=trigger if "." in trigger else f"the_triggers.{trigger}",
            kwargs=serde.to_json(kwargs),
            next_method="go_on",
            next_kwargs=b"{}",
            timeout_at=utc_now() if is_due else None,
        )
        effects = EndEffectsRecord(deferral=deferral)
        await self.driver.end(run_, "task", attempt, outcome=Outcome.DEFERRED, cause=EndCause.NONE, effects=effects)
        if is_decided:
            await self.decide(attempt)
        return attempt

    async def decide(self, attempt: UUID) -> None:
        """The run's owner decides upon the deferral."""
        row = self.row(attempt)
        run_ = await self.driver.run(row.id.dag_run_id)
        await self.driver.commit(run_, acknowledged=[acknowledged(row.id, attempt)])

    def row(self, attempt: UUID) -> TaskInstanceTableRow:
        """The task instance of the attempt."""
        id_: TaskInstanceId = self.store.tables.attempts[attempt]
        return next(row for row in self.store.task_instances(id_.dag_run_id) if row.id == id_)

    async def event(self, attempt: UUID) -> Any:
        """What the task goes on with; its trigger's failure if it failed."""
        row = self.row(attempt)
        await poll_until(lambda: row.state == "scheduled")
        arguments: dict[str, Any] = serde.from_json(row.next_kwargs or b"{}")
        return arguments.get("event", "\n".join(arguments.get("traceback", [])))

    @asynccontextmanager
    async def triggerer(self, registry: CollectorRegistry | None = None, **settings: Any) -> AsyncGenerator[None]:
        """A running triggerer."""
        stop = asyncio.Event()
        values: dict[str, Any] = {"sweep_interval_seconds": 0.05} | settings
        service = run(
            settings=TriggererSettings(
                home=self.folder,
                core=CoreSettings(dags_folder=self.folder / "dags", execution_api_server_url=self.api_url),
                api_auth=ApiAuthSettings(jwt_secret=SecretStr("the secret")),
                triggerer=TriggererGroup(**values),
            ),
            bus=MemoryBus(self.broker),
            store=self.store,
            clock=utc_now,
            new_id=new_id,
            stop=stop,
            registry=registry or CollectorRegistry(),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(service, name="triggerer")
            try:
                yield
            finally:
                stop.set()

    @asynccontextmanager
    async def owner(self) -> AsyncGenerator[list[TaskInstancesEnded]]:
        """What the runs' owner is told meanwhile."""
        heard = list[TaskInstancesEnded]()
        queue = Queue(name=scheduler_queue(self.driver.scheduler_id), exclusive=True)

        async def listen() -> None:
            async with MemoryBus(self.broker).consume(queue, prefetch=100, max_batch=100) as batches:
                async for batch in batches:
                    heard.extend(decode(each.message.body, TaskInstancesEnded) for each in batch.deliveries)
                    await batch.ack()

        async with asyncio.TaskGroup() as group:
            task = group.create_task(listen(), name="owner")
            await poll_until(lambda: queue.name in self.broker.queue_depths)
            yield heard
            task.cancel()


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "the_triggers.py").write_text(TRIGGERS)
    rig = Rig(tmp_path)
    await rig.store.set_parallelism(0)
    return rig
