"""The collector as it runs: on Postgres and RabbitMQ."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import msgspec
from prometheus_client import CollectorRegistry

from tests.polling import poll_until
from tests.queued_attempts import QueuedRun, WorkerVoice, finished, new_worker, queue_attempts
from tests.servers.postgres import PostgresServer
from tradewind.bus.open import open_bus
from tradewind.bus.port import Bus, Message, Queue
from tradewind.collector.service import run
from tradewind.collector.settings import CollectorSettings
from tradewind.core.states import TaskInstanceState
from tradewind.db.api.dags import NewDagRun, create_dag_run, get_trigger_target
from tradewind.db.pool import Database, open_pool
from tradewind.db.postgres.store import PostgresStore
from tradewind.service.clock import new_id, utc_now
from tradewind.service.environment import SecretStr
from tradewind.service.settings import ApiAuthSettings
from tradewind.wire.codec import decode, encode
from tradewind.wire.messages import ClaimReply, EndReply, HeartbeatReply, LogsGrew, TaskInstancesEnded
from tradewind.wire.queues import CLAIMS, DEAD_LETTER, ENDS, HEARTBEATS, LOG_NEWS, scheduler_queue

ReplyT = TypeVar("ReplyT")

SETTINGS = CollectorSettings(api_auth=ApiAuthSettings(jwt_secret=SecretStr("the secret")))


@dataclass
class Rig:
    """A running collector, and a connection that talks to it."""

    database: Database
    store: PostgresStore
    bus: Bus

    async def ask(self, queue: str, request: msgspec.Struct, kind: type[ReplyT]) -> ReplyT:
        reply = await self.bus.request(queue, Message(body=encode(request)), timeout_seconds=60)
        return decode(reply.body, kind)

    async def claimed(self, count: int, *, retries: int = 0) -> tuple[WorkerVoice, QueuedRun]:
        worker = new_worker()
        assert (await self.ask(HEARTBEATS, worker.heartbeat(1), HeartbeatReply)).verdict == "done"
        queued = await queue_attempts(self.store, self._create, count=count, retries=retries)
        reply = await self.ask(CLAIMS, worker.claim(queued, *range(count)), ClaimReply)
        assert [item.verdict for item in reply.items] == ["done"] * count
        return worker, queued

    async def states(self, queued: QueuedRun) -> list[TaskInstanceState]:
        (loaded,) = await self.store.load_dag_runs(queued.owner, [queued.id])
        return [row.state for row in loaded.task_instances]

    async def _create(self, dag_id: str, run_id: str, now: datetime) -> int:
        target = await get_trigger_target(self.database, dag_id)
        assert target is not None
        dag_run = NewDagRun(
            dag_id=dag_id,
            run_id=run_id,
            dag_version_id=target["version_id"],
            triggered_by="rest_api",
            triggering_user_name=None,
            logical_date=None,
            data_interval_start=None,
            data_interval_end=None,
            run_after=now,
            queued_at=now,
            conf={},
            note=None,
        )
        number = await create_dag_run(self.database, dag_run)
        assert number is not None
        return number


@asynccontextmanager
async def running(database: Database, broker_url: str) -> AsyncGenerator[Rig]:
    """A collector until the block is left."""
    stop, store = asyncio.Event(), PostgresStore(database)
    async with open_bus(broker_url) as own_bus, open_bus(broker_url) as bus, asyncio.TaskGroup() as group:
        service = run(
            settings=SETTINGS,
            bus=own_bus,
            store=store,
            clock=utc_now,
            new_id=new_id,
            stop=stop,
            registry=CollectorRegistry(),
        )
        group.create_task(service)
        for queue in (CLAIMS, ENDS, HEARTBEATS):
            await poll_until(lambda queue=queue: _exists(bus, queue))
        yield Rig(database, store, bus)
        stop.set()


async def _exists(bus: Bus, queue: str) -> bool:
    return await bus.depth(queue) is not None


async def test_claim_end_and_nudge(database: Database, rabbitmq_url: str) -> None:
    async with running(database, rabbitmq_url) as rig:
        worker, queued = await rig.claimed(3)
        owner_queue = Queue(name=scheduler_queue(queued.owner), exclusive=True)
        async with rig.bus.consume(owner_queue, prefetch=10, max_batch=10) as batches:
            ends = [finished(queued, number, xcoms=(("return_value", b"7"),)) for number in range(2)]
            reply = await rig.ask(ENDS, worker.report(*ends), EndReply)
            async with asyncio.timeout(60):
                (delivery,) = (await anext(batches)).deliveries
        nudge = decode(delivery.message.body, TaskInstancesEnded)
        assert [item.verdict for item in reply.items] == ["done", "done"]
        assert [(ref.dag_run_id, ref.task_id, ref.state) for ref in nudge.items] == [
            (queued.id, "task_0000", "success"),
            (queued.id, "task_0001", "success"),
        ]
        assert await rig.states(queued) == [
            TaskInstanceState.SUCCESS,
            TaskInstanceState.SUCCESS,
            TaskInstanceState.RUNNING,
        ]


async def test_only_logs_that_streamed_are_announced(database: Database, rabbitmq_url: str) -> None:
    async with running(database, rabbitmq_url) as rig:
        worker, queued = await rig.claimed(2)
        short, long = (finished(queued, place) for place in range(2))
        async with rig.bus.subscribe(LOG_NEWS) as news:
            for end in (short, msgspec.structs.replace(long, log_sequence=3)):
                await rig.ask(ENDS, worker.report(end), EndReply)
            async with asyncio.timeout(60):
                assert decode((await anext(news)).body, LogsGrew).keys == (long.key,)


async def test_two_hundred_claims_and_ends_in_one_request_each(database: Database, rabbitmq_url: str) -> None:
    async with running(database, rabbitmq_url) as rig:
        await rig.database.fetch("UPDATE parallelism SET slots = 0")
        await rig.database.fetch("UPDATE slot_pool SET slots = -1")
        worker, queued = await rig.claimed(200)
        ends = worker.report(*(finished(queued, number) for number in range(200)))
        for _ in range(2):
            reply = await rig.ask(ENDS, ends, EndReply)
            assert [item.verdict for item in reply.items] == ["done"] * 200
        assert await rig.states(queued) == [TaskInstanceState.SUCCESS] * 200


async def test_an_end_that_postgres_cannot_hold_fails_its_task_and_no_other(
    database: Database, rabbitmq_url: str
) -> None:
    async with running(database, rabbitmq_url) as rig:
        worker, queued = await rig.claimed(3)
        ends = [finished(queued, 0), finished(queued, 1, pid=2**40), finished(queued, 2)]
        reply = await rig.ask(ENDS, worker.report(*ends), EndReply)
        assert [item.verdict for item in reply.items] == ["done", "done", "done"]
        assert await rig.states(queued) == [
            TaskInstanceState.SUCCESS,
            TaskInstanceState.FAILED,
            TaskInstanceState.SUCCESS,
        ]


async def test_a_request_that_postgres_cannot_take_goes_aside(database: Database, rabbitmq_url: str) -> None:
    async with running(database, rabbitmq_url) as rig:
        worker, queued = await rig.claimed(1)
        garbled = replace(queued, dag_id="a\x00b")
        claim = await rig.ask(CLAIMS, worker.claim(garbled, 0), ClaimReply)
        end = await rig.ask(ENDS, worker.report(finished(garbled, 0)), EndReply)
        beat = await rig.ask(HEARTBEATS, replace(worker, worker_id="\x00").heartbeat(1), HeartbeatReply)
        assert (claim.items[0].verdict, end.items[0].verdict, beat.verdict) == ("superseded", "superseded", "retry")

        async def are_aside() -> bool:  # some of them are after their answers
            return await rig.bus.depth(DEAD_LETTER) == 3

        await poll_until(are_aside)
        assert (await rig.ask(ENDS, worker.report(finished(queued, 0)), EndReply)).items[0].verdict == "done"


async def test_an_error_text_with_a_nul_character_is_recorded(database: Database, rabbitmq_url: str) -> None:
    async with running(database, rabbitmq_url) as rig:
        worker, queued = await rig.claimed(1)
        end = finished(queued, 0, outcome="failed", cause="user_error", detail="a\x00b")
        reply = await rig.ask(ENDS, worker.report(end), EndReply)
        assert [item.verdict for item in reply.items] == ["done"]
        assert await rig.states(queued) == [TaskInstanceState.FAILED]


async def test_what_cannot_be_decoded_goes_aside(database: Database, rabbitmq_url: str) -> None:
    async with running(database, rabbitmq_url) as rig:
        await rig.bus.publish(ENDS, [Message(body=b"rubbish")])
        worker, queued = await rig.claimed(1)
        await rig.ask(ENDS, worker.report(finished(queued, 0)), EndReply)
        async with rig.bus.consume(Queue(name=DEAD_LETTER, durable=True), prefetch=1, max_batch=1) as letters:
            async with asyncio.timeout(60):
                (letter,) = (await anext(letters)).deliveries
        assert letter.message.body == b"rubbish"
        assert letter.message.headers["x-source-queue"] == ENDS


async def test_an_end_outlives_an_outage_of_postgres(mortal_postgres: PostgresServer, rabbitmq_url: str) -> None:
    with mortal_postgres.new_database() as url:
        async with open_pool(url, 4) as database, running(database, rabbitmq_url) as rig:
            worker, queued = await rig.claimed(1)
            report = worker.report(finished(queued, 0))
            await asyncio.to_thread(mortal_postgres.kill)
            reply = await rig.ask(ENDS, report, EndReply)
            assert [item.verdict for item in reply.items] == ["retry"]
            await asyncio.to_thread(mortal_postgres.start)

            async def is_done() -> bool:
                return (await rig.ask(ENDS, report, EndReply)).items[0].verdict == "done"

            await poll_until(is_done, 60)
            assert await rig.states(queued) == [TaskInstanceState.SUCCESS]
