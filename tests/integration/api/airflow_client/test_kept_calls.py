# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false
# The client's package exports its models at run time only, and types its exceptions in part.
"""`apache-airflow-client` changes pools, variables and connections, also many at once, and asks what is installed."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from typing import Any, ParamSpec, TypeVar

import pytest
from airflow_client import client as airflow
from airflow_client.client import exceptions, models
from airflow_client.client.api import (
    connection_api,
    job_api,
    plugin_api,
    pool_api,
    provider_api,
    variable_api,
)

from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.service.clock import utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")

P = ParamSpec("P")
T = TypeVar("T")


async def call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The client blocks."""
    return await asyncio.to_thread(function, *args, **kwargs)


@pytest.fixture
def client(api: ApiServer) -> Generator[airflow.ApiClient]:
    with airflow.ApiClient(airflow.Configuration(host=api.url, access_token=api.token)) as client:
        yield client


async def test_pools(client: airflow.ApiClient, dag_id: str) -> None:
    pools = pool_api.PoolApi(client)

    created = await call(pools.post_pool, models.PoolBody(name=dag_id, slots=2))
    change = models.PoolPatchBody(pool=dag_id, slots=3, include_deferred=True)
    changed = await call(pools.patch_pool, dag_id, change, update_mask=["slots"])
    read = await call(pools.get_pool, dag_id)
    with pytest.raises(exceptions.ConflictException):
        await call(pools.post_pool, models.PoolBody(name=dag_id, slots=2))
    await call(pools.delete_pool, dag_id)

    assert (created.slots, changed.slots, changed.include_deferred, read) == (2, 3, False, changed)
    with pytest.raises(exceptions.NotFoundException):
        await call(pools.get_pool, dag_id)
    with pytest.raises(exceptions.BadRequestException):
        await call(pools.delete_pool, "default_pool")


async def test_many_at_once(client: airflow.ApiClient, dag_id: str) -> None:
    connection_id = dag_id[:100]
    pools, variables = pool_api.PoolApi(client), variable_api.VariableApi(client)
    connections = connection_api.ConnectionApi(client)
    connection = {"connection_id": connection_id, "conn_type": "http"}

    await _create_and_delete(pools.bulk_pools, models.BulkBodyPoolBody, {"name": dag_id, "slots": 1}, dag_id)
    await _create_and_delete(
        variables.bulk_variables, models.BulkBodyVariableBody, {"key": dag_id, "value": "v"}, dag_id
    )
    await _create_and_delete(connections.bulk_connections, models.BulkBodyConnectionBody, connection, connection_id)


async def _create_and_delete(bulk: Any, body: Any, entity: Mapping[str, object], key: str) -> None:
    made = await call(bulk, body.from_dict({"actions": [{"action": "create", "entities": [entity]}]}))
    again = await call(bulk, body.from_dict({"actions": [{"action": "create", "entities": [entity]}]}))
    gone = await call(bulk, body.from_dict({"actions": [{"action": "delete", "entities": [key]}]}))

    assert made.create.success == gone.delete.success == [key]
    assert (again.create.success, again.create.errors[0]["status_code"]) == ([], 409)


async def test_connection_tests(client: airflow.ApiClient, dag_id: str) -> None:
    connections = connection_api.ConnectionApi(client)
    body = models.ConnectionTestRequestBody(connection_id=dag_id[:100], conn_type="http")

    with pytest.raises(exceptions.ForbiddenException):
        await call(connections.enqueue_connection_test, body)
    with pytest.raises(exceptions.NotFoundException):
        await call(connections.get_connection_test, "no token")


async def test_what_is_installed(client: airflow.ApiClient, scene: Scene) -> None:
    await scene.store.renew_scheduler(scene.scheduler_id, utc_now())

    jobs = await call(job_api.JobApi(client).get_jobs, is_alive=True, job_type="SchedulerJob")
    providers = await call(provider_api.ProviderApi(client).get_providers)
    plugins = await call(plugin_api.PluginApi(client).get_plugins)
    errors = await call(plugin_api.PluginApi(client).import_errors)

    assert {job.job_type for job in jobs.jobs} == {"SchedulerJob"}
    assert providers.total_entries == len(providers.providers)
    assert plugins.total_entries == len(plugins.plugins)
    assert errors.total_entries == len(errors.import_errors)
