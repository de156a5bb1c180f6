"""Assets on both stores: references, events, and the runs that they make."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.store_driver import START, AssetRunRow, Driver, postgres_driver
from tradewind.core.rows import AttemptEndRecord, EndAnswer, EndEffectsRecord
from tradewind.core.spec import AssetRef, TaskSpec
from tradewind.core.states import EndCause, Outcome
from tradewind.db.pool import Database
from tradewind.db.postgres.store import PostgresStore

A, B = AssetRef(name="a", uri="s3://a"), AssetRef(name="b", uri="s3://b")
TASK = TaskSpec(task_id="task")


def _asset(ref: AssetRef) -> dict[str, Any]:
    return {"asset": {"name": ref.name, "uri": ref.uri, "group": ref.group}}


async def _consumer(
    driver: Driver, *refs: AssetRef, word: str = "all", dag_id: str = "consumer", **fields: Any
) -> None:
    parts = [
        {"alias": {"name": ref.name, "group": ref.group}}
        if ref.kind == "alias"
        else {"asset_ref": {"name": ref.name}}
        if ref.kind == "name_ref"
        else _asset(ref)
        for ref in refs
    ]
    await driver.write_dag(TASK, dag_id=dag_id, asset_condition={word: parts}, schedule_assets=refs, **fields)


async def _produce(driver: Driver, *events: dict[str, Any], run: str = "r1", **end: Any) -> EndAnswer:
    """The task of a DAG with outlets ends with these events; time goes on by a second."""
    outlets = (A, B, AssetRef(kind="alias", name="al"))
    started = await driver.started_run(TaskSpec(task_id="task", outlets=outlets), dag_id="producer", run_id=run)
    attempt = await driver.running(started)
    effects = EndEffectsRecord(asset_events=tuple(msgspec.json.encode(event) for event in events))
    answer = await driver.end(started, "task", attempt, effects=effects, **end)
    driver.now += timedelta(seconds=1)
    return answer


def _event(ref: AssetRef, extra: int = 0, **fields: Any) -> dict[str, Any]:
    return {"asset": {"name": ref.name, "uri": ref.uri}, "extra": {"n": extra}, **fields}


async def _made(driver: Driver, dag_id: str = "consumer") -> int:
    return (await driver.store.create_asset_runs(dag_id, driver.now)).made


def _numbers(runs: Sequence[AssetRunRow]) -> list[list[int]]:
    return [[extra["n"] for extra in run.extras] for run in runs]


async def test_a_run_is_made_once_all_assets_have_events(driver: Driver) -> None:
    await _consumer(driver, A, B)
    first = await _produce(driver, _event(A, 1))
    assert first.asset_dag_ids == ("consumer",)
    assert await _made(driver) == 0
    await _produce(driver, _event(A, 2), _event(B, 3), run="r2")
    assert [await _made(driver), await _made(driver)] == [1, 0]
    (run,) = await driver.inside.asset_runs("consumer")
    assert _numbers([run]) == [[1, 2, 3]]
    assert run.run_after == START + timedelta(seconds=1)
    assert run.run_id.startswith("asset_triggered__2030-01-01T12:00:01+00:00_")


async def test_only_success_tells_of_assets(driver: Driver) -> None:
    await _consumer(driver, A)
    answer = await _produce(driver, _event(A), outcome=Outcome.FAILED, cause=EndCause.USER_ERROR)
    assert answer.asset_dag_ids == ()
    assert await _made(driver) == 0


async def test_a_replayed_end_brings_its_events_once(driver: Driver) -> None:
    await _consumer(driver, A, word="any")
    run = await driver.started_run(TaskSpec(task_id="task", outlets=(A,)), dag_id="producer")
    attempt = await driver.running(run)
    effects = EndEffectsRecord(asset_events=(msgspec.json.encode(_event(A, 1)),))
    for _ in range(3):
        await driver.end(run, "task", attempt, effects=effects)
    assert [await _made(driver), await _made(driver)] == [1, 0]
    assert _numbers(await driver.inside.asset_runs("consumer")) == [[1]]


async def test_paused_dags_are_not_woken_but_see_what_they_missed(driver: Driver) -> None:
    await _consumer(driver, A)
    await driver.inside.pause("consumer", is_paused=True)
    driver.now += timedelta(seconds=1)
    assert (await _produce(driver, _event(A, 1))).asset_dag_ids == ()
    await driver.inside.pause("consumer", is_paused=False)
    assert await _made(driver) == 0
    await _produce(driver, _event(A, 2), run="r2")
    await driver.inside.pause("consumer", is_paused=True)
    assert await _made(driver) == 0
    assert await driver.store.asset_dag_ids(driver.now, "", 10) == []
    await driver.inside.pause("consumer", is_paused=False)
    assert await driver.store.asset_dag_ids(driver.now, "", 10) == ["consumer"]
    assert await _made(driver) == 1
    assert _numbers(await driver.inside.asset_runs("consumer")) == [[1, 2]]


@pytest.mark.parametrize(("catchup", "expected"), [(False, [[2]]), (True, [[1, 2]])])
async def test_events_from_before_the_dag_count_with_catchup(
    driver: Driver, catchup: bool, expected: list[list[int]]
) -> None:
    await _produce(driver, _event(A, 1))
    await _consumer(driver, A, catchup=catchup)
    driver.now += timedelta(seconds=1)
    await _produce(driver, _event(A, 2), run="r2")
    assert await _made(driver) == 1
    assert _numbers(await driver.inside.asset_runs("consumer")) == expected


async def test_max_active_runs_holds_events_back(driver: Driver) -> None:
    await _consumer(driver, A, max_active_runs=1)
    await _produce(driver, _event(A, 1))
    assert await _made(driver) == 1
    await _produce(driver, _event(A, 2), run="r2")
    await _produce(driver, _event(A, 3), run="r3")
    held = await driver.store.create_asset_runs("consumer", driver.now)
    assert (held.made, held.waits_for_room) == (0, True)
    assert await driver.store.asset_dag_ids(driver.now, "", 10) == []
    await _consumer(driver, A, max_active_runs=2)
    assert await driver.store.asset_dag_ids(driver.now, "", 10) == ["consumer"]
    assert await _made(driver) == 1
    assert _numbers(await driver.inside.asset_runs("consumer")) == [[1], [2, 3]]


async def test_aliases_stand_for_what_tasks_name(driver: Driver) -> None:
    alias, found = AssetRef(kind="alias", name="al"), AssetRef(name="found", uri="s3://found")
    await _consumer(driver, alias)
    await _consumer(driver, found, dag_id="direct")
    answer = await _produce(driver, _event(found, 1, aliases=["al"]))
    assert answer.asset_dag_ids == ("consumer", "direct")
    assert [await _made(driver), await _made(driver, "direct")] == [1, 1]
    new = AssetRef(name="new", uri="s3://new")
    assert (await _produce(driver, _event(new, 2, aliases=["al", "other"]), run="r2")).asset_dag_ids == ("consumer",)
    assert ("new", "s3://new") in await driver.inside.active_assets()
    assert (await _produce(driver, _event(found, 3), run="r3")).asset_dag_ids == ("direct",)
    assert await _made(driver) == 1
    assert _numbers(await driver.inside.asset_runs("consumer")) == [[1], [2]]


async def test_references_by_name_and_uri(driver: Driver) -> None:
    await _consumer(driver, AssetRef(kind="name_ref", name="a", group=""))
    await _produce(driver, {"asset": {"uri": "s3://a"}, "extra": {"n": 1}})
    assert await _made(driver) == 1
    await _produce(driver, {"asset": {"name": "a"}, "extra": {"n": 2}}, run="r2")
    assert await _made(driver) == 1
    assert _numbers(await driver.inside.asset_runs("consumer")) == [[1], [2]]


async def test_events_of_unknown_assets_are_passed_over(driver: Driver) -> None:
    answer = await _produce(driver, _event(AssetRef(name="x", uri="s3://x")), _event(A))
    assert (answer.verdict, answer.asset_dag_ids) == ("done", ())


async def test_assets_are_active_while_something_refers_to_them(driver: Driver) -> None:
    await _consumer(driver, A, B)
    assert await driver.inside.active_assets() == [("a", "s3://a"), ("b", "s3://b")]
    await _consumer(driver, A, AssetRef(name="a", uri="s3://elsewhere"), AssetRef(name="c", uri="s3://a"))
    assert await driver.inside.active_assets() == [("a", "s3://a")]
    await driver.write_dag(TaskSpec(task_id="t", outlets=(AssetRef(name="a", uri="s3://elsewhere"),)), dag_id="writer")
    assert await driver.inside.active_assets() == [("a", "s3://elsewhere")]
    await driver.store.retire_dag_files([], driver.now)
    assert await driver.inside.active_assets() == []


async def test_a_dag_that_no_longer_waits_has_its_queue_emptied(driver: Driver) -> None:
    await _consumer(driver, A)
    await _produce(driver, _event(A))
    await driver.write_dag(TASK, dag_id="consumer")
    assert await _made(driver) == 0
    assert await driver.store.asset_dag_ids(driver.now, "", 10) == []


async def test_the_sweep_goes_through_dags_in_order(driver: Driver) -> None:
    for dag_id in ("c3", "c1", "c2"):
        await _consumer(driver, A, B, dag_id=dag_id)
    await _produce(driver, _event(A))
    assert await driver.store.asset_dag_ids(driver.now, "", 2) == ["c1", "c2"]
    assert await driver.store.asset_dag_ids(driver.now, "c2", 2) == ["c3"]
    assert await driver.store.asset_dag_ids(START, "", 2) == []


async def test_a_queue_is_looked_at_again_when_something_has_changed(driver: Driver) -> None:
    await _consumer(driver, A, B)
    await _produce(driver, _event(A, 1))
    assert await driver.store.asset_dag_ids(driver.now, "", 10) == ["consumer"]
    assert await _made(driver) == 0
    assert await driver.store.asset_dag_ids(driver.now, "", 10) == []
    await _produce(driver, _event(A, 2), run="r2")
    assert await driver.store.asset_dag_ids(driver.now, "", 10) == ["consumer"]
    assert await _made(driver) == 0
    await _consumer(driver, A, B, word="any")
    assert await driver.store.asset_dag_ids(driver.now, "", 10) == ["consumer"]
    assert await _made(driver) == 1


HOURLY: dict[str, Any] = {"default": {"kind": "start_of_hour"}, "by_asset": []}
DAILY: dict[str, Any] = {
    "default": {
        "kind": "rollup",
        "upstream_mapper": {"kind": "start_of_day"},
        "window": {"kind": "day"},
        "minimum_count": 2,
    },
    "by_asset": [],
}


async def test_partitions_wait_for_each_asset(driver: Driver) -> None:
    await _consumer(driver, A, B, partition_mappers=HOURLY)
    await _consumer(driver, A, dag_id="plain")
    first = await _produce(
        driver,
        _event(A, 1, partition_key="2030-01-01T05:10:00"),
        _event(A, 2, partition_key="2030-01-01T06:00:00"),
    )
    assert first.asset_dag_ids == ("consumer",)
    assert await _made(driver) == 0
    await _produce(driver, _event(B, 3, partition_key="2030-01-01T05:50:00"), _event(B, 4), run="r2")
    assert [await _made(driver), await _made(driver)] == [1, 0]
    (run,) = await driver.inside.asset_runs("consumer")
    assert (run.partition_key, run.partition_date) == ("2030-01-01T05", datetime(2030, 1, 1, 5, tzinfo=UTC))
    assert _numbers([run]) == [[1, 3]]


async def test_rollups_count_keys_of_their_window(driver: Driver) -> None:
    await _consumer(driver, A, partition_mappers=DAILY)
    keys = ("2030-01-01T05:00:00", "2030-01-01T05:00:00", "2030-01-01T05:30:00", "2030-01-01T06:00:00")
    made: list[int] = []
    for number, key in enumerate(keys):
        await _produce(driver, _event(A, number, partition_key=key), run=f"r{number}")
        made.append(await _made(driver))
    assert made == [0, 0, 0, 1]
    (run,) = await driver.inside.asset_runs("consumer")
    assert (run.partition_key, _numbers([run])) == ("2030-01-01", [[0, 1, 2, 3]])


async def test_keys_that_cannot_be_mapped_are_refused(driver: Driver) -> None:
    await _consumer(driver, A, partition_mappers=HOURLY)
    await _produce(driver, _event(A, 1, partition_key="us"), _event(A, 2, partition_key="2030-01-01T05:00:00"))
    runs = await driver.store.create_asset_runs("consumer", driver.now)
    assert (runs.made, len(runs.refused), runs.has_more) == (1, 1, False)
    assert "us" in runs.refused[0][1]


async def test_other_mappers_make_partitions_void(driver: Driver) -> None:
    await _consumer(driver, A, B, partition_mappers=HOURLY)
    await _produce(driver, _event(A, 1, partition_key="2030-01-01T05:00:00"))
    assert await _made(driver) == 0
    identity: dict[str, Any] = {"default": {"kind": "identity"}, "by_asset": []}
    await _consumer(driver, A, B, partition_mappers=identity)
    await _produce(driver, _event(B, 2, partition_key="2030-01-01T05"), run="r2")
    assert await _made(driver) == 0
    await _produce(driver, _event(A, 3, partition_key="2030-01-01T05"), run="r3")
    assert await _made(driver) == 1
    assert _numbers(await driver.inside.asset_runs("consumer")) == [[2, 3]]


async def test_concurrent_schedulers_make_each_run_once(database: Database) -> None:
    driver = postgres_driver(database)
    rivals = [PostgresStore(database) for _ in range(4)]
    await _consumer(driver, A, word="any", max_active_runs=1000)
    await _consumer(driver, A, B, dag_id="both", max_active_runs=1000)
    for number in range(8):
        await _produce(driver, _event(A if number % 2 else B, number), _event(A, 100 + number), run=f"r{number}")
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(rival.create_asset_runs(dag_id, driver.now), name=f"{dag_id} {place}")
                for dag_id in ("consumer", "both")
                for place, rival in enumerate(rivals)
            ]
        made = [task.result().made for task in asked]
        assert (sum(made[:4]), sum(made[4:])) == (1, 1 - number % 2)
    for dag_id in ("consumer", "both"):
        used = [extra for numbers in _numbers(await driver.inside.asset_runs(dag_id)) for extra in numbers]
        assert len(used) == len(dict.fromkeys(used))
    assert len(await driver.inside.asset_runs("both")) == 4


async def test_events_that_are_written_meanwhile_are_never_lost(database: Database) -> None:
    driver = postgres_driver(database)
    await _consumer(driver, A, max_active_runs=1000)
    writers, schedulers = [PostgresStore(database) for _ in range(3)], [PostgresStore(database) for _ in range(3)]
    ends: list[AttemptEndRecord] = []
    for number in range(24):
        task = TaskSpec(task_id="task", outlets=(A,))
        run = await driver.started_run(task, dag_id="producer", run_id=f"r{number}", max_active_runs=100)
        effects = EndEffectsRecord(asset_events=(msgspec.json.encode(_event(A, number)),))
        ends.append(driver.end_of(run, "task", await driver.running(run), effects=effects))

    async def write(place: int) -> None:
        for end in ends[place::3]:
            await writers[place].record_ends([end], driver.now + timedelta(microseconds=ends.index(end)))

    async def make(scheduler: PostgresStore) -> None:
        for _ in range(12):
            await scheduler.create_asset_runs("consumer", driver.now)

    async with asyncio.TaskGroup() as group:
        for place, scheduler in enumerate(schedulers):
            group.create_task(write(place), name=f"writer {place}")
            group.create_task(make(scheduler), name=f"scheduler {place}")
    await schedulers[0].create_asset_runs("consumer", driver.now)
    used = [extra for numbers in _numbers(await driver.inside.asset_runs("consumer")) for extra in numbers]
    assert sorted(used) == list(range(24))
