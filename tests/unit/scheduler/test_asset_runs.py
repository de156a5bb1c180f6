"""Runs made by assets, by the scheduler's real loops in virtual time."""

from random import Random
from typing import Any

import msgspec
import pytest

from tests.dag_specs import dag, task
from tests.unit.scheduler.world import FlakyStore, World, in_world, now_and_then
from tradewind.bus.port import Message
from tradewind.core.spec import AssetRef, DagSpec
from tradewind.core.states import DagRunState, EndCause, Outcome
from tradewind.db.memory.tables import DagRunTableRow
from tradewind.wire.codec import encode
from tradewind.wire.messages import DagsChanged
from tradewind.wire.queues import EVENTS

ASSET = AssetRef(name="a", uri="s3://a")


def producer(**fields: Any) -> DagSpec:
    return dag(task("write", outlets=(ASSET,)), dag_id="producer", **fields)


def consumer(dag_id: str = "consumer", **fields: Any) -> DagSpec:
    condition = {"asset": {"name": ASSET.name, "uri": ASSET.uri, "group": ASSET.group}}
    values: dict[str, Any] = {"asset_condition": condition, "schedule_assets": (ASSET,)} | fields
    return dag(task("read"), dag_id=dag_id, **values)


def writes_asset(world: World, partition_key: str | None = None) -> None:
    """What `write` says of its asset from now on."""
    event = {"asset": {"name": ASSET.name, "uri": ASSET.uri}, "partition_key": partition_key}
    world.asset_events["write"] = [msgspec.json.encode(event)]


def made_by_assets(world: World) -> list[DagRunTableRow]:
    return [run for run in world.store.dag_runs if run.run_type == "asset_triggered"]


def events_used(world: World) -> list[int]:
    """Of all runs that assets made, every event that one of them was made by."""
    used = world.store.tables.assets.run_events
    return [event_id for run in made_by_assets(world) for event_id in used[run.id]]


async def until_used(world: World, events: int) -> None:
    """Wait until so many events have made runs, and these have ended well."""

    def is_done() -> bool:
        ended = all(run.state is DagRunState.SUCCESS for run in world.store.dag_runs)
        return ended and len(events_used(world)) >= events

    await world.until(is_done)


def test_a_consumer_runs_as_soon_as_its_asset_is_written() -> None:
    async def scenario(world: World) -> None:
        writes_asset(world)
        scheduler = world.start_scheduler(sweep_interval_seconds=1000.0)
        world.start_worker()
        await world.until_listening()
        await world.add_dag(producer())
        await world.add_dag(consumer())
        await world.trigger("producer")
        await world.until(lambda: bool(made_by_assets(world)), 30.0)
        await until_used(world, 1)
        (run,) = made_by_assets(world)
        assert run.start_date is not None
        assert (run.start_date - run.run_after).total_seconds() < 0.1
        assert scheduler.metric("asset_dag_runs_created_total") == 1.0
        assert scheduler.metric("asset_queues_found_total") == 0.0

    in_world(scenario)


def test_the_sweep_finds_what_no_message_told_of() -> None:
    async def scenario(world: World) -> None:
        writes_asset(world)
        world.tells_of_assets = False
        scheduler = world.start_scheduler()
        world.start_worker()
        await world.until_listening()
        await world.add_dag(producer())
        await world.add_dag(consumer())
        await world.trigger("producer")
        await until_used(world, 1)
        assert scheduler.metric("asset_queues_found_total") == 1.0

    in_world(scenario)


@pytest.mark.parametrize("seed", range(8))
def test_each_event_makes_one_run_whatever_fails(seed: int) -> None:
    async def scenario(world: World) -> None:
        assert isinstance(world.store, FlakyStore)
        writes_asset(world)
        world.store.failing = now_and_then(Random(seed), 0.2)
        for _ in range(3):
            world.start_scheduler()
        world.start_worker()
        await world.add_dag(producer())
        for name in ("c1", "c2"):
            await world.add_dag(consumer(name))
        for number in range(6):
            await world.trigger("producer", f"run{number}")
        await until_used(world, 12)
        used = [
            (run.dag_id, id_) for run in made_by_assets(world) for id_ in world.store.tables.assets.run_events[run.id]
        ]
        assert sorted(used) == [(dag_id, id_) for dag_id in ("c1", "c2") for id_ in range(1, 7)]

    in_world(scenario, store=FlakyStore(), seed=seed)


def test_max_active_runs_holds_back_and_the_end_of_a_run_lets_go() -> None:
    async def scenario(world: World) -> None:
        writes_asset(world)
        world.endings["read"] = [(Outcome.SUCCESS, EndCause.NONE, 5.0)] * 9
        world.start_scheduler(sweep_interval_seconds=1000.0)
        world.start_worker()
        await world.until_listening()
        await world.add_dag(producer())
        await world.add_dag(consumer(max_active_runs=1))
        for number in range(3):
            await world.trigger("producer", f"run{number}")
            await world.until(lambda: len(made_by_assets(world)) >= 1)
        await until_used(world, 3)
        first, *rest = made_by_assets(world)
        assert len(rest) == 1
        assert first.end_date is not None
        assert rest[0].start_date is not None
        assert 0 <= (rest[0].start_date - first.end_date).total_seconds() < 0.1

    in_world(scenario)


def test_unpausing_makes_the_run_at_once() -> None:
    async def scenario(world: World) -> None:
        writes_asset(world)
        world.start_scheduler(sweep_interval_seconds=1000.0)
        world.start_worker()
        await world.until_listening()
        await world.add_dag(producer())
        await world.add_dag(consumer(max_active_runs=0))
        await world.trigger("producer")
        await world.until(lambda: bool(world.store.tables.assets.queue.get("consumer")))
        await world.store.pause_dag("consumer", is_paused=True)
        await world.store.write_dag_file("consumer.py", "other", [consumer(max_active_runs=1)], world.now())
        await world.until_ended()
        assert made_by_assets(world) == []
        await world.store.pause_dag("consumer", is_paused=False)
        await world.bus.broadcast(EVENTS, Message(body=encode(DagsChanged(("consumer",)))))
        await until_used(world, 1)

    in_world(scenario)


def test_partitions_get_runs_of_their_own() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        world.start_worker()
        await world.until_listening()
        await world.add_dag(producer())
        mappers: dict[str, Any] = {"default": {"kind": "start_of_day"}, "by_asset": []}
        await world.add_dag(consumer(partition_mappers=mappers))
        for number, key in enumerate(("2030-01-01T05:00:00", "2030-01-02T05:00:00", "eu")):
            writes_asset(world, key)
            run = await world.trigger("producer", f"run{number}")
            await world.until_ended(run)
        await until_used(world, 2)
        assert [run.partition_key for run in made_by_assets(world)] == ["2030-01-01", "2030-01-02"]

    in_world(scenario)
