"""The scheduler as it runs: on Postgres and RabbitMQ, with a worker that only claims and ends."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from tests.dag_specs import dag, task
from tests.polling import poll_until
from tradewind.bus.open import open_bus
from tradewind.bus.port import Bus, Message, Queue
from tradewind.core.rows import AttemptEndRecord, Claim, EndAnswer, Verdict, WorkerBeat
from tradewind.core.spec import DagSpec
from tradewind.core.states import EndCause, Outcome
from tradewind.db.api.dags import NewDagRun, create_dag_run, get_trigger_target
from tradewind.db.pool import Database, Row
from tradewind.db.postgres.store import PostgresStore
from tradewind.scheduler.service import run
from tradewind.scheduler.settings import SchedulerLimits, SchedulerSettings
from tradewind.service.clock import new_id, utc_now
from tradewind.service.settings import LeaseSettings
from tradewind.wire.codec import decode, encode
from tradewind.wire.messages import (
    DagRunsCreated,
    DispatchBatch,
    QueuedTaskInstance,
    TaskInstanceRef,
    TaskInstancesEnded,
)
from tradewind.wire.queues import DISPATCH, RUNS, scheduler_queue

LEASE_SECONDS = 2.0
SETTINGS = SchedulerSettings(
    leases=LeaseSettings(lease_seconds=LEASE_SECONDS, heartbeat_seconds=0.2),
    scheduler=SchedulerLimits(sweep_interval_seconds=0.3, pending_after_seconds=0.5),
)


@dataclass
class Scheduler:
    task: "asyncio.Task[None]"
    stop: asyncio.Event
    registry: CollectorRegistry

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"tradewind_scheduler_{name}", labels) or 0.0


@dataclass
class Rig:
    """Everything around the schedulers."""

    group: asyncio.TaskGroup
    database: Database
    store: PostgresStore
    bus: Bus
    broker_url: str
    worker: UUID = field(default_factory=new_id)
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict[str, list[Outcome]])
    held: dict[UUID, Claim] = field(default_factory=dict[UUID, Claim])
    """Attempts that were granted and wait for `release`."""
    is_holding: bool = False

    def start(self) -> Scheduler:
        stop, registry = asyncio.Event(), CollectorRegistry()
        return Scheduler(self.group.create_task(self._schedule(stop, registry)), stop, registry)

    async def _schedule(self, stop: asyncio.Event, registry: CollectorRegistry) -> None:
        async with open_bus(self.broker_url) as bus:
            await run(
                settings=SETTINGS,
                bus=bus,
                store=self.store,
                clock=utc_now,
                new_id=new_id,
                stop=stop,
                registry=registry,
            )

    async def trigger(self, spec: DagSpec, run_id: str = "run") -> int:
        await self.store.write_dag_file(spec.relative_fileloc, "digest", [spec], utc_now())
        target = await get_trigger_target(self.database, spec.dag_id)
        assert target is not None
        now = utc_now()
        new_run = NewDagRun(
            dag_id=spec.dag_id,
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
        number = await create_dag_run(self.database, new_run)
        assert number is not None
        await self.bus.publish(RUNS, [Message(body=encode(DagRunsCreated(dag_ids=(spec.dag_id,))))])
        return number

    async def tick(self) -> None:
        """The collector's lease clock and the worker's heartbeat."""
        sequence, collector = 0, new_id()
        while True:
            sequence += 1
            await self.store.advance_lease_clock(collector, utc_now(), timedelta(seconds=LEASE_SECONDS))
            beat = WorkerBeat(
                worker_id="worker",
                incarnation=self.worker,
                hostname="host",
                pid=1,
                kind="celery",
                queues=("default",),
                concurrency=100,
                attempt_ids=tuple(self.held),
                sequence=sequence,
            )
            await self.store.record_beats([beat], utc_now())
            await asyncio.sleep(0.2)

    async def serve(self) -> None:
        async with self.bus.consume(Queue(name=DISPATCH), prefetch=1000, max_batch=1000) as batches:
            async for batch in batches:
                bodies = [decode(delivery.message.body, DispatchBatch) for delivery in batch.deliveries]
                await batch.ack()
                items = [item for body in bodies for item in body.items]
                for first in range(0, len(items), 100):
                    await self._execute(items[first : first + 100])

    async def _execute(self, items: Sequence[QueuedTaskInstance]) -> None:
        claims = {item.attempt_id: _claim(item, self.worker) for item in items}
        answers = await self.store.grant_claims(list(claims.values()), utc_now())
        for answer in answers:
            if answer.verdict is Verdict.DONE:
                self.held[answer.attempt_id] = claims[answer.attempt_id]
        if not self.is_holding:
            await self.release()

    async def release(self) -> None:
        """End every attempt that was granted."""
        claims = dict(self.held)
        answers = await self.store.record_ends([self._end(claim) for claim in claims.values()], utc_now())
        for attempt_id in claims:
            self.held.pop(attempt_id, None)
        await self._nudge(answers)

    def _end(self, claim: Claim) -> AttemptEndRecord:
        outcomes = self.outcomes.get(claim.task_id)
        outcome = outcomes.pop(0) if outcomes else Outcome.SUCCESS
        return AttemptEndRecord(
            dag_id=claim.dag_id,
            run_id=claim.run_id,
            task_id=claim.task_id,
            map_index=claim.map_index,
            attempt_id=claim.attempt_id,
            worker_id=claim.worker_id,
            incarnation=claim.incarnation,
            outcome=outcome,
            cause=EndCause.NONE if outcome is Outcome.SUCCESS else EndCause.USER_ERROR,
            detail=None,
            started_at=utc_now(),
            ended_at=utc_now(),
        )

    async def _nudge(self, answers: Sequence[EndAnswer]) -> None:
        by_owner: dict[UUID, list[TaskInstanceRef]] = {}
        for answer in answers:
            assert answer.verdict is Verdict.DONE
            assert answer.id is not None
            assert answer.state is not None
            if answer.owner is not None:
                ref = TaskInstanceRef(*answer.id, answer.attempt_id, answer.state, answer.next_action_at)
                by_owner.setdefault(answer.owner, []).append(ref)
        for owner, refs in by_owner.items():
            await self.bus.publish(
                scheduler_queue(owner), [Message(body=encode(TaskInstancesEnded(items=tuple(refs))))]
            )

    async def states(self, dag_run_id: int) -> dict[str, str]:
        rows: list[Row] = await self.database.fetch(
            "SELECT task_id, state FROM task_instance WHERE dag_run_id = $1", dag_run_id
        )
        return {row["task_id"]: row["state"] for row in rows}

    async def run_state(self, dag_run_id: int) -> str:
        return str(await self.database.fetch_value("SELECT state FROM dag_run WHERE id = $1", dag_run_id))

    async def until_ended(self, *dag_run_ids: int, timeout: float = 60.0) -> None:  # noqa: ASYNC109 - of the whole poll
        async def have_ended() -> bool:
            return all([await self.run_state(number) in ("success", "failed") for number in dag_run_ids])

        await poll_until(have_ended, timeout)

    async def assert_nothing_held(self) -> None:
        capacity = await self.store.load_capacity()
        assert [(pool.pool, pool.used) for pool in capacity.pools if pool.used] == []
        assert capacity.parallelism_used == 0
        assert await self.store.recount_slots() == {}


def _claim(item: QueuedTaskInstance, incarnation: UUID) -> Claim:
    key = item.ti.key
    return Claim(
        dag_id=key.dag_id,
        run_id=key.run_id,
        task_id=key.task_id,
        map_index=key.map_index,
        attempt_id=item.attempt_id,
        worker_id="worker",
        incarnation=incarnation,
        nonce=1,
    )


@asynccontextmanager
async def rig(database: Database, broker_url: str) -> AsyncGenerator[Rig]:
    async with open_bus(broker_url) as bus, asyncio.TaskGroup() as group:
        made = Rig(group, database, PostgresStore(database), bus, broker_url)
        background = [group.create_task(made.tick()), group.create_task(made.serve())]
        await poll_until(lambda: _has_beaten(made))
        yield made
        for each in background:
            each.cancel()


async def _has_beaten(made: Rig) -> bool:
    return bool(await made.database.fetch_value("SELECT count(*) FROM worker")) and bool(
        await made.bus.depth(DISPATCH) is not None
    )


def fan_out(width: int, dag_id: str = "dag") -> DagSpec:
    middle = [task(f"t{number:04d}", "root") for number in range(width)]
    return dag(
        task("root"),
        *middle,
        task("join", *(each.task_id for each in middle)),
        dag_id=dag_id,
        is_paused_upon_creation=False,
    )


async def test_two_schedulers_run_many_runs_to_their_ends(database: Database, rabbitmq_url: str) -> None:
    async with rig(database, rabbitmq_url) as made:
        schedulers = [made.start(), made.start()]
        specs = [fan_out(60, dag_id=f"dag_{number}") for number in range(4)]
        runs = [await made.trigger(spec) for spec in specs]
        await made.until_ended(*runs)
        assert [await made.run_state(number) for number in runs] == ["success"] * 4
        await made.assert_nothing_held()
        for scheduler in schedulers:
            assert scheduler.metric("sweep_found_total", thing="slot_drift") == 0
            scheduler.stop.set()


async def test_retries_and_rules_end_as_they_should(database: Database, rabbitmq_url: str) -> None:
    async with rig(database, rabbitmq_url) as made:
        scheduler = made.start()
        made.outcomes = {"flaky": [Outcome.FAILED], "bad": [Outcome.FAILED, Outcome.FAILED]}
        spec = dag(
            task("flaky", retries=1, retry_delay_seconds=0.2),
            task("bad", retries=1, retry_delay_seconds=0.2),
            task("after", "bad", "flaky"),
            task("last", "after", trigger_rule="all_done"),
            is_paused_upon_creation=False,
        )
        number = await made.trigger(spec)
        await made.until_ended(number)
        expected = {"flaky": "success", "bad": "failed", "after": "upstream_failed", "last": "success"}
        assert await made.states(number) == expected
        assert await made.run_state(number) == "success"
        scheduler.stop.set()


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_another_scheduler_goes_on_where_one_ended(how: str, database: Database, rabbitmq_url: str) -> None:
    async with rig(database, rabbitmq_url) as made:
        first = made.start()
        made.is_holding = True
        number = await made.trigger(fan_out(20))
        await poll_until(lambda: bool(made.held))
        if how == "killed":
            first.task.cancel()
        else:
            first.stop.set()
        await asyncio.wait([first.task])
        second = made.start()
        made.is_holding = False
        await made.release()
        await made.until_ended(number)
        assert await made.run_state(number) == "success"
        assert second.metric("sweep_found_total", thing="adopted_runs") == 1
        await made.assert_nothing_held()
        second.stop.set()
