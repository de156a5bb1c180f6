"""What tasks ask about assets."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.servers.api import ApiServer
from tests.servers.scene import Attempt, Scene
from tradewind.core.rows import AttemptEndRecord, EndEffectsRecord
from tradewind.core.spec import AssetRef, DagSpec, TaskSpec
from tradewind.core.states import EndCause, Outcome
from tradewind.service.clock import utc_now
from tradewind.task_runner.execution_api.client import ExecutionClient

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Pipeline:
    """A DAG that writes an asset, and one that its runs are made by."""

    api: ApiServer
    scene: Scene
    producer: str
    consumer: str
    asset: AssetRef
    clients: list[ExecutionClient] = field(default_factory=list[ExecutionClient])

    async def produce(self, **body: Any) -> Attempt:
        """A run of the producer writes the asset."""
        answer = await self.api.client.post(f"/api/v2/dags/{self.producer}/dagRuns", json={"logical_date": None})
        assert answer.status_code == 200, answer.text
        (run,) = await self.scene.start_runs(self.producer)
        attempt = await self.scene.start_attempt(run, TaskSpec(task_id="write"))
        event = {"asset": {"name": self.asset.name, "uri": self.asset.uri}} | body
        now = utc_now()
        end = AttemptEndRecord(
            dag_id=attempt.dag_id,
            run_id=attempt.run_id,
            task_id="write",
            map_index=-1,
            attempt_id=attempt.attempt_id,
            worker_id="worker-1",
            incarnation=self.scene.incarnation,
            outcome=Outcome.SUCCESS,
            cause=EndCause.NONE,
            detail=None,
            started_at=now,
            ended_at=now,
            effects=EndEffectsRecord(asset_events=(msgspec.json.encode(event),)),
        )
        (answer,) = await self.scene.store.record_ends([end], now)
        assert answer.asset_dag_ids == (self.consumer,)
        return attempt

    async def consume(self) -> ExecutionClient:
        """A task of the run that was made by it, asking."""
        assert (await self.scene.store.create_asset_runs(self.consumer, utc_now())).made == 1
        (run,) = await self.scene.start_runs(self.consumer)
        attempt = await self.scene.start_attempt(run, TaskSpec(task_id="read"))
        client = ExecutionClient(self.api.url, self.api.signer.mint_attempt_token(attempt.claims))
        self.clients.append(client)
        return client


@pytest_asyncio.fixture(loop_scope="session")
async def pipeline(api: ApiServer, scene: Scene, dag_id: str) -> AsyncGenerator[Pipeline]:
    producer, consumer = f"{dag_id}_p", f"{dag_id}_c"
    asset = AssetRef(name=f"{dag_id} asset", uri=f"s3://{dag_id}/x", extra={"k": "v"})
    alias = AssetRef(kind="alias", name=f"{dag_id} alias")
    outlets = (asset, alias)
    write = TaskSpec(task_id="write", outlets=outlets)
    await scene.write_dag(DagSpec(dag_id=producer, relative_fileloc=f"{producer}.py", tasks=(write,)))
    condition: dict[str, object] = {"asset": {"name": asset.name, "uri": asset.uri, "group": "asset"}}
    spec = DagSpec(
        dag_id=consumer,
        relative_fileloc=f"{consumer}.py",
        tasks=(TaskSpec(task_id="read", inlets=outlets),),
        asset_condition=condition,
        schedule_assets=(asset,),
    )
    await scene.write_dag(spec)
    pipeline = Pipeline(api, scene, producer, consumer, asset)
    yield pipeline
    for client in pipeline.clients:
        client.close()


async def test_assets_are_found_by_name_or_uri(pipeline: Pipeline) -> None:
    await pipeline.produce()
    client, asset = await pipeline.consume(), pipeline.asset
    expected = {"name": asset.name, "uri": asset.uri, "group": "asset", "extra": {"k": "v"}}
    assert await asyncio.to_thread(client.get_asset, name=asset.name, uri=None) == expected
    assert await asyncio.to_thread(client.get_asset, name=None, uri=asset.uri) == expected
    assert await asyncio.to_thread(client.get_asset, name=asset.name, uri=asset.uri) == expected
    assert await asyncio.to_thread(client.get_asset, name="nobody's", uri=None) is None


async def test_assets_of_an_alias(pipeline: Pipeline) -> None:
    alias = f"{pipeline.producer[:-2]} alias"
    await pipeline.produce()
    client = await pipeline.consume()
    assert await asyncio.to_thread(client.get_assets_of_alias, alias) == []
    await pipeline.produce(aliases=[alias])
    (found,) = await asyncio.to_thread(client.get_assets_of_alias, alias)
    assert (found["name"], found["uri"], found["extra"]) == (pipeline.asset.name, pipeline.asset.uri, {"k": "v"})
    assert await asyncio.to_thread(client.get_assets_of_alias, "nobody's") == []


async def test_events_of_an_asset(pipeline: Pipeline) -> None:
    first = await pipeline.produce(extra={"n": 1})
    between = utc_now()
    await pipeline.produce(extra={"n": 2}, aliases=[f"{pipeline.producer[:-2]} alias"])
    client, asset = await pipeline.consume(), pipeline.asset

    async def numbers(**filters: Any) -> list[int]:
        events = await asyncio.to_thread(client.get_asset_events, **filters)
        return [event["extra"]["n"] for event in events]

    assert await numbers(name=asset.name, uri=asset.uri) == [1, 2]
    assert await numbers(uri=asset.uri, ascending=False) == [2, 1]
    assert await numbers(name=asset.name, limit=1) == [1]
    assert await numbers(name=asset.name, after=between.isoformat()) == [2]
    assert await numbers(name=asset.name, before=between.isoformat()) == [1]
    assert await numbers(alias=f"{pipeline.producer[:-2]} alias") == [2]
    assert await numbers(name="nobody's") == []
    (event,) = await asyncio.to_thread(client.get_asset_events, name=asset.name, limit=1)
    assert (event["source_run_id"], event["source_task_id"], event["source_map_index"]) == (first.run_id, "write", -1)
    assert [run["dag_id"] for run in event["created_dagruns"]] == [pipeline.consumer]


async def test_what_made_a_run(pipeline: Pipeline) -> None:
    await pipeline.produce(extra={"n": 1})
    await pipeline.produce(extra={"n": 2})
    client = await pipeline.consume()
    events = await asyncio.to_thread(client.get_triggering_asset_events)
    assert [(event["extra"], event["asset"]["name"]) for event in events] == [
        ({"n": 1}, pipeline.asset.name),
        ({"n": 2}, pipeline.asset.name),
    ]
    assert timedelta(0) < utc_now() - msgspec.convert(events[0]["timestamp"], type=type(utc_now()))


async def test_what_is_named_by_nothing_is_refused(pipeline: Pipeline) -> None:
    await pipeline.produce()
    client = await pipeline.consume()
    for ask in (client.get_asset_events, lambda: client.get_asset(name=None, uri=None)):
        with pytest.raises(Exception, match="HTTP 422"):
            await asyncio.to_thread(ask)
