"""The client of task processes against the API that it is made for."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.sdk import serde
from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.task_runner.execution_api.client import ExecutionClient

pytestmark = pytest.mark.asyncio(loop_scope="session")

TASK = TaskSpec(task_id="work")
RUN_ID = "manual__2026-01-02T00:00:00+00:00"


@pytest_asyncio.fixture(loop_scope="session")
async def execution(api: ApiServer, scene: Scene, dag_id: str) -> AsyncGenerator[ExecutionClient]:
    """A client that speaks for a running attempt of the task `work`."""
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(TASK,)))
    body = {"dag_run_id": RUN_ID, "logical_date": "2026-01-02T00:00:00Z"}
    await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)
    [run] = await scene.start_runs(dag_id)
    attempt = await scene.start_attempt(run, TASK)
    client = ExecutionClient(api.url, api.signer.mint_attempt_token(attempt.claims))
    yield client
    client.close()


@pytest.mark.parametrize("value", [None, 1.5, "ü \0 \ud800", {"a": [1, {2, 3}]}, b"\x00", float("inf"), {"\0": 1}])
async def test_xcom_values_survive_the_store(execution: ExecutionClient, dag_id: str, value: Any) -> None:
    place = (dag_id, RUN_ID, "work", "a key/ä", -1)
    assert await asyncio.to_thread(execution.get_xcom, *place) == (False, None)
    await asyncio.to_thread(execution.set_xcom, *place, serde.to_json(value))
    found, stored = await asyncio.to_thread(execution.get_xcom, *place, include_prior_dates=True)
    assert found
    assert serde.deserialize(stored) == value
    await asyncio.to_thread(execution.delete_xcom, *place)
    assert await asyncio.to_thread(execution.get_xcom, *place) == (False, None)


async def test_variables_and_connections(execution: ExecutionClient, dag_id: str) -> None:
    key = f"{dag_id}/ä"
    assert await asyncio.to_thread(execution.get_variable, key) is None
    await asyncio.to_thread(execution.set_variable, key, "text", "why")
    assert await asyncio.to_thread(execution.get_variable, key) == "text"
    for number in (2, 1, 3):
        await asyncio.to_thread(execution.set_variable, f"{dag_id}.{number}", "text", None)
    assert await asyncio.to_thread(execution.get_variable_keys, f"{dag_id}.") == [f"{dag_id}.{n}" for n in (1, 2, 3)]
    assert await asyncio.to_thread(execution.get_variable_keys, f"{dag_id}_nothing") == []
    assert key in await asyncio.to_thread(execution.get_variable_keys)
    await asyncio.to_thread(execution.delete_variable, key)
    assert await asyncio.to_thread(execution.get_variable, key) is None
    assert await asyncio.to_thread(execution.get_connection, f"{dag_id}-none") is None


async def test_another_tasks_xcom_is_refused(execution: ExecutionClient, dag_id: str) -> None:
    with pytest.raises(AirflowRuntimeError, match=r"refused POST .*: HTTP 403"):
        await asyncio.to_thread(execution.set_xcom, dag_id, RUN_ID, "other", "k", -1, b"1")


async def _push_from_instances(api: ApiServer, dag_id: str, count: int) -> tuple[str, str, str, str]:
    """XComs of so many mapped instances, as their ends would write them."""
    await api.database.fetch(
        "INSERT INTO xcom (dag_run_id, task_id, map_index, key, value, created_at) SELECT dag_run.id, 'mapped', n,"
        " 'return_value', convert_to((n * 10)::text, 'UTF8'), now() FROM dag_run, generate_series(0, $2 - 1) AS n"
        " WHERE dag_id = $1",
        dag_id,
        count,
    )
    return (dag_id, RUN_ID, "mapped", "return_value")


@pytest.mark.parametrize(
    "bounds",
    [slice(None), slice(2), slice(-2, None), slice(1, -1), slice(None, None, -1), slice(4, 0, -2), slice(9, 20)],
)
async def test_slices_are_those_of_a_list(
    api: ApiServer, execution: ExecutionClient, dag_id: str, bounds: slice
) -> None:
    place = await _push_from_instances(api, dag_id, 6)
    values = [0, 10, 20, 30, 40, 50]
    assert await asyncio.to_thread(execution.get_xcom_slice, *place, bounds) == values[bounds]


async def test_items_and_counts_of_mapped_values(api: ApiServer, execution: ExecutionClient, dag_id: str) -> None:
    place = await _push_from_instances(api, dag_id, 3)
    assert await asyncio.to_thread(execution.count_xcoms, *place) == 3
    found = [await asyncio.to_thread(execution.get_xcom_item, *place, offset) for offset in (0, 2, -1, -3, 3, -4)]
    assert found == [(True, 0), (True, 20), (True, 20), (True, 0), (False, None), (False, None)]
    assert await asyncio.to_thread(execution.count_xcoms, dag_id, "none", "mapped", "k") == 0


async def test_states_and_counts(execution: ExecutionClient, dag_id: str) -> None:
    assert await asyncio.to_thread(execution.get_task_states, dag_id) == {RUN_ID: {"work": "running"}}
    assert await asyncio.to_thread(execution.get_task_states, dag_id, task_ids=["none"]) == {}
    count = execution.count_task_instances
    assert await asyncio.to_thread(count, dag_id, task_ids=["work"], run_ids=[RUN_ID], states=["running"]) == 1
    assert await asyncio.to_thread(count, dag_id, states=[None], map_index=-1) == 0
    assert await asyncio.to_thread(execution.get_task_breadcrumbs, dag_id, RUN_ID) == []
    assert await asyncio.to_thread(execution.count_dag_runs, dag_id, states=["running", "queued"]) == 1
    assert (
        await asyncio.to_thread(execution.count_dag_runs, dag_id, logical_dates=[datetime(2020, 1, 1, tzinfo=UTC)]) == 0
    )
    with pytest.raises(AirflowRuntimeError, match="knows nothing of /task-instance-counts"):
        await asyncio.to_thread(count, dag_id, task_group_id="none")


async def test_runs_are_made_and_found(api: ApiServer, execution: ExecutionClient, dag_id: str) -> None:
    request = {"conf": {"x": 1}, "logical_date": "2026-01-05T00:00:00Z", "note": "why"}
    run_id = "operator_triggered__1"
    assert await asyncio.to_thread(execution.trigger_dag_run, dag_id, run_id, request)
    assert not await asyncio.to_thread(execution.trigger_dag_run, dag_id, run_id, {})
    made = (await api.client.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")).json()
    assert (made["run_type"], made["triggered_by"], made["conf"]) == ("operator_triggered", "operator", {"x": 1})
    first = (await api.client.get(f"/api/v2/dags/{dag_id}/dagRuns/{RUN_ID}")).json()
    assert made["triggering_user_name"] == first["triggering_user_name"]
    found = await asyncio.to_thread(execution.get_dag_run, dag_id, run_id)
    assert found is not None
    assert (found["state"], found["note"]) == ("queued", "why")
    assert await asyncio.to_thread(execution.get_dag_run, dag_id, "none") is None
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    previous = await asyncio.to_thread(execution.get_previous_dag_run, dag_id, moment, None)
    assert previous is not None
    assert previous["run_id"] == RUN_ID
    assert await asyncio.to_thread(execution.get_previous_dag_run, dag_id, moment, "success") is None
    with pytest.raises(AirflowRuntimeError, match="HTTP 404"):
        await asyncio.to_thread(execution.trigger_dag_run, f"{dag_id}-none", run_id, {})


async def test_dags_and_earlier_instances(execution: ExecutionClient, dag_id: str) -> None:
    dag = await asyncio.to_thread(execution.get_dag, dag_id)
    assert dag is not None
    assert (dag["dag_id"], dag["is_paused"], dag["relative_fileloc"]) == (dag_id, False, f"{dag_id}.py")
    assert await asyncio.to_thread(execution.get_dag, f"{dag_id}-none") is None

    def earlier(state: str | None) -> dict[str, Any] | None:
        return execution.get_previous_task_instance(dag_id, "work", logical_date=None, map_index=-1, state=state)

    found = await asyncio.to_thread(earlier, None)
    assert found is not None
    assert (found["run_id"], found["state"]) == (RUN_ID, "running")
    assert await asyncio.to_thread(earlier, "success") is None


async def test_values_are_kept_for_the_task_instance(execution: ExecutionClient) -> None:
    get, put, delete = execution.get_task_state, execution.set_task_state, execution.delete_task_state
    assert await asyncio.to_thread(get, "a/ä") == (False, None)
    await asyncio.to_thread(put, "a/ä", {"id": [1, 2.5, "x", True, None]}, None)
    await asyncio.to_thread(put, "b", 1, None)
    await asyncio.to_thread(put, "gone", 1, datetime(2020, 1, 1, tzinfo=UTC))
    assert await asyncio.to_thread(get, "a/ä") == (True, {"id": [1, 2.5, "x", True, None]})
    assert await asyncio.to_thread(get, "gone") == (False, None)
    await asyncio.to_thread(put, "b", False, None)
    assert await asyncio.to_thread(get, "b") == (True, False)
    await asyncio.to_thread(delete, "a/ä")
    assert await asyncio.to_thread(get, "a/ä") == (False, None)
    await asyncio.to_thread(delete, None)
    assert await asyncio.to_thread(get, "b") == (False, None)
    with pytest.raises(AirflowRuntimeError, match="HTTP 422"):
        await asyncio.to_thread(put, "b", None, None)


async def test_values_are_kept_for_assets(execution: ExecutionClient, dag_id: str) -> None:
    both: dict[str, str | None] = {"name": f"name-{dag_id}", "uri": f"s3://{dag_id}"}
    by_name: dict[str, str | None] = {"name": f"name-{dag_id}", "uri": None}
    by_uri: dict[str, str | None] = {"name": None, "uri": f"s3://{dag_id}"}

    def get(asset: dict[str, str | None], key: str = "k") -> tuple[bool, Any]:
        return execution.get_asset_state(key=key, **asset)

    def put(asset: dict[str, str | None], value: Any, key: str = "k") -> None:
        execution.set_asset_state(key=key, value=value, **asset)

    assert await asyncio.to_thread(get, both) == (False, None)
    await asyncio.to_thread(put, both, {"offset": 1})
    assert [await asyncio.to_thread(get, asset) for asset in (both, by_name, by_uri)] == [(True, {"offset": 1})] * 3
    await asyncio.to_thread(put, by_uri, 2)
    await asyncio.to_thread(put, by_name, "other", "l")
    assert [await asyncio.to_thread(get, asset) for asset in (both, by_name, by_uri)] == [(True, 2)] * 3
    await asyncio.to_thread(lambda: execution.delete_asset_state(key="k", **by_name))
    assert [await asyncio.to_thread(get, both, key) for key in ("k", "l")] == [(False, None), (True, "other")]
    await asyncio.to_thread(lambda: execution.delete_asset_state(key=None, **both))
    assert await asyncio.to_thread(get, both, "l") == (False, None)
    with pytest.raises(AirflowRuntimeError, match="HTTP 422"):
        await asyncio.to_thread(put, {"name": None, "uri": None}, 1)
