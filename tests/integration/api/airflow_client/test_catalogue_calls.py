# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false
# The client's package exports its models at run time only, and types its exceptions in part.
"""`apache-airflow-client` asks about DAGs as a whole, their files, and lists by bodies: each call parses, and what it
did is read back by another."""

import asyncio
import hashlib
import zlib
from collections.abc import Callable, Generator
from typing import ParamSpec, TypeVar

import pytest
import pytest_asyncio
from airflow_client import client as airflow
from airflow_client.client import exceptions, models
from airflow_client.client.api import (
    asset_api,
    asset_state_store_api,
    dag_api,
    dag_parsing_api,
    dag_run_api,
    dag_source_api,
    dag_stats_api,
    dag_warning_api,
    task_instance_api,
)

from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.core.rows import DagFileParse
from tradewind.core.spec import AssetRef, DagSpec, LengthKind, MapLength, TaskSpec
from tradewind.service.clock import utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")

P = ParamSpec("P")
T = TypeVar("T")

SOURCE = b"from airflow.sdk import DAG\n"
MAPPED = TaskSpec(task_id="mapped", map_length=MapLength(kind=LengthKind.LITERAL, length=2))


async def call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The client blocks."""
    return await asyncio.to_thread(function, *args, **kwargs)


@pytest.fixture
def client(api: ApiServer) -> Generator[airflow.ApiClient]:
    with airflow.ApiClient(airflow.Configuration(host=api.url, access_token=api.token)) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def dag(api: ApiServer, scene: Scene, dag_id: str) -> str:
    """A partitioned DAG in a stored file, that names a pool that is not there, with a running run `r`."""
    digest = hashlib.sha256(SOURCE).hexdigest()
    await scene.store.write_bundle_blobs({digest: (len(SOURCE), zlib.compress(SOURCE))})
    asset = AssetRef(name=f"asset of {dag_id}", uri=f"s3://{dag_id}")
    spec = DagSpec(
        dag_id=dag_id,
        relative_fileloc=f"{dag_id}.py",
        tasks=(MAPPED, TaskSpec(task_id="write", outlets=(asset,), pool="no such pool")),
        tags=(f"tag of {dag_id}",),
        partition_mappers={"default": {"kind": "start_of_day"}, "by_asset": []},
    )
    await scene.store.write_dag_files(
        [DagFileParse(relative_fileloc=f"{dag_id}.py", file_digest=digest, specs=(spec,))], utc_now()
    )
    await scene.database.fetch("UPDATE dag SET is_paused = false WHERE dag_id = $1", dag_id)
    body = {"dag_run_id": "r", "partition_key": "2030-01-01"}
    assert (await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)).status_code == 200
    [run] = await scene.start_runs(dag_id)
    await scene.add_mapped_task_instances(run, MAPPED, 2)
    return dag_id


async def test_tags_counts_warnings_and_favourites(client: airflow.ApiClient, dag: str) -> None:
    dags = dag_api.DAGApi(client)
    tags = await call(dags.get_dag_tags, tag_name_prefix_pattern="tag of", tag_name_pattern=dag, order_by=["-name"])
    stats = await call(dag_stats_api.DagStatsApi(client).get_dag_stats, dag_ids=[dag])
    warnings = await call(
        dag_warning_api.DagWarningApi(client).list_dag_warnings,
        dag_id=dag,
        warning_type=models.DagWarningType.NON_MINUS_EXISTENT_POOL,
    )
    await call(dags.favorite_dag, dag)
    marked = await call(dags.get_dags, is_favorite=True, dag_id_pattern=dag)
    details = await call(dags.get_dag_details, dag)
    await call(dags.unfavorite_dag, dag)
    unmarked = await call(dags.get_dags, is_favorite=True, dag_id_pattern=dag)

    assert (tags.tags, tags.total_entries) == ([f"tag of {dag}"], 1)
    assert {each.state: each.count for each in stats.dags[0].stats if each.count} == {models.DagRunState.RUNNING: 1}
    assert "no such pool" in warnings.dag_warnings[0].message
    assert ([each.dag_id for each in marked.dags], unmarked.dags, details.is_favorite) == ([dag], [], True)
    with pytest.raises(exceptions.ConflictException):
        await call(dags.unfavorite_dag, dag)
    with pytest.raises(exceptions.NotFoundException):
        await call(dags.favorite_dag, f"no {dag}")


async def test_sources_and_files(client: airflow.ApiClient, scene: Scene, dag: str) -> None:
    sources = dag_source_api.DagSourceApi(client)
    source = await call(sources.get_dag_source, dag, version_number=1)
    token = (await call(dag_api.DAGApi(client).get_dag, dag)).file_token
    await call(dag_parsing_api.DAGParsingApi(client).reparse_dag_file, token)
    wanted = [each.relative_fileloc for each in await scene.store.wanted_parses(1000)]

    assert (source.content, source.version_number) == (SOURCE.decode(), 1)
    assert f"{dag}.py" in wanted
    with pytest.raises(exceptions.NotFoundException):
        await call(sources.get_dag_source, dag, version_number=2)
    with pytest.raises(exceptions.NotFoundException):
        await call(dag_parsing_api.DAGParsingApi(client).reparse_dag_file, "a token of nobody's")


async def test_what_is_kept_for_an_asset(client: airflow.ApiClient, dag: str) -> None:
    [asset] = (await call(asset_api.AssetApi(client).get_assets, dag_ids=[dag])).assets
    kept = asset_state_store_api.AssetStateStoreApi(client)
    for key, value in (("a/b", {"n": [1]}), ("c", 2)):
        await call(kept.set_asset_state_store, key, asset.id, models.AssetStateStoreBody(value=value))
    listed = await call(kept.list_asset_state_store, asset.id, limit=1, offset=1)
    one = await call(kept.get_asset_state_store, "a/b", asset.id)
    await call(kept.delete_asset_state_store, "a/b", asset.id)
    with pytest.raises(exceptions.NotFoundException):
        await call(kept.get_asset_state_store, "a/b", asset.id)
    await call(kept.clear_asset_state_store, asset.id)

    assert (listed.total_entries, listed.asset_state_store[0].key, one.value) == (2, "c", {"n": [1]})
    assert one.last_updated_by is not None
    assert one.last_updated_by.kind == models.AssetStateStoreWriterKind.API
    assert (await call(kept.list_asset_state_store, asset.id)).total_entries == 0


async def test_lists_by_bodies_and_of_mapped_instances(client: airflow.ApiClient, dag: str) -> None:
    runs, instances = dag_run_api.DagRunApi(client), task_instance_api.TaskInstanceApi(client)
    states: list[models.DagRunState | None] = [models.DagRunState.RUNNING, None]
    listed = await call(runs.get_list_dag_runs_batch, "~", models.DAGRunsBatchBody(dag_ids=[dag], states=states))
    body = models.TaskInstancesBatchBody(dag_ids=[dag], dag_run_ids=["r"], order_by="-map_index", page_limit=1)
    last = await call(instances.get_task_instances_batch, "~", "~", body)
    mapped = await call(instances.get_mapped_task_instances, dag, "r", "mapped", map_index=[0], order_by=["map_index"])

    assert [run.dag_run_id for run in listed.dag_runs] == ["r"]
    assert [(each.task_id, each.map_index) for each in last.task_instances] == [("mapped", 1)]
    assert ([each.map_index for each in mapped.task_instances], mapped.total_entries) == ([0], 1)
    with pytest.raises(exceptions.NotFoundException):
        await call(instances.get_mapped_task_instances, dag, "r", "write")
    with pytest.raises(exceptions.BadRequestException):
        await call(instances.get_external_log_url, dag, "r", "mapped", 1, map_index=0)


async def test_partitions_are_cleared(client: airflow.ApiClient, dag: str) -> None:
    runs = dag_run_api.DagRunApi(client)
    body = models.ClearPartitionsBody(partition_key="2030-01-01", clear_task_instances=True)
    dry = await call(runs.clear_dag_run_partitions, dag, body)
    kept = (await call(runs.get_dag_run, dag, "r")).partition_key
    body = models.ClearPartitionsBody(run_id="r", dry_run=False)
    done = await call(runs.clear_dag_run_partitions, dag, body)

    assert (dry.dag_runs_cleared, dry.task_instances_cleared, dry.dry_run, kept) == (1, 2, True, "2030-01-01")
    assert (done.dag_runs_cleared, done.dry_run) == (1, False)
    assert (await call(runs.get_dag_run, dag, "r")).partition_key is None
