"""The client of task processes against the API that it is made for."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.sdk import serde
from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.task_runner.execution_client import ExecutionClient

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
    await asyncio.to_thread(execution.delete_variable, key)
    assert await asyncio.to_thread(execution.get_variable, key) is None
    assert await asyncio.to_thread(execution.get_connection, f"{dag_id}-none") is None


async def test_another_tasks_xcom_is_refused(execution: ExecutionClient, dag_id: str) -> None:
    with pytest.raises(AirflowRuntimeError, match=r"refused POST .*: HTTP 403"):
        await asyncio.to_thread(execution.set_xcom, dag_id, RUN_ID, "other", "k", -1, b"1")
