# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false
# The client's package exports its models at run time only, and types its exceptions in part.
"""The package `apache-airflow-client`, unmodified, against the API: each call parses into its typed model, and what it
wrote or asked for is there."""

import asyncio
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import ParamSpec, TypeVar

import pytest
import pytest_asyncio
from airflow_client import client as airflow
from airflow_client.client import exceptions, models
from airflow_client.client.api import (
    backfill_api,
    connection_api,
    dag_api,
    dag_run_api,
    dag_version_api,
    event_log_api,
    import_error_api,
    monitor_api,
    pool_api,
    task_api,
    task_instance_api,
    task_state_store_api,
    variable_api,
    version_api,
    x_com_api,
)

from tests.servers.api import ApiServer
from tests.servers.scene import Attempt, Scene
from tradewind.core.spec import DagSpec, TaskSpec, TimetableSpec

pytestmark = pytest.mark.asyncio(loop_scope="session")

P = ParamSpec("P")
T = TypeVar("T")

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
EXTRACT = TaskSpec(task_id="extract", task_type="PythonOperator", retries=1, retry_delay_seconds=90.0)


async def call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The client blocks."""
    return await asyncio.to_thread(function, *args, **kwargs)


@pytest.fixture
def client(api: ApiServer) -> Generator[airflow.ApiClient]:
    configuration = airflow.Configuration(host=api.url, access_token=api.token)
    with airflow.ApiClient(configuration) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def attempt(api: ApiServer, scene: Scene, dag_id: str) -> Attempt:
    """A running attempt in the run `r`."""
    params = {"size": {"value": 3, "schema": {"type": "integer"}, "description": None, "source": None}}
    spec = DagSpec(
        dag_id=dag_id,
        relative_fileloc=f"{dag_id}.py",
        tasks=(EXTRACT, TaskSpec(task_id="load")),
        tags=("t",),
        owners=("ada",),
        params=dict(params),
        timetable_summary="@daily",
        timetable_periodic=True,
    )
    await scene.write_dag(spec)
    await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "r", "conf": {"a": 1}})
    [run] = await scene.start_runs(dag_id)
    await scene.add_task_instances(run, TaskSpec(task_id="load"))
    return await scene.start_attempt(run, EXTRACT)


async def test_version_and_health(client: airflow.ApiClient) -> None:
    version = await call(version_api.VersionApi(client).get_version)
    health = await call(monitor_api.MonitorApi(client).get_health)

    assert isinstance(version, models.VersionInfo)
    assert version.version
    assert isinstance(health, models.HealthInfoResponse)
    assert health.metadatabase.status == "healthy"
    assert health.triggerer.status is None


async def test_dags(client: airflow.ApiClient, attempt: Attempt) -> None:
    dags = dag_api.DAGApi(client)
    listed = await call(
        dags.get_dags,
        limit=10,
        offset=0,
        tags=["t"],
        tags_match_mode="all",
        owners=["ada"],
        dag_id_pattern=attempt.dag_id,
        dag_display_name_prefix_pattern=attempt.dag_id,
        exclude_stale=True,
        paused=False,
        has_import_errors=False,
        last_dag_run_state=models.DagRunState.RUNNING,
        dag_run_state=["running"],
        dag_run_start_date_gte=datetime(2020, 1, 1, tzinfo=UTC),
        order_by=["-last_run_start_date", "dag_id"],
    )
    dag = await call(dags.get_dag, attempt.dag_id)
    details = await call(dags.get_dag_details, attempt.dag_id)
    paused = await call(dags.patch_dag, attempt.dag_id, models.DAGPatchBody(is_paused=True), update_mask=["is_paused"])
    unpaused = await call(dags.patch_dags, models.DAGPatchBody(is_paused=False), dag_id_pattern=attempt.dag_id)

    assert isinstance(listed, models.DAGCollectionResponse)
    assert listed.total_entries == 1
    assert listed.dags == [dag]
    assert dag.tags[0].name == "t"
    assert dag.timetable_periodic
    assert details.params == {"size": {"value": 3, "schema": {"type": "integer"}, "description": None, "source": None}}
    assert details.latest_dag_version is not None
    assert (paused.is_paused, unpaused.dags[0].is_paused) == (True, False)
    assert not (await call(dags.get_dag, attempt.dag_id)).is_paused


async def test_dag_runs(client: airflow.ApiClient, attempt: Attempt) -> None:
    runs = dag_run_api.DagRunApi(client)
    body = models.TriggerDAGRunPostBody(
        dag_run_id="mine",
        logical_date=NOON,
        data_interval_start=NOON,
        data_interval_end=NOON,
        run_after=NOON,
        conf={"size": 5},
        note="n",
    )
    created = await call(runs.trigger_dag_run, attempt.dag_id, body)
    bare = await call(runs.trigger_dag_run, attempt.dag_id, models.TriggerDAGRunPostBody())
    null = await call(runs.trigger_dag_run, attempt.dag_id, models.TriggerDAGRunPostBody(logical_date=None))
    read = await call(runs.get_dag_run, attempt.dag_id, "mine")
    listed = await call(
        runs.get_dag_runs,
        "~",
        dag_id_prefix_pattern=attempt.dag_id,
        run_after_lte=NOON,
        logical_date_gte=NOON,
        state=["queued"],
        run_type=["manual"],
        conf_contains="size",
        order_by=["-run_after"],
        limit=5,
    )
    by_cursor = await call(runs.get_dag_runs, attempt.dag_id, cursor="", limit=1)

    assert isinstance(created, models.DAGRunResponse)
    assert created == read
    assert (read.logical_date, read.conf, read.note) == (NOON, {"size": 5}, "n")
    assert read.state is models.DagRunState.QUEUED
    assert read.dag_versions[0].version_number == 1
    assert bare.dag_run_id != null.dag_run_id
    assert (bare.logical_date, null.logical_date) == (None, None)
    assert listed.dag_runs == [read]
    assert by_cursor.next_cursor is not None


async def test_task_instances(client: airflow.ApiClient, scene: Scene, attempt: Attempt) -> None:
    instances = task_instance_api.TaskInstanceApi(client)
    place = (attempt.dag_id, attempt.run_id)
    running = await call(instances.get_task_instance, *place, "extract")
    await scene.end_attempt(attempt, rendered_fields=b'{"a": 1}')
    ended = await call(instances.get_task_instance, *place, "extract")
    listed = await call(
        instances.get_task_instances, *place, state=["success", "no_status"], order_by=["-map_index"], limit=10
    )
    everywhere = await call(instances.get_task_instances, "~", "~", dag_id_pattern=attempt.dag_id, try_number=[1])
    tries = await call(instances.get_task_instance_tries, *place, "extract")
    by_index = await call(instances.get_mapped_task_instance, *place, "extract", -1)

    assert running.state is models.TaskInstanceState.RUNNING
    assert ended.state is models.TaskInstanceState.SUCCESS
    assert ended.rendered_fields == {"a": 1}
    assert {ti.task_id: ti.state for ti in listed.task_instances} == {"extract": ended.state, "load": None}
    assert everywhere.task_instances == [ended] == [by_index]
    assert [past.try_number for past in tries.task_instances] == [1]


async def test_dependencies(client: airflow.ApiClient, attempt: Attempt) -> None:
    instances = task_instance_api.TaskInstanceApi(client)
    place = (attempt.dag_id, attempt.run_id)
    waiting = await call(instances.get_task_instance_dependencies, *place, "load")
    by_index = await call(instances.get_task_instance_dependencies_by_map_index, *place, "load", -1)
    running = await call(instances.get_task_instance_dependencies, *place, "extract", map_index=-1)

    assert [each.name for each in waiting.dependencies] == ["Task Instance State"]
    assert all(each.reason for each in waiting.dependencies)
    assert by_index == waiting
    assert running.dependencies == []


async def test_what_people_do(client: airflow.ApiClient, attempt: Attempt) -> None:
    instances, runs = task_instance_api.TaskInstanceApi(client), dag_run_api.DagRunApi(client)
    dag_id, run_id = attempt.dag_id, attempt.run_id
    body = models.ClearTaskInstancesBody(
        dag_run_id=run_id,
        task_ids=[models.ClearTaskInstancesBodyTaskIdsInner("extract")],
        only_failed=False,
        dry_run=False,
        note="again",
    )
    cleared = await call(instances.post_clear_task_instances, dag_id, body)
    assert [(ti.task_id, ti.state, ti.note) for ti in cleared.task_instances] == [("extract", "restarting", "again")]
    mark = models.PatchTaskInstanceBody(new_state=models.TaskInstanceState.SUCCESS)
    dry = await call(instances.patch_task_instance_dry_run, dag_id, run_id, "extract", mark)
    assert [ti.state for ti in dry.task_instances] == ["restarting"]
    marked = await call(instances.patch_task_instance, dag_id, run_id, "extract", mark)
    assert [ti.state for ti in marked.task_instances] == ["success"]
    tries = await call(instances.get_task_instance_tries, dag_id, run_id, "extract")
    assert [(one.try_number, one.state) for one in tries.task_instances] == [(1, "success")]
    patch = models.DAGRunPatchBody(state=models.DagRunMutableStates.FAILED, note="enough")
    run = await call(runs.patch_dag_run, dag_id, run_id, patch)
    assert (run.state, run.note) == ("failed", "enough")
    again = await call(runs.clear_dag_run, dag_id, run_id, models.DAGRunClearBody(dry_run=False))
    assert isinstance(again.actual_instance, models.DAGRunResponse)
    assert again.actual_instance.state == "queued"
    versions = await call(dag_version_api.DagVersionApi(client).get_dag_versions, dag_id)
    assert [version.version_number for version in versions.dag_versions] == [1]
    await call(runs.delete_dag_run, dag_id, run_id)
    with pytest.raises(exceptions.NotFoundException):
        await call(runs.get_dag_run, dag_id, run_id)
    await call(dag_api.DAGApi(client).delete_dag, dag_id)
    with pytest.raises(exceptions.NotFoundException):
        await call(dag_api.DAGApi(client).get_dag, dag_id)


async def test_logs(client: airflow.ApiClient, scene: Scene, attempt: Attempt) -> None:
    await scene.end_attempt(attempt, log=b'{"timestamp": "2026-11-20T12:00:00Z", "event": "hello", "more": 1}\n')
    instances = task_instance_api.TaskInstanceApi(client)

    log = await call(instances.get_log, attempt.dag_id, attempt.run_id, "extract", 1, full_content=True, map_index=-1)

    assert isinstance(log, models.TaskInstancesLogResponse)
    assert log.continuation_token is None
    records = log.content.actual_instance
    assert isinstance(records, list)
    header, hello = records
    assert isinstance(hello, models.StructuredLogMessage)
    assert isinstance(header, models.StructuredLogMessage)
    assert str(attempt.attempt_id) in header.event
    assert (hello.event, hello.timestamp) == ("hello", NOON)


async def test_xcoms(client: airflow.ApiClient, scene: Scene, attempt: Attempt) -> None:
    await scene.end_attempt(attempt, xcoms=[("return_value", b'{"a": [1, null]}')])
    xcoms, place = x_com_api.XComApi(client), (attempt.dag_id, attempt.run_id, "extract")

    listed = await call(xcoms.get_xcom_entries, *place, xcom_key="return_value", limit=5)
    native = await call(xcoms.get_xcom_entry, attempt.dag_id, "extract", attempt.run_id, "return_value")
    text = await call(
        xcoms.get_xcom_entry,
        attempt.dag_id,
        "extract",
        attempt.run_id,
        "return_value",
        stringify=True,
        deserialize=True,
    )

    assert [entry.key for entry in listed.xcom_entries] == ["return_value"]
    assert isinstance(native.actual_instance, models.XComResponseNative)
    assert native.actual_instance.value == {"a": [1, None]}
    assert text.actual_instance is not None
    assert text.actual_instance.value == "{'a': [1, None]}"


async def test_xcoms_that_people_write(client: airflow.ApiClient, attempt: Attempt) -> None:
    xcoms, place = x_com_api.XComApi(client), (attempt.dag_id, "extract", attempt.run_id)
    body = models.XComCreateBody(key="a/b", value={"n": [1, None]}, map_index=-1)

    created = await call(xcoms.create_xcom_entry, *place, body)
    with pytest.raises(exceptions.ConflictException):
        await call(xcoms.create_xcom_entry, *place, body)
    changed = await call(xcoms.update_xcom_entry, *place, "a/b", models.XComUpdateBody(value=2, map_index=-1))
    await call(xcoms.delete_xcom_entry, *place, "a/b")

    assert (created.key, created.value, created.task_display_name) == ("a/b", {"n": [1, None]}, "extract")
    assert (changed.key, changed.value) == ("a/b", 2)
    for ask in (
        call(xcoms.delete_xcom_entry, *place, "a/b"),
        call(xcoms.update_xcom_entry, *place, "a/b", models.XComUpdateBody(value=2)),
        call(xcoms.create_xcom_entry, attempt.dag_id, "nothing", attempt.run_id, body),
        call(xcoms.create_xcom_entry, attempt.dag_id, "extract", "no_run", body),
    ):
        with pytest.raises(exceptions.NotFoundException):
            await ask
    for value in ({"a": [{"__classname__": "os.system"}]}, '{"__var": 1}'):
        with pytest.raises(exceptions.UnprocessableEntityException, match="reserved"):
            await call(xcoms.create_xcom_entry, *place, models.XComCreateBody(key="k", value=value))


async def test_values_that_tasks_keep(client: airflow.ApiClient, attempt: Attempt) -> None:
    kept, place = task_state_store_api.TaskStateStoreApi(client), (attempt.dag_id, attempt.run_id, "extract")
    for key, value in (("a/b", {"n": [1]}), ("c", 2)):
        await call(kept.set_task_state_store, key, *place, models.TaskStateStoreBody(value=value))
    await call(kept.patch_task_state_store, "c", *place, models.TaskStateStorePatchBody(value=3))
    listed = await call(kept.list_task_state_store, *place, limit=1)
    one = await call(kept.get_task_state_store, "c", *place)
    await call(kept.delete_task_state_store, "a/b", *place)
    await call(kept.clear_task_state_store, *place, all_map_indices=True)
    empty = await call(kept.list_task_state_store, *place)

    assert (listed.total_entries, [entry.key for entry in listed.task_state_store]) == (2, ["a/b"])
    assert (listed.task_state_store[0].value, one.value, empty.total_entries) == ({"n": [1]}, 3, 0)
    for ask in (
        call(kept.get_task_state_store, "a/b", *place),
        call(kept.patch_task_state_store, "c", *place, models.TaskStateStorePatchBody(value=1)),
        call(kept.set_task_state_store, "c", *place, models.TaskStateStoreBody(value=1), map_index=7),
        call(kept.clear_task_state_store, attempt.dag_id, attempt.run_id, "nothing"),
        call(kept.delete_task_state_store, "c", *place, map_index=7),
    ):
        with pytest.raises(exceptions.NotFoundException):
            await ask
    for value in (None, "x" * 65_535):
        with pytest.raises(exceptions.UnprocessableEntityException):
            await call(kept.set_task_state_store, "c", *place, models.TaskStateStoreBody(value=value))


async def test_tasks(client: airflow.ApiClient, attempt: Attempt) -> None:
    tasks = task_api.TaskApi(client)

    listed = await call(tasks.get_tasks, attempt.dag_id, order_by="-task_id")
    one = await call(tasks.get_task, attempt.dag_id, "extract")

    assert [task.task_id for task in listed.tasks] == ["load", "extract"]
    assert one == listed.tasks[1]
    assert one.retry_delay is not None
    assert (one.retry_delay.days, one.retry_delay.seconds) == (0, 90)


async def test_import_errors_and_pools(client: airflow.ApiClient, scene: Scene, dag_id: str) -> None:
    await scene.break_file(f"{dag_id}.py", "Traceback\n")
    errors = import_error_api.ImportErrorApi(client)

    listed = await call(errors.get_import_errors, filename_pattern=dag_id, order_by=["-timestamp"])
    one = await call(errors.get_import_error, listed.import_errors[0].import_error_id)
    pools = await call(pool_api.PoolApi(client).get_pools, pool_name_pattern="default_pool")
    pool = await call(pool_api.PoolApi(client).get_pool, "default_pool")

    assert listed.import_errors == [one]
    assert (one.filename, one.stack_trace) == (f"{dag_id}.py", "Traceback\n")
    assert [entry.name for entry in pools.pools] == [pool.name] == ["default_pool"]


async def test_variables(client: airflow.ApiClient, dag_id: str) -> None:
    variables = variable_api.VariableApi(client)
    body = models.VariableBody(key=dag_id, value="text", description="d")

    created = await call(variables.post_variable, body)
    changed = await call(variables.patch_variable, dag_id, models.VariableBody(key=dag_id, value="new"))
    listed = await call(variables.get_variables, variable_key_pattern=dag_id)
    read = await call(variables.get_variable, dag_id)
    await call(variables.delete_variable, dag_id)

    assert (created.value, created.description, created.is_encrypted) == ("text", "d", True)
    assert changed.value == "new"
    assert listed.variables == [read]
    with pytest.raises(exceptions.NotFoundException):
        await call(variables.get_variable, dag_id)


async def test_connections(client: airflow.ApiClient, dag_id: str) -> None:
    connections = connection_api.ConnectionApi(client)
    body = models.ConnectionBody(
        connection_id=dag_id, conn_type="http", host="h", login="l", password="p", port=80, extra='{"a": 1}'
    )

    created = await call(connections.post_connection, body)
    changed = await call(
        connections.patch_connection,
        dag_id,
        models.ConnectionBody(connection_id=dag_id, conn_type="http", host="other"),
        update_mask=["host"],
    )
    listed = await call(connections.get_connections, connection_id_pattern=dag_id)
    read = await call(connections.get_connection, dag_id)
    await call(connections.delete_connection, dag_id)

    assert (created.host, created.password, created.port, created.extra) == ("h", "***", 80, '{"a": 1}')
    assert changed == read
    assert (changed.host, changed.login) == ("other", "l")
    assert listed.connections == [read]
    with pytest.raises(exceptions.NotFoundException):
        await call(connections.delete_connection, dag_id)


async def test_errors_are_the_clients_own(api: ApiServer, client: airflow.ApiClient, attempt: Attempt) -> None:
    runs = dag_run_api.DagRunApi(client)
    same = models.TriggerDAGRunPostBody(dag_run_id="r")
    reserved = models.TriggerDAGRunPostBody(dag_run_id="scheduled__x")
    with airflow.ApiClient(airflow.Configuration(host=api.url)) as nobody:
        anonymous = dag_run_api.DagRunApi(nobody)

        with pytest.raises(exceptions.UnauthorizedException):
            await call(anonymous.get_dag_runs, attempt.dag_id)
    with pytest.raises(exceptions.NotFoundException) as not_found:
        await call(runs.get_dag_run, attempt.dag_id, "nope")
    with pytest.raises(exceptions.ConflictException) as conflict:
        await call(runs.trigger_dag_run, attempt.dag_id, same)
    with pytest.raises(exceptions.BadRequestException):
        await call(runs.trigger_dag_run, attempt.dag_id, reserved)
    with pytest.raises(exceptions.UnprocessableEntityException) as unprocessable:
        await call(runs.get_dag_runs, attempt.dag_id, state=["gone"])

    assert isinstance(not_found.value.data, models.HTTPExceptionResponse)
    assert isinstance(conflict.value.data, models.HTTPExceptionResponse)
    assert unprocessable.value.status == 422


async def test_backfills(client: airflow.ApiClient, scene: Scene, dag_id: str) -> None:
    timetable = TimetableSpec(kind="cron_trigger", data={"expression": "@daily", "timezone": "UTC"})
    await scene.write_dag(
        DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(EXTRACT,), timetable=timetable)
    )
    backfills = backfill_api.BackfillApi(client)
    body = models.BackfillPostBody(
        dag_id=dag_id,
        from_date=datetime(2024, 1, 1, tzinfo=UTC),
        to_date=datetime(2024, 1, 3, tzinfo=UTC),
        run_backwards=True,
        reprocess_behavior=models.ReprocessBehavior.FAILED,
        max_active_runs=2,
        dag_run_conf={"a": 1},
    )

    dry = await call(backfills.create_backfill_dry_run, body)
    assert [each.logical_date.day for each in dry.backfills if each.logical_date is not None] == [3, 2, 1]
    backfill = await call(backfills.create_backfill, body)
    assert (backfill.dag_id, backfill.max_active_runs, backfill.is_paused) == (dag_id, 2, False)
    with pytest.raises(exceptions.ConflictException):
        await call(backfills.create_backfill, body)
    assert (await call(backfills.list_backfills, dag_id)).backfills == [backfill]
    assert (await call(backfills.pause_backfill, backfill.id)).is_paused is True
    assert (await call(backfills.unpause_backfill, backfill.id)).is_paused is False
    assert (await call(backfills.cancel_backfill, backfill.id)).completed_at is not None
    assert (await call(backfills.get_backfill, backfill.id)).completed_at is not None
    with pytest.raises(exceptions.ConflictException):
        await call(backfills.pause_backfill, backfill.id)
    with pytest.raises(exceptions.NotFoundException):
        await call(backfills.get_backfill, 2**40)
    body.from_date = datetime(2024, 2, 1, tzinfo=UTC)
    with pytest.raises(exceptions.UnprocessableEntityException):
        await call(backfills.create_backfill, body)


async def test_event_logs(client: airflow.ApiClient, attempt: Attempt) -> None:
    api = event_log_api.EventLogApi(client)
    note = models.DAGRunPatchBody(note="seen")
    await call(dag_run_api.DagRunApi(client).patch_dag_run, attempt.dag_id, attempt.run_id, note)

    page = await call(api.get_event_logs, dag_id=attempt.dag_id, event="patch_dag_run", order_by=["-when"])

    [event] = page.event_logs
    assert page.total_entries == 1
    assert (event.dag_id, event.run_id, event.owner) == (attempt.dag_id, attempt.run_id, "ada")
    assert event.extra == '{"note": "seen"}'
    one = await call(api.get_event_log, event.event_log_id)
    assert one == event
    with pytest.raises(exceptions.NotFoundException):
        await call(api.get_event_log, 987654321)
