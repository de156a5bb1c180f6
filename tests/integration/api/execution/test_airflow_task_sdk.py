"""Airflow's own `airflow.sdk.api.client.Client`, unmodified, in an environment of its own: each of its methods against
a live API, with the effect read back. Calls come twice: the second gives the same."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.api.execution.conftest import Place
from tests.servers.task_sdk import SdkClient, SdkError, TaskSdk, message
from tradewind.core.spec import TaskSpec
from tradewind.core.states import DagRunState
from tradewind.service.tokens import AttemptClaims

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.full]
"""Its environment takes a minute to install: only by `make test-full` or by name."""

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIRST = datetime(2026, 1, 2, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="session")
async def place(place: Place, sdk: TaskSdk) -> Place:
    return replace(place, sdk=sdk)


async def twice(client: SdkClient, group: str, method: str, *args: object, **kwargs: object) -> Any:
    """The answer, which is the same the second time."""
    first = await client.call(group, method, *args, **kwargs)
    assert await client.call(group, method, *args, **kwargs) == first
    return first


async def running(place: Place, task_id: str = "work") -> tuple[SdkClient, AttemptClaims]:
    """A supervisor that has started its attempt."""
    claims = await place.queued(task_id)
    client = place.client(claims)
    await client.call("task_instances", "start", claims.attempt_id, 4711, NOON)
    return client, claims


async def test_an_attempt_starts_lives_and_succeeds(place: Place) -> None:
    claims = await place.queued()
    await place.scene.add_task_instances(place.run, place.tasks["other"])
    client, id_ = place.client(claims), claims.attempt_id
    workload = client.token
    context = await twice(client, "task_instances", "start", id_, 4711, NOON)
    assert client.token != workload
    assert (context["dag_run"]["run_id"], context["max_tries"], context["should_retry"]) == ("r", 2, True)
    rival = place.client(claims)
    with pytest.raises(SdkError) as refused:
        await rival.call("task_instances", "start", id_, 4712, NOON)
    assert refused.value.raised in ("TaskAlreadyRunningError", "ServerResponseError")

    await twice(client, "task_instances", "heartbeat", id_, 4711)
    await twice(client, "task_instances", "set_rtif", id_, {"bash_command": "echo 1"})
    await twice(client, "task_instances", "set_rendered_map_index", id_, "tuesday")
    skip = message("SkipDownstreamTasks", tasks=["other"])
    await twice(client, "task_instances", "skip_downstream_tasks", id_, skip)
    assert (await twice(client, "task_instances", "validate_inlets_and_outlets", id_))["inactive_assets"] == []
    assert (await twice(client, "task_instances", "get_reschedule_start_date", id_))["start_date"] is None
    key = {"name": place.asset.name, "uri": place.asset.uri}
    outlets, events = [{**key, "type": "Asset"}], [{"dest_asset_key": key, "extra": {"n": 1}}]
    end = (id_, NOON, outlets, events, "wednesday")
    await twice(client, "task_instances", "succeed", *end)

    row = await place.row()
    assert (row["state"], row["rendered_map_index"]) == ("success", "wednesday")
    assert row["rendered_fields"] == b'{"bash_command":"echo 1"}'
    assert (await place.row("other"))["skip_requested"] is True
    (event,) = await place.api.database.fetch("SELECT * FROM asset_event WHERE source_dag_id = $1", place.dag_id)
    assert event["extra"] == {"n": 1}
    with pytest.raises(SdkError) as gone:
        await client.call("task_instances", "heartbeat", id_, 4711)
    assert gone.value.status == 409


@pytest.mark.parametrize(
    ("method", "args", "state"),
    [
        ("finish", ("failed", NOON, None), "failed"),
        ("finish", ("skipped", NOON, None), "skipped"),
        ("retry", (NOON, None, 5.0, "flaky"), "up_for_retry"),
        ("reschedule", (message("RescheduleTask", reschedule_date=NOON, end_date=NOON),), "up_for_reschedule"),
        (
            "defer",
            (message("DeferTask", classpath="a.B", trigger_kwargs={"n": 1}, next_method="go", next_kwargs={}),),
            "deferred",
        ),
    ],
    ids=["failed", "skipped", "retry", "reschedule", "defer"],
)
async def test_other_ends(place: Place, method: str, args: tuple[Any, ...], state: str) -> None:
    client, claims = await running(place)
    await twice(client, "task_instances", method, claims.attempt_id, *args)
    assert (await place.row())["state"] == state


async def test_a_person_is_asked(place: Place) -> None:
    client, claims = await running(place)
    asked = {"ti_id": claims.attempt_id, "options": ["yes", "no"], "subject": "Go on?"}
    assert (await twice(client, "hitl", "add_response", **asked))["subject"] == "Go on?"
    assert not (await twice(client, "hitl", "get_detail_response", ti_id=claims.attempt_id))["response_received"]
    given: dict[str, Any] = {"ti_id": claims.attempt_id, "chosen_options": ["yes"], "params_input": {}}
    assert (await client.call("hitl", "update_response", **given))["chosen_options"] == ["yes"]
    with pytest.raises(SdkError) as again:
        await client.call("hitl", "update_response", **given)
    assert again.value.status == 409
    assert (await client.call("hitl", "get_detail_response", ti_id=claims.attempt_id))["response_received"]
    await client.call("hitl", "add_response", **asked)
    waiting = message("AwaitInputTask", next_method="execute_complete", next_kwargs={})
    await twice(client, "task_instances", "await_input", claims.attempt_id, waiting)
    assert (await place.row())["state"] == "awaiting_input"


async def test_xcoms(place: Place) -> None:
    client, _ = await running(place)
    own = (place.dag_id, "r", "work")
    await twice(client, "xcoms", "set", *own, "k/1", {"a": [1, None]})
    assert (await twice(client, "xcoms", "get", *own, "k/1"))["value"] == {"a": [1, None]}
    await twice(client, "xcoms", "set", *own, "return_value", None)
    await twice(client, "xcoms", "set", *own, "return_value", [1, 2], mapped_length=2, dag_result=True)
    assert (await place.row())["map_length"] == 2
    assert (await twice(client, "xcoms", "head", *own, "return_value"))["len"] == 1
    assert await twice(client, "xcoms", "get_sequence_item", *own, "return_value", -1) == [1, 2]
    missing = await twice(client, "xcoms", "get_sequence_item", *own, "return_value", 7)
    assert missing["error"] == "XCOM_NOT_FOUND"
    bounds = {"start": None, "stop": None, "step": -1}
    assert await twice(client, "xcoms", "get_sequence_slice", *own, "return_value", **bounds) == [[1, 2]]
    await twice(client, "xcoms", "delete", *own, "k/1")
    assert (await twice(client, "xcoms", "get", *own, "k/1"))["value"] is None
    with pytest.raises(SdkError) as foreign:
        await client.call("xcoms", "set", place.dag_id, "r", "other", "k", 1)
    assert foreign.value.status == 403


async def test_variables_and_connections(place: Place) -> None:
    client, _ = await running(place)
    names = [f"{place.dag_id}/{n}" for n in range(3)]
    for name in names:
        await twice(client, "variables", "set", name, f"value of {name}", "why")
    assert await twice(client, "variables", "get", names[0]) == {"key": names[0], "value": f"value of {names[0]}"}
    page = await twice(client, "variables", "keys", f"{place.dag_id}/", 2, 1)
    assert page == {"keys": names[1:], "total_entries": 3}
    await twice(client, "variables", "delete", names[0])
    assert (await twice(client, "variables", "get", names[0]))["error"] == "VARIABLE_NOT_FOUND"
    fields = {"conn_type": "http", "host": "h", "password": "p", "port": 1, "extra": '{"t": 1}'}
    await place.api.client.post("/api/v2/connections", json={"connection_id": place.dag_id, **fields})
    found = await twice(client, "connections", "get", place.dag_id)
    assert {name: found[name] for name in fields} == fields
    assert (await twice(client, "connections", "get", "none"))["error"] == "CONNECTION_NOT_FOUND"


async def test_runs_and_dags(place: Place) -> None:
    client, claims = await running(place)
    wanted = {"conf": {"x": 1}, "logical_date": datetime(2026, 1, 5, tzinfo=UTC), "note": "why"}
    assert (await client.call("dag_runs", "trigger", place.dag_id, "new", **wanted))["ok"]
    assert (await client.call("dag_runs", "trigger", place.dag_id, "new", **wanted))["error"] == "DAGRUN_ALREADY_EXISTS"
    assert (await client.call("dag_runs", "trigger", place.dag_id, "new", **wanted, reset_dag_run=True))["ok"]
    assert (await twice(client, "dag_runs", "clear", place.dag_id, "new"))["ok"]
    made = await twice(client, "dag_runs", "get_detail", place.dag_id, "new")
    assert (made["run_type"], made["conf"], made["note"]) == ("operator_triggered", {"x": 1}, "why")
    assert made["triggering_user_name"] == "ada"
    assert await twice(client, "dag_runs", "get_state", place.dag_id, "new") == {"state": "queued"}
    assert (await twice(client, "dag_runs", "get_count", place.dag_id, run_ids=["r", "new"]))["count"] == 2
    assert (await twice(client, "dag_runs", "get_count", place.dag_id, logical_dates=[FIRST]))["count"] == 1
    before = await twice(client, "dag_runs", "get_previous", place.dag_id, wanted["logical_date"])
    assert before["dag_run"]["run_id"] == "r"
    none = await twice(client, "dag_runs", "get_previous", place.dag_id, wanted["logical_date"], "failed")
    assert none["dag_run"] is None
    dag = await twice(client, "dags", "get", place.dag_id)
    assert (dag["owners"], dag["is_paused"], dag["bundle_name"]) == ("ada, bob", False, "dags-folder")
    for group, method, names in (
        ("dag_runs", "get_state", (place.dag_id, "none")),
        ("dag_runs", "get_detail", (place.dag_id, "none")),
        ("dags", "get", ("none",)),
    ):
        with pytest.raises(SdkError) as missing:
            await client.call(group, method, *names)
        assert (missing.value.status, missing.value.detail["reason"]) == (404, "not_found")
    earlier = await twice(client, "task_instances", "get_previous_successful_dagrun", claims.attempt_id)
    assert earlier["start_date"] is None


async def test_other_task_instances(place: Place) -> None:
    other = await place.scene.start_attempt(place.run, place.tasks["other"])
    await place.scene.end_attempt(other)
    client, _ = await running(place)
    group = "task_instances"
    assert (await twice(client, group, "get_count", place.dag_id, task_ids=["other"], states=["success"]))["count"] == 1
    assert (await twice(client, group, "get_count", place.dag_id, logical_dates=[FIRST], run_ids=["r"]))["count"] == 2
    states = (await twice(client, group, "get_task_states", place.dag_id, run_ids=["r"]))["task_states"]
    assert states == {"r": {"other": "success", "work": "running"}}
    crumbs = (await twice(client, group, "get_task_breakcrumbs", place.dag_id, "r"))["breadcrumbs"]
    assert [(crumb["task_id"], crumb["state"]) for crumb in crumbs] == [("other", "success")]
    before = datetime(2026, 1, 3, tzinfo=UTC)
    found = await twice(client, group, "get_previous", place.dag_id, "other", logical_date=before, state="success")
    assert found["task_instance"]["run_id"] == "r"
    assert (await twice(client, group, "get_previous", place.dag_id, "other", state="failed"))["task_instance"] is None
    with pytest.raises(SdkError) as unknown:
        await client.call(group, "get_count", place.dag_id, task_group_id="none")
    assert (unknown.value.status, unknown.value.detail["reason"]) == (404, "not_found")


async def test_the_run_before_that_succeeded(place: Place) -> None:
    body = {"dag_run_id": "later", "logical_date": "2026-01-09T00:00:00Z"}
    await place.api.client.post(f"/api/v2/dags/{place.dag_id}/dagRuns", json=body)
    await place.scene.end_run(place.run, DagRunState.SUCCESS)
    (later,) = await place.scene.start_runs(place.dag_id)
    attempt_id = await place.scene.queue_attempt(later, TaskSpec(task_id="work"))
    claims = AttemptClaims(
        attempt_id=attempt_id, dag_id=place.dag_id, run_id="later", task_id="work", map_index=-1, try_number=1
    )
    client = place.client(claims)
    await client.call("task_instances", "start", attempt_id, 4711, NOON)
    found = await twice(client, "task_instances", "get_previous_successful_dagrun", attempt_id)
    assert found["start_date"] is not None


async def test_assets_and_their_events(place: Place) -> None:
    first, claims = await running(place)
    alias, key = f"{place.dag_id} alias", {"name": place.asset.name, "uri": place.asset.uri}
    outlets = [{**key, "type": "Asset"}, {"name": alias, "type": "AssetAlias"}]
    through = {"source_alias_name": alias, "dest_asset_key": key, "dest_asset_extra": {}, "extra": {"n": 2}}
    events = [{"dest_asset_key": key, "extra": {"n": 1}}, through]
    await first.call("task_instances", "succeed", claims.attempt_id, NOON, outlets, events, None)
    client, _ = await running(place, "other")

    by_name = await twice(client, "assets", "get", name=place.asset.name)
    assert by_name == await twice(client, "assets", "get", uri=place.asset.uri)
    assert (by_name["uri"], by_name["extra"]) == (place.asset.uri, {"k": "v"})
    assert (await twice(client, "assets", "get", name="none"))["error"] == "ASSET_NOT_FOUND"
    (aliased,) = (await twice(client, "assets", "get_by_alias", alias))["assets"]
    assert aliased["name"] == place.asset.name
    found = await twice(client, "asset_events", "get", name=place.asset.name, ascending=False)
    assert [event["extra"]["n"] for event in found["asset_events"]] == [2, 1]
    late = await twice(client, "asset_events", "get", uri=place.asset.uri, after=datetime(2099, 1, 1, tzinfo=UTC))
    assert late["asset_events"] == []
    (one,) = (await twice(client, "asset_events", "get", alias_name=alias, limit=5))["asset_events"]
    assert (one["extra"], one["source_task_id"]) == ({"n": 2}, "work")


async def test_values_that_are_kept(place: Place) -> None:
    client, claims = await running(place)
    own = claims.attempt_id
    await twice(client, "task_state_store", "set", own, "a/ä", {"id": [1, None]}, None)
    assert await twice(client, "task_state_store", "get", own, "a/ä") == {"value": {"id": [1, None]}}
    await twice(client, "task_state_store", "delete", own, "a/ä")
    assert (await twice(client, "task_state_store", "get", own, "a/ä"))["error"] == "TASK_STORE_NOT_FOUND"
    await client.call("task_state_store", "set", own, "b", 1, None)
    await twice(client, "task_state_store", "clear", own)
    assert (await client.call("task_state_store", "get", own, "b"))["error"] == "TASK_STORE_NOT_FOUND"
    for named in ({"name": place.asset.name}, {"uri": place.asset.uri}):
        await twice(client, "asset_state_store", "set", "k", {"offset": 1}, **named)
        assert await twice(client, "asset_state_store", "get", "k", **named) == {"value": {"offset": 1}}
        await twice(client, "asset_state_store", "delete", "k", **named)
        assert (await client.call("asset_state_store", "get", "k", **named))["error"] == "ASSET_STORE_NOT_FOUND"
        await client.call("asset_state_store", "set", "l", 1, **named)
        await twice(client, "asset_state_store", "clear", **named)
        assert (await client.call("asset_state_store", "get", "l", **named))["error"] == "ASSET_STORE_NOT_FOUND"
    with pytest.raises(SdkError) as unknown:
        await client.call("asset_state_store", "set", "k", 1, name="nobody's")
    assert unknown.value.status == 404
