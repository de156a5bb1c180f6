"""The collector's loops over the in-memory bus and store."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from tests.polling import poll_until
from tests.queued_attempts import QueuedRun, WorkerVoice, finished, new_worker, queue_attempts
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.port import Message, Queue
from tradewind.collector.service import run
from tradewind.collector.settings import CollectorLimits, CollectorSettings
from tradewind.core.errors import DomainError
from tradewind.core.rows import AttemptEndRecord, Claim, ClaimAnswer, EndAnswer
from tradewind.core.states import TaskInstanceState
from tradewind.db.memory.store import MemoryStore
from tradewind.db.store import StoreUnavailable
from tradewind.service.clock import new_id, utc_now
from tradewind.service.environment import SecretStr
from tradewind.service.settings import ApiAuthSettings
from tradewind.service.tokens import AttemptClaims, TokenSigner
from tradewind.wire.codec import decode, encode
from tradewind.wire.messages import (
    ClaimReply,
    EndReply,
    HeartbeatReply,
    KillAttempts,
    TaskInstanceRef,
    TaskInstancesEnded,
)
from tradewind.wire.queues import CLAIMS, DEAD_LETTER, ENDS, HEARTBEATS, scheduler_queue, worker_queue

ReplyT = TypeVar("ReplyT")

SETTINGS = CollectorSettings(
    api_auth=ApiAuthSettings(jwt_secret=SecretStr("the secret")), collector=CollectorLimits(lease_tick_seconds=0.02)
)


@dataclass
class Faults:
    """What the store does not do at the moment, and what it was asked."""

    is_away: bool = False
    claim_batches: list[int] = field(default_factory=list[int])
    end_batches: list[int] = field(default_factory=list[int])
    gate: asyncio.Event = field(default_factory=asyncio.Event)


class FaultyStore(MemoryStore):
    """The in-memory store, which may be away, and which holds no text with a NUL character, as Postgres."""

    def __init__(self) -> None:
        super().__init__()
        self.faults = Faults()
        self.faults.gate.set()

    async def grant_claims(self, claims: Sequence[Claim], now: datetime) -> Sequence[ClaimAnswer]:
        self.faults.claim_batches.append(len(claims))
        await self.faults.gate.wait()
        if self.faults.is_away:
            raise StoreUnavailable("away")
        if any("\x00" in claim.dag_id for claim in claims):
            raise DomainError("invalid byte sequence")
        return await super().grant_claims(claims, now)

    async def record_ends(self, ends: Sequence[AttemptEndRecord], now: datetime) -> Sequence[EndAnswer]:
        self.faults.end_batches.append(len(ends))
        await self.faults.gate.wait()
        if self.faults.is_away:
            raise StoreUnavailable("away")
        if any(b"\\u0000" in value for end in ends for _, value in end.xcoms):
            raise DomainError("unsupported Unicode escape sequence")
        return await super().record_ends(ends, now)


@dataclass
class Rig:
    """A running collector and one connection that talks to it."""

    store: FaultyStore
    broker: MemoryBroker
    bus: MemoryBus
    registry: CollectorRegistry

    async def ask(self, queue: str, request: msgspec.Struct, kind: type[ReplyT]) -> ReplyT:
        reply = await self.bus.request(queue, Message(body=encode(request)), timeout_seconds=5)
        return decode(reply.body, kind)

    async def queued(self, count: int = 1, *, retries: int = 0) -> QueuedRun:
        return await queue_attempts(self.store, self._create, count=count, retries=retries)

    async def _create(self, dag_id: str, run_id: str, now: datetime) -> int:
        return (await self.store.create_dag_run(dag_id=dag_id, run_id=run_id, now=now)).id

    async def registered(self) -> WorkerVoice:
        worker = new_worker()
        assert (await self.ask(HEARTBEATS, worker.heartbeat(1), HeartbeatReply)).verdict == "done"
        return worker

    async def claimed(self, count: int = 1, *, retries: int = 0) -> tuple[WorkerVoice, QueuedRun]:
        worker, run_ = await self.registered(), await self.queued(count, retries=retries)
        reply = await self.ask(CLAIMS, worker.claim(run_, *range(count)), ClaimReply)
        assert [item.verdict for item in reply.items] == ["done"] * count
        return worker, run_

    def states(self, run_: QueuedRun) -> list[TaskInstanceState]:
        return [row.state for row in self.store.task_instances(run_.id)]

    @asynccontextmanager
    async def listening(self, queue: str, kind: type[ReplyT]) -> AsyncGenerator[list[ReplyT]]:
        """What arrives in a queue meanwhile."""
        heard = list[ReplyT]()

        async def listen() -> None:
            async with self.bus.consume(Queue(name=queue), prefetch=100, max_batch=100) as batches:
                async for batch in batches:
                    heard.extend(decode(delivery.message.body, kind) for delivery in batch.deliveries)
                    await batch.ack()

        async with asyncio.TaskGroup() as group:
            task = group.create_task(listen())
            await poll_until(lambda: queue in self.broker.queue_depths)
            yield heard
            task.cancel()


@pytest.fixture
async def rig() -> AsyncGenerator[Rig]:
    broker, store, stop, registry = MemoryBroker(), FaultyStore(), asyncio.Event(), CollectorRegistry()
    await store.set_parallelism(0)
    await store.set_pool("default_pool", -1)
    bus = MemoryBus(broker)
    async with asyncio.TaskGroup() as group:
        service = run(
            settings=SETTINGS,
            bus=MemoryBus(broker),
            store=store,
            clock=utc_now,
            new_id=new_id,
            stop=stop,
            registry=registry,
        )
        group.create_task(service)
        await poll_until(lambda: all(queue in broker.queue_depths for queue in (CLAIMS, ENDS, HEARTBEATS)))
        yield Rig(store, broker, bus, registry)
        stop.set()


async def test_a_grant_carries_the_run_and_a_token_for_exactly_this_attempt(rig: Rig) -> None:
    worker, run_ = await rig.registered(), await rig.queued()
    reply = await rig.ask(CLAIMS, worker.claim(run_, 0), ClaimReply)
    grant = reply.items[0].grant
    assert grant is not None
    assert (grant.try_number, grant.relative_fileloc, grant.conf) == (1, f"{run_.dag_id}.py", b"{}")
    assert TokenSigner("the secret").verify_attempt_token(grant.token) == AttemptClaims(
        attempt_id=run_.attempt_ids[0],
        dag_id=run_.dag_id,
        run_id="run_1",
        task_id="task_0000",
        map_index=-1,
        try_number=1,
    )
    assert rig.states(run_) == [TaskInstanceState.RUNNING]


async def test_only_the_identical_claim_is_granted_again(rig: Rig) -> None:
    worker, run_ = await rig.claimed()
    other = await rig.registered()
    again = await rig.ask(CLAIMS, worker.claim(run_, 0), ClaimReply)
    another_nonce = await rig.ask(CLAIMS, worker.claim(run_, 0, nonce=2), ClaimReply)
    another_worker = await rig.ask(CLAIMS, other.claim(run_, 0), ClaimReply)
    assert [reply.items[0].verdict for reply in (again, another_nonce, another_worker)] == [
        "done",
        "superseded",
        "superseded",
    ]


async def test_claims_of_what_does_not_exist_are_superseded_and_unknown_workers_are_expired(rig: Rig) -> None:
    worker, run_ = await rig.registered(), await rig.queued()
    gone = QueuedRun(99, "no dag", "no run", new_id(), ("t",), (new_id(),))
    assert (await rig.ask(CLAIMS, worker.claim(gone, 0), ClaimReply)).items[0].verdict == "superseded"
    assert (await rig.ask(CLAIMS, new_worker().claim(run_, 0), ClaimReply)).items[0].verdict == "expired"


async def test_two_workers_that_claim_one_attempt_at_once_get_one_grant(rig: Rig) -> None:
    one, two, run_ = await rig.registered(), await rig.registered(), await rig.queued()
    requests = [Message(body=encode(worker.claim(run_, 0))) for worker in (one, two)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(rig.bus.request(CLAIMS, request, timeout_seconds=5)) for request in requests]
    verdicts = [decode(task.result().body, ClaimReply).items[0].verdict for task in tasks]
    assert sorted(verdicts) in (["done", "retry"], ["done", "superseded"])
    assert rig.states(run_) == [TaskInstanceState.RUNNING]


async def test_everything_that_arrives_during_a_transaction_is_the_next_one(rig: Rig) -> None:
    worker, run_ = await rig.registered(), await rig.queued(20)
    rig.store.faults.gate.clear()
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            request = Message(body=encode(worker.claim(run_, number)))
            group.create_task(rig.bus.request(CLAIMS, request, timeout_seconds=5))
        await poll_until(lambda: len(rig.store.faults.claim_batches) == 1)
        await poll_until(lambda: rig.broker.queue_depths[CLAIMS] == 0)
        rig.store.faults.gate.set()
    assert sum(rig.store.faults.claim_batches) == 20
    assert len(rig.store.faults.claim_batches) <= 2


async def test_an_end_is_committed_answered_and_told_to_the_owner(rig: Rig) -> None:
    worker, run_ = await rig.claimed(2)
    end = finished(run_, 0, xcoms=(("return_value", b"7"),), log=b"line\n")
    async with rig.listening(scheduler_queue(run_.owner), TaskInstancesEnded) as nudges:
        reply = await rig.ask(ENDS, worker.report(end), EndReply)
        await poll_until(lambda: len(nudges) == 1)
    assert [(item.attempt_id, item.verdict) for item in reply.items] == [(run_.attempt_ids[0], "done")]
    assert rig.states(run_) == [TaskInstanceState.SUCCESS, TaskInstanceState.RUNNING]
    ref = TaskInstanceRef(
        dag_run_id=run_.id,
        task_id="task_0000",
        map_index=-1,
        attempt_id=run_.attempt_ids[0],
        state="success",
    )
    assert nudges[0].items == (ref,)
    (row, _) = rig.store.task_instances(run_.id)
    assert rig.store.tables.xcoms[row.id, "return_value"] == b"7"


async def test_the_owner_hears_when_a_retry_is_due(rig: Rig) -> None:
    worker, run_ = await rig.claimed(retries=1)
    async with rig.listening(scheduler_queue(run_.owner), TaskInstancesEnded) as nudges:
        await rig.ask(ENDS, worker.report(finished(run_, 0, outcome="failed", cause="user_error")), EndReply)
        await poll_until(lambda: len(nudges) == 1)
    assert nudges[0].items[0].state == "up_for_retry"
    assert nudges[0].items[0].next_action_at is not None


async def test_a_report_that_comes_twice_is_answered_twice_and_written_once(rig: Rig) -> None:
    worker, run_ = await rig.claimed()
    report = worker.report(finished(run_, 0))
    replies = [await rig.ask(ENDS, report, EndReply) for _ in range(2)]
    assert [reply.items[0].verdict for reply in replies] == ["done", "done"]
    changes = [entry for entry in rig.store.journal if entry.to_state == "success"]
    assert len(changes) == 1


async def test_an_end_of_a_stale_attempt_is_superseded_and_writes_nothing(rig: Rig) -> None:
    _, run_ = await rig.claimed()
    stranger = await rig.registered()
    reply = await rig.ask(ENDS, stranger.report(finished(run_, 0)), EndReply)
    assert reply.items[0].verdict == "superseded"
    assert rig.states(run_) == [TaskInstanceState.RUNNING]


async def test_while_the_store_is_away_everybody_is_told_to_ask_again(rig: Rig) -> None:
    worker, run_ = await rig.claimed(2)
    rig.store.faults.is_away = True
    claim = await rig.ask(CLAIMS, worker.claim(run_, 0), ClaimReply)
    end = await rig.ask(ENDS, worker.report(finished(run_, 0), finished(run_, 1)), EndReply)
    assert [item.verdict for item in claim.items] == ["retry"]
    assert [item.verdict for item in end.items] == ["retry", "retry"]
    assert rig.broker.queue_depths[ENDS] == 0
    rig.store.faults.is_away = False
    end = await rig.ask(ENDS, worker.report(finished(run_, 0), finished(run_, 1)), EndReply)
    assert [item.verdict for item in end.items] == ["done", "done"]


async def test_a_result_that_cannot_be_stored_fails_its_task_and_no_other(rig: Rig) -> None:
    worker, run_ = await rig.claimed(3)
    ends = [finished(run_, number, xcoms=(("return_value", value),)) for number, value in enumerate(VALUES)]
    reply = await rig.ask(ENDS, worker.report(*ends), EndReply)
    assert [item.verdict for item in reply.items] == ["done", "done", "done"]
    assert rig.states(run_) == [TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SUCCESS]
    row = rig.store.task_instances(run_.id)[1]
    assert row.detail == "the result cannot be stored: unsupported Unicode escape sequence"


VALUES = (b'"good"', b'"\\u0000"', b'"good"')


@pytest.mark.parametrize("queue", [CLAIMS, ENDS, HEARTBEATS])
async def test_what_cannot_be_decoded_goes_aside_with_its_reason_and_the_queue_moves_on(rig: Rig, queue: str) -> None:
    await rig.bus.publish(queue, [Message(body=b"\xffrubbish")])
    worker = await rig.registered()
    run_ = await rig.queued()
    assert (await rig.ask(CLAIMS, worker.claim(run_, 0), ClaimReply)).items[0].verdict == "done"
    assert (await rig.ask(ENDS, worker.report(finished(run_, 0)), EndReply)).items[0].verdict == "done"
    async with rig.bus.consume(Queue(name=DEAD_LETTER, durable=True), prefetch=1, max_batch=1) as letters:
        (letter,) = (await anext(letters)).deliveries
    assert letter.message.body == b"\xffrubbish"
    assert letter.message.headers["x-source-queue"] == queue
    assert "not a " in str(letter.message.headers["x-reason"])


async def test_an_outcome_that_nobody_knows_goes_aside_and_its_worker_lets_go(rig: Rig) -> None:
    worker, run_ = await rig.claimed()
    reply = await rig.ask(ENDS, worker.report(finished(run_, 0, outcome="sublime")), EndReply)
    assert reply.items[0].verdict == "superseded"
    assert rig.broker.queue_depths[DEAD_LETTER] == 1
    assert rig.states(run_) == [TaskInstanceState.RUNNING]


async def test_a_claim_that_the_store_cannot_take_is_refused_and_blocks_no_other(rig: Rig) -> None:
    worker, run_ = await rig.registered(), await rig.queued()
    garbled = QueuedRun(1, "a\x00b", "r", new_id(), ("t",), (new_id(),))
    rig.store.faults.gate.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(rig.ask(CLAIMS, worker.claim(await rig.queued(), 0), ClaimReply))
        await poll_until(lambda: len(rig.store.faults.claim_batches) == 1)
        asked = [group.create_task(rig.ask(CLAIMS, worker.claim(r, 0), ClaimReply)) for r in (garbled, run_)]
        await poll_until(lambda: rig.broker.queue_depths[CLAIMS] == 0)
        rig.store.faults.gate.set()
    assert [task.result().items[0].verdict for task in (first, *asked)] == ["done", "superseded", "done"]
    assert rig.broker.queue_depths[DEAD_LETTER] == 1


async def test_an_attempt_that_is_not_the_workers_is_to_be_killed_by_reply_and_by_push(rig: Rig) -> None:
    worker, run_ = await rig.claimed()
    stranger = new_id()
    async with rig.listening(worker_queue(worker.worker_id), KillAttempts) as pushes:
        reply = await rig.ask(HEARTBEATS, worker.heartbeat(2, [run_.attempt_ids[0], stranger]), HeartbeatReply)
        await poll_until(lambda: len(pushes) == 1)
    assert reply.kill == (stranger,)
    assert pushes[0].attempts == (stranger,)


async def test_a_lost_grant_is_told_to_the_owner(rig: Rig) -> None:
    worker, run_ = await rig.claimed(retries=1)
    rig.store.tables.lease_clock.tick += 11
    async with rig.listening(scheduler_queue(run_.owner), TaskInstancesEnded) as nudges:
        for sequence in (2, 3):
            await rig.ask(HEARTBEATS, worker.heartbeat(sequence), HeartbeatReply)
        await poll_until(lambda: len(nudges) == 1)
    assert nudges[0].items[0].attempt_id == run_.attempt_ids[0]


async def test_of_many_beats_in_one_batch_each_is_answered(rig: Rig) -> None:
    workers = [new_worker() for _ in range(5)]
    beats = [worker.heartbeat(sequence) for worker in workers for sequence in (1, 2)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(rig.ask(HEARTBEATS, beat, HeartbeatReply)) for beat in beats]
    assert [task.result().verdict for task in tasks] == ["done"] * 10
    assert [row.sequence for row in rig.store.tables.workers.values()] == [2] * 5


async def test_the_lease_clock_ticks_while_the_broker_is_there_and_stands_while_it_is_not(rig: Rig) -> None:
    def skipped() -> float:
        return rig.registry.get_sample_value("tradewind_collector_lease_clock_skipped_total") or 0.0

    await poll_until(lambda: rig.store.tables.lease_clock.tick > 0)
    rig.broker.stop()
    before = skipped()
    await poll_until(lambda: skipped() >= before + 2)
    tick = rig.store.tables.lease_clock.tick
    await poll_until(lambda: skipped() >= before + 3)
    assert rig.store.tables.lease_clock.tick == tick
    rig.broker.start()
    await poll_until(lambda: rig.store.tables.lease_clock.tick > tick)


async def test_the_collector_outlives_its_broker(rig: Rig) -> None:
    worker, run_ = await rig.claimed()
    rig.broker.stop()
    rig.broker.start()
    reply = await rig.ask(ENDS, worker.report(finished(run_, 0)), EndReply)
    assert reply.items[0].verdict == "done"


async def test_a_batch_that_was_taken_is_answered_before_the_collector_stops() -> None:
    broker, store, stop = MemoryBroker(), FaultyStore(), asyncio.Event()
    bus = MemoryBus(broker)
    service = run(
        settings=SETTINGS,
        bus=MemoryBus(broker),
        store=store,
        clock=utc_now,
        new_id=new_id,
        stop=stop,
        registry=CollectorRegistry(),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(service)
        await poll_until(lambda: CLAIMS in broker.queue_depths)
        store.faults.gate.clear()
        request = Message(body=encode(new_worker().claim(_no_run(), 0)))
        asked = group.create_task(bus.request(CLAIMS, request, timeout_seconds=5))
        await poll_until(lambda: len(store.faults.claim_batches) == 1)
        stop.set()
        await asyncio.sleep(0)
        store.faults.gate.set()
    assert decode(asked.result().body, ClaimReply).items[0].verdict == "expired"


def _no_run() -> QueuedRun:
    return QueuedRun(1, "d", "r", UUID(int=1), ("t",), (UUID(int=2),))
