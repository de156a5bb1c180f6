"""`/assets` and what waits for them."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.core.spec import AssetRef, AssetWatcherSpec, DagSpec, TaskSpec, TimetableSpec
from tradewind.service.clock import utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Assets:
    """A DAG that writes an asset, one that waits for it, and requests about them."""

    def __init__(self, api: ApiServer, scene: Scene, dag_id: str) -> None:
        self.api, self.scene = api, scene
        self.producer, self.consumer = f"{dag_id}_p", f"{dag_id}_c"
        watcher = AssetWatcherSpec(name="files", classpath="a.B", kwargs={"filepath": "/f"})
        name, uri = f"{dag_id} asset", f"s3://{dag_id}/x"
        self.asset = AssetRef(name=name, uri=uri, extra={"k": "v", "token": "t"}, watchers=(watcher,))
        self.alias = AssetRef(kind="alias", name=f"{dag_id} alias")
        self.id = 0

    async def write(self) -> None:
        write = TaskSpec(task_id="write", outlets=(self.asset, self.alias), inlets=(self.asset,))
        await self.scene.write_dag(DagSpec(dag_id=self.producer, relative_fileloc="p.py", tasks=(write,)))
        condition: dict[str, object] = {
            "asset": {"name": self.asset.name, "uri": self.asset.uri, "group": self.asset.group}
        }
        spec = DagSpec(
            dag_id=self.consumer,
            relative_fileloc="c.py",
            tasks=(TaskSpec(task_id="read"),),
            asset_condition=condition,
            schedule_assets=(self.asset,),
        )
        await self.scene.write_dag(spec)
        (found,) = (await self.get("/assets", name_pattern=self.asset.name))["assets"]
        self.id = found["id"]

    async def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = await self.api.client.get(f"/api/v2{path}", params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.api.client.post(f"/api/v2{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def delete(self, path: str, status: int = 204, **params: Any) -> None:
        answer = await self.api.client.delete(f"/api/v2{path}", params=params)
        assert answer.status_code == status, answer.text

    async def event(self, **fields: Any) -> dict[str, Any]:
        return await self.post("/assets/events", {"asset_id": self.id, **fields})


@pytest_asyncio.fixture(loop_scope="session")
async def assets(api: ApiServer, scene: Scene, dag_id: str) -> AsyncGenerator[Assets]:
    assets = Assets(api, scene, dag_id)
    await assets.write()
    yield assets


async def test_an_asset_shows_who_refers_to_it(assets: Assets) -> None:
    asset = await assets.get(f"/assets/{assets.id}")
    assert (asset["name"], asset["uri"], asset["group"]) == (assets.asset.name, assets.asset.uri, "asset")
    assert asset["extra"] == {"k": "v", "token": "***"}
    assert [each["dag_id"] for each in asset["scheduled_dags"]] == [assets.consumer]
    for role in ("producing_tasks", "consuming_tasks"):
        assert [(each["dag_id"], each["task_id"]) for each in asset[role]] == [(assets.producer, "write")]
    assert [watcher["name"] for watcher in asset["watchers"]] == ["files"]
    assert asset["last_asset_event"] == {"id": None, "timestamp": None}
    event = await assets.event()
    again = (await assets.get("/assets", name_prefix_pattern=assets.asset.name))["assets"][0]
    assert again["last_asset_event"] == {"id": event["id"], "timestamp": event["timestamp"]}


async def test_lists_are_filtered(assets: Assets) -> None:
    async def count(**params: Any) -> int:
        return (await assets.get("/assets", **params))["total_entries"]

    assert await count(uri_pattern=assets.asset.uri) == 1
    assert await count(uri_prefix_pattern=assets.asset.uri[:-1]) == 1
    assert await count(dag_ids=assets.consumer) == await count(dag_ids=assets.producer) == 1
    assert await count(name_pattern="no such") == 0
    assert await count(only_active=False, name_pattern=assets.asset.name) == 1
    await assets.get("/assets", 400, order_by="extra")
    (alias,) = (await assets.get("/assets/aliases", name_pattern=assets.alias.name))["asset_aliases"]
    assert await assets.get(f"/assets/aliases/{alias['id']}") == alias
    assert (alias["name"], alias["group"]) == (assets.alias.name, "asset")


async def test_an_event_that_a_person_makes_waits_in_queues_and_makes_a_run(assets: Assets) -> None:
    event = await assets.event(extra={"n": 1, "password": "p"})
    assert (event["asset_id"], event["extra"]) == (assets.id, {"n": 1, "password": "***"})
    assert (event["source_dag_id"], event["source_map_index"], event["created_dagruns"]) == (None, -1, [])
    (queued,) = (await assets.get(f"/dags/{assets.consumer}/assets/queuedEvents"))["queued_events"]
    assert queued == {
        "dag_id": assets.consumer,
        "asset_id": assets.id,
        "created_at": event["timestamp"],
        "dag_display_name": assets.consumer,
    }
    assert (await assets.get(f"/assets/{assets.id}/queuedEvents"))["total_entries"] == 1
    assert await assets.get(f"/dags/{assets.consumer}/assets/{assets.id}/queuedEvents") == queued
    assert (await assets.scene.store.create_asset_runs(assets.consumer, utc_now())).made == 1
    (run,) = (await assets.get(f"/dags/{assets.consumer}/dagRuns"))["dag_runs"]
    assert (run["run_type"], run["triggered_by"], run["run_after"]) == ("asset_triggered", "asset", event["timestamp"])
    path = f"/dags/{assets.consumer}/dagRuns/{run['dag_run_id']}/upstreamAssetEvents"
    (upstream,) = (await assets.get(path))["asset_events"]
    assert upstream["id"] == event["id"]
    assert [(each["run_id"], each["triggering"]) for each in upstream["created_dagruns"]] == [(run["dag_run_id"], True)]
    assert (await assets.get(f"/dags/{assets.consumer}/dagRuns", consuming_asset_pattern=assets.asset.uri))[
        "total_entries"
    ] == 1


async def test_events_are_filtered(assets: Assets) -> None:
    first, second = await assets.event(extra={"n": 1}), await assets.event(extra={"n": 2})

    async def ids(**params: Any) -> list[int]:
        found = await assets.get("/assets/events", asset_id=assets.id, **params)
        return [event["id"] for event in found["asset_events"]]

    assert await ids() == [first["id"], second["id"]]
    assert await ids(order_by="-timestamp", limit=1) == [second["id"]]
    assert await ids(timestamp_gt=first["timestamp"]) == [second["id"]]
    assert await ids(timestamp_lte=first["timestamp"]) == [first["id"]]
    assert await ids(source_dag_id="nobody") == []
    assert await ids(name_pattern=assets.asset.name) == [first["id"], second["id"]]


async def test_queues_can_be_emptied(assets: Assets) -> None:
    first, second = await assets.event(), await assets.event()
    queue = f"/dags/{assets.consumer}/assets/queuedEvents"
    await assets.delete(queue, before=second["timestamp"])
    assert (await assets.get(queue))["queued_events"][0]["created_at"] == second["timestamp"] > first["timestamp"]
    await assets.delete(f"/dags/{assets.consumer}/assets/{assets.id}/queuedEvents")
    for path in (
        queue,
        f"/assets/{assets.id}/queuedEvents",
        f"/dags/{assets.consumer}/assets/{assets.id}/queuedEvents",
    ):
        await assets.delete(path, 404)
    await assets.get(f"/dags/{assets.consumer}/assets/{assets.id}/queuedEvents", 404)
    assert (await assets.scene.store.create_asset_runs(assets.consumer, utc_now())).made == 0


async def test_materializing_runs_the_dag_that_writes_the_asset(assets: Assets) -> None:
    run = await assets.post(f"/assets/{assets.id}/materialize", {"conf": {"x": 1}})
    assert (run["dag_id"], run["run_type"], run["conf"]) == (assets.producer, "asset_materialization", {"x": 1})
    assert run["dag_run_id"].startswith("asset_materialization__")
    assert (await assets.post(f"/assets/{assets.id}/materialize"))["dag_id"] == assets.producer
    shown = await assets.get(f"/dags/{assets.producer}/dagRuns/{run['dag_run_id']}")
    assert shown["run_type"] == "asset_materialization"
    other = TaskSpec(task_id="write", outlets=(assets.asset,))
    await assets.scene.write_dag(DagSpec(dag_id=f"{assets.producer}2", relative_fileloc="o.py", tasks=(other,)))
    await assets.post(f"/assets/{assets.id}/materialize", status=409)


async def test_partition_keys_are_for_partitioned_dags(assets: Assets, dag_id: str) -> None:
    mappers: dict[str, Any] = {"default": {"kind": "start_of_day"}, "by_asset": []}
    spec = DagSpec(
        dag_id=dag_id,
        relative_fileloc="q.py",
        tasks=(TaskSpec(task_id="read"),),
        asset_condition={"asset": {"name": assets.asset.name, "uri": assets.asset.uri, "group": "asset"}},
        schedule_assets=(assets.asset,),
        partition_mappers=mappers,
        timetable_partitioned=True,
    )
    await assets.scene.write_dag(spec)
    body = {"logical_date": None, "partition_key": "2030-01-01"}
    run = await assets.post(f"/dags/{dag_id}/dagRuns", body)
    assert (run["partition_key"], run["partition_date"]) == ("2030-01-01", "2030-01-01T00:00:00Z")
    await assets.post(f"/dags/{assets.producer}/dagRuns", body, 400)
    found = await assets.get(f"/dags/{dag_id}/dagRuns", partition_key_pattern="2030", partition_date_gte="2030-01-01")
    assert [each["dag_run_id"] for each in found["dag_runs"]] == [run["dag_run_id"]]
    assert (await assets.get(f"/dags/{dag_id}/dagRuns", partition_date_lte="2029-12-31"))["total_entries"] == 0
    data: dict[str, object] = {"expression": "0 0 * * *", "timezone": "UTC", "key_format": "%Y-%m-%d"}
    daily = DagSpec(
        dag_id=f"{dag_id}_daily",
        relative_fileloc="d.py",
        tasks=(TaskSpec(task_id="read"),),
        timetable=TimetableSpec(kind="cron_partition", data=data),
    )
    await assets.scene.write_dag(daily)
    run = await assets.post(f"/dags/{dag_id}_daily/dagRuns", body)
    assert run["partition_date"] == "2030-01-01T00:00:00Z"
    await assets.post(f"/dags/{dag_id}_daily/dagRuns", body | {"partition_key": "us"}, 400)
    event = await assets.event(partition_key="2030-01-01T05:00:00")
    assert event["partition_key"] == "2030-01-01T05:00:00"
    details = await assets.get(f"/dags/{dag_id}/details")
    assert details["asset_expression"] == spec.asset_condition


async def test_what_does_not_exist_is_not_found(assets: Assets) -> None:
    await assets.get("/assets/0", 404)
    await assets.get("/assets/aliases/0", 404)
    await assets.post("/assets/events", {"asset_id": 0}, 404)
    await assets.post("/assets/0/materialize", status=404)
    await assets.get(f"/dags/{assets.consumer}/dagRuns/none/upstreamAssetEvents", 404)
    await assets.post("/assets/events", {"asset_id": assets.id, "partition_key": " "}, 422)
    await assets.post("/assets/events", {"asset_id": assets.id, "extra": {}, "more": 1}, 422)
