"""Events that an author's own partition mapper is asked about: on both stores."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tests.store_driver import Driver
from tradewind.core.assets import ASKED_EVENTS_MAX, AssetRuns
from tradewind.core.dag_requests import DagRequest, RequestKind
from tradewind.core.partitions.asked import AskedEvent, AskedEvents, MappedEvent, MappedKey
from tradewind.core.rows import EndEffectsRecord
from tradewind.core.spec import AssetRef, TaskSpec

A, B = AssetRef(name="a", uri="s3://a"), AssetRef(name="b", uri="s3://b")
OWN: dict[str, Any] = {"kind": "custom", "class": "own.Strip", "data": {}}
DAY = datetime(2030, 1, 1, tzinfo=UTC)


async def consumer(driver: Driver, own: dict[str, Any] = OWN, **by_name: dict[str, Any]) -> None:
    parts = [{"asset": {"name": ref.name, "uri": ref.uri, "group": ref.group}} for ref in (A, B)]
    entries = [{"name": name, "uri": "", "mapper": mapper} for name, mapper in by_name.items()]
    await driver.write_dag(
        TaskSpec(task_id="task"),
        dag_id="consumer",
        asset_condition={"all": parts},
        schedule_assets=(A, B),
        partition_mappers={"default": own, "by_asset": entries},
    )


async def produce(driver: Driver, *events: tuple[AssetRef, str], run: str = "r1") -> None:
    started = await driver.started_run(TaskSpec(task_id="task", outlets=(A, B)), dag_id="producer", run_id=run)
    bodies = [{"asset": {"name": ref.name, "uri": ref.uri}, "partition_key": key} for ref, key in events]
    effects = EndEffectsRecord(asset_events=tuple(msgspec.json.encode(body) for body in bodies))
    await driver.end(started, "task", await driver.running(started), effects=effects)
    driver.now += timedelta(seconds=1)


async def look(driver: Driver) -> AssetRuns:
    return await driver.store.create_asset_runs("consumer", driver.now)


async def take(driver: Driver) -> DagRequest | None:
    taken = await driver.store.take_dag_requests(driver.now, timedelta(seconds=30), 10)
    assert len(taken) <= 1
    return taken[0] if taken else None


def asked(request: DagRequest | None) -> AskedEvents:
    assert request is not None
    assert (request.dag_id, request.kind) == ("consumer", RequestKind.MAP_PARTITIONS)
    return msgspec.json.decode(request.reason or "", type=AskedEvents)


async def answer(driver: Driver, request: DagRequest | None, **fields: Any) -> bool:
    """Each event counts for its key without a prefix."""
    question = asked(request)
    assert request is not None

    def said(event: AskedEvent) -> MappedEvent:
        key = MappedKey(key=event.partition_key.split("::")[-1], **fields)
        return MappedEvent(digest=question.digest, keys=(key,))

    return await driver.store.answer_partition_request(request, {each.event_id: said(each) for each in question.events})


async def test_events_wait_for_the_answer_and_then_make_runs_once(driver: Driver) -> None:
    await consumer(driver)
    await produce(driver, (A, "eu::x"), (B, "us::x"), (A, "eu::y"))
    first = await look(driver)
    assert (first.asked, first.made, first.refused, first.has_more) == (1, 0, (), False)
    assert await driver.store.asset_dag_ids(driver.now, "", 10) == []
    request = await take(driver)
    assert [(each.name, each.uri, each.partition_key) for each in asked(request).events] == [
        ("a", "s3://a", "eu::x"),
        ("b", "s3://b", "us::x"),
        ("a", "s3://a", "eu::y"),
    ]
    assert (await look(driver)).asked == 0
    assert await answer(driver, request, date=DAY)
    assert not await answer(driver, request)
    assert await driver.store.asset_dag_ids(driver.now, "", 10) == ["consumer"]
    assert [(await look(driver)).made, (await look(driver)).made] == [1, 0]
    assert await take(driver) is None
    (run,) = await driver.inside.asset_runs("consumer")
    assert (run.partition_key, run.partition_date, len(run.extras)) == ("x", DAY, 2)
    await produce(driver, (B, "y"), run="r2")
    await look(driver)
    assert await answer(driver, await take(driver))
    assert (await look(driver)).made == 1


async def test_other_assets_do_not_wait_for_the_answer(driver: Driver) -> None:
    await consumer(driver, b={"kind": "identity"})
    await produce(driver, (A, "eu::x"), (B, "x"), (B, "y"))
    assert (await look(driver)).asked == 1
    request = await take(driver)
    assert [each.name for each in asked(request).events] == ["a"]
    assert await answer(driver, request, date=DAY)
    assert (await look(driver)).made == 1
    assert [run.partition_key for run in await driver.inside.asset_runs("consumer")] == ["x"]


async def test_a_rollup_waits_for_what_its_mapper_expects(driver: Driver) -> None:
    await consumer(driver, b={"kind": "identity"})
    await produce(driver, (A, "eu::x"), (B, "x"))
    await look(driver)
    rollup = {"expected": ("eu::x", "us::x", "cn::x"), "minimum": -1, "carried": DAY}
    await answer(driver, await take(driver), **rollup)
    assert (await look(driver)).made == 0
    await produce(driver, (A, "us::x"), run="r2")
    await look(driver)
    await answer(driver, await take(driver), **rollup)
    assert (await look(driver)).made == 1
    (run,) = await driver.inside.asset_runs("consumer")
    assert (run.partition_key, run.partition_date, len(run.extras)) == ("x", DAY, 3)


async def test_an_error_is_said_of_its_event_alone(driver: Driver) -> None:
    await consumer(driver)
    await produce(driver, (A, "eu::x"), (B, "bad"), (B, "x"))
    await look(driver)
    request = await take(driver)
    question = asked(request)
    assert request is not None
    answers = {
        each.event_id: MappedEvent(digest=question.digest, keys=(MappedKey(key="x"),)) for each in question.events
    }
    bad = question.events[1].event_id
    answers[bad] = MappedEvent(digest=question.digest, error="key 'bad' cannot be mapped")
    assert await driver.store.answer_partition_request(request, answers)
    runs = await look(driver)
    assert (runs.made, runs.refused) == (1, ((bad, "key 'bad' cannot be mapped"),))


async def test_an_answer_of_earlier_mappers_counts_for_nothing(driver: Driver) -> None:
    await consumer(driver)
    await produce(driver, (A, "eu::x"), (B, "x"))
    await look(driver)
    request = await take(driver)
    await consumer(driver, own={**OWN, "data": {"prefix": "us"}})
    assert await answer(driver, request)
    again = await look(driver)
    assert (again.made, again.asked) == (0, 1)
    second = await take(driver)
    assert asked(second).digest != asked(request).digest
    assert await answer(driver, second)
    assert (await look(driver)).made == 1


async def test_more_events_than_one_question_takes_are_asked_in_turn(driver: Driver) -> None:
    await consumer(driver)
    count = ASKED_EVENTS_MAX + 1
    await produce(driver, *((ref, f"eu::{number}") for number in range(count) for ref in (A, B)))
    made, rounds = 0, 0
    while (runs := await look(driver)).asked:
        rounds += 1
        made += runs.made
        await answer(driver, await take(driver))
    assert (made + runs.made, rounds) == (count, 3)


async def test_schedulers_that_look_at_once_ask_once(driver: Driver) -> None:
    await consumer(driver)
    await produce(driver, (A, "eu::x"), (B, "x"))
    looks = await asyncio.gather(*(look(driver) for _ in range(4)))
    assert sorted(runs.asked for runs in looks) == [0, 0, 0, 1]
    assert await answer(driver, await take(driver))
    looks = await asyncio.gather(*(look(driver) for _ in range(4)))
    assert sorted(runs.made for runs in looks) == [0, 0, 0, 1]
