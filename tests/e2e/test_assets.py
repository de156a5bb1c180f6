"""Assets through all services: events, conditions, aliases, partitions, and what tasks see of them."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.stack import standalone_stack

FILE = """
from airflow.sdk import (
    DAG, Asset, AssetAlias, Metadata, PartitionedAssetTimetable, PartitionedAtRuntime, StartOfDayMapper, asset, task
)

first, second = Asset("first", "s3://k/first"), Asset("second")

with DAG("producer"):
    @task(outlets=[first, AssetAlias("found")])
    def write(params=None, outlet_events=None):
        outlet_events[AssetAlias("found")].add(Asset("by alias"), extra={"n": 7})
        yield Metadata(first, {"n": 5})
        return 42
    write()

with DAG("other_producer"):
    @task(outlets=[second])
    def write(): pass
    write()

with DAG("both", schedule=first & second):
    @task(inlets=[first])
    def read(triggering_asset_events, inlet_events):
        event = triggering_asset_events[first][0]
        names = sorted(asset.name for asset in triggering_asset_events)
        return [names, event.extra["n"], event.source_task_instance.xcom_pull(), len(inlet_events[first])]
    read()

with DAG("by_alias", schedule=AssetAlias("found")):
    @task
    def read(triggering_asset_events):
        return [event.extra for event in triggering_asset_events[Asset("by alias")]]
    read()

@asset(schedule=first | Asset("never"))
def third(self, first, outlet_events):
    outlet_events[self].extra = {"from": first.uri}

@asset(schedule=third)
def fourth(context):
    return [event.extra for event in context["triggering_asset_events"][Asset("third")]]

regions = Asset("regions")
with DAG("partitioned", schedule=PartitionedAtRuntime()):
    @task(outlets=[regions])
    def write(outlet_events):
        outlet_events[regions].add_partitions(["2030-01-01T05:00:00", "2030-01-01T06:00:00", "2030-01-02T01:00:00"])
    write()

with DAG("per_day", schedule=PartitionedAssetTimetable(assets=regions, default_partition_mapper=StartOfDayMapper())):
    @task
    def read(dag_run):
        return [dag_run.partition_key, dag_run.partition_date.isoformat()]
    read()
"""

DAGS = ("producer", "other_producer", "both", "by_alias", "third", "fourth", "partitioned", "per_day")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[ApiClient]:
    folder: Path = tmp_path_factory.mktemp("assets")
    (folder / "dags").mkdir()
    (folder / "dags" / "assets.py").write_text(FILE)
    with (
        standalone_stack(folder, dags_folder=folder / "dags") as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        for dag_id in DAGS:
            client.wait_for_dag(dag_id)
            client.unpause(dag_id)
        yield client


def runs_of(api: ApiClient, dag_id: str) -> list[dict[str, Any]]:
    return api.get(f"/dags/{dag_id}/dagRuns", order_by="id").json()["dag_runs"]


def wait_for_runs(api: ApiClient, dag_id: str, count: int) -> list[dict[str, Any]]:
    """The DAG's runs once there are so many and all have ended well."""

    def is_done() -> bool:
        return [run["state"] for run in runs_of(api, dag_id)] == ["success"] * count

    wait_until(is_done, f"{count} runs of {dag_id}", timeout_seconds=60.0)
    return runs_of(api, dag_id)


def test_events_make_runs_that_see_them(api: ApiClient) -> None:
    api.wait_for_run("producer", api.trigger("producer"))
    (alias_run,) = wait_for_runs(api, "by_alias", 1)
    assert (alias_run["run_type"], alias_run["triggered_by"], alias_run["logical_date"]) == (
        "asset_triggered", "asset", None,
    )  # fmt: skip
    assert api.xcom("by_alias", alias_run["dag_run_id"], "read") == [{"n": 7}]
    (fourth,) = wait_for_runs(api, "fourth", 1)
    assert api.xcom("fourth", fourth["dag_run_id"], "fourth") == [{"from": "s3://k/first"}]
    assert runs_of(api, "both") == []
    api.wait_for_run("other_producer", api.trigger("other_producer"))
    (both,) = wait_for_runs(api, "both", 1)
    assert api.xcom("both", both["dag_run_id"], "read") == [["first", "second"], 5, 42, 1]


def test_partitions_make_runs_of_their_own(api: ApiClient) -> None:
    api.wait_for_run("partitioned", api.trigger("partitioned"))
    runs = wait_for_runs(api, "per_day", 2)
    assert sorted(api.xcom("per_day", run["dag_run_id"], "read") for run in runs) == [
        ["2030-01-01", "2030-01-01T00:00:00+00:00"],
        ["2030-01-02", "2030-01-02T00:00:00+00:00"],
    ]
