"""The life of an attempt that a process runs over HTTP: the same guards as a worker's, the same rows, asked twice the
same answer."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi.routing import APIRoute

from tests.integration.api.execution.conftest import STARTED, Place, started
from tests.servers.api import api_server
from tradewind.api.execution.routers import ROUTERS
from tradewind.bus.memory import MemoryBroker
from tradewind.sdk import serde
from tradewind.service.clock import new_id, utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDED = "2026-11-21T12:05:00Z"


def start_body(**changed: object) -> dict[str, Any]:
    return {
        "state": "running",
        "hostname": "pod-1",
        "unixname": "ada",
        "pid": 4711,
        "start_date": STARTED,
        **changed,
    }


async def test_an_attempt_is_granted_to_one_process(place: Place) -> None:
    claims = await place.queued()
    path = f"/task-instances/{claims.attempt_id}/run"
    async with place.http(place.workload_token(claims)) as http:
        first, again = [await http.patch(path, json=start_body()) for _ in range(2)]
        other = await http.patch(path, json=start_body(pid=4712))
        restarted = await http.patch(path, json=start_body(start_date="2026-11-21T12:00:01Z"))
        same_moment = await http.patch(path, json=start_body(start_date="2026-11-21T13:00:00+01:00"))

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json() == same_moment.json()
    assert (other.status_code, restarted.status_code) == (409, 409)
    assert other.json()["detail"]["reason"] == "invalid_state"
    assert other.json()["detail"]["previous_state"] == "running"
    row = await place.row()
    assert (row["state"], row["worker_id"]) == ("running", f"http@{claims.attempt_id}")
    assert await place.workers(claims.attempt_id) == 1


async def test_it_hears_what_it_needs_to_know(place: Place) -> None:
    claims = await place.queued()
    async with place.http(place.workload_token(claims)) as http:
        answer = await http.patch(f"/task-instances/{claims.attempt_id}/run", json=start_body())

    told = answer.json()
    run = told.pop("dag_run")
    assert told == {
        "task_reschedule_count": 0,
        "max_tries": 2,
        "variables": [],
        "connections": [],
        "next_method": None,
        "next_kwargs": None,
        "xcom_keys_to_clear": [],
        "should_retry": True,
        "start_date": None,
    }
    assert (run["dag_id"], run["run_id"], run["state"], run["run_type"]) == (place.dag_id, "r", "running", "manual")
    assert (run["conf"], run["note"], run["logical_date"]) == ({"a": 1}, "why", "2026-01-02T00:00:00Z")
    assert (run["clear_number"], run["consumed_asset_events"], run["triggering_user_name"]) == (0, [], "ada")


async def test_only_a_workloads_token_starts_and_it_does_nothing_else(place: Place) -> None:
    claims, other = await place.queued(), await place.queued("other")
    async with place.http(place.workload_token(claims)) as http:
        foreign = await http.patch(f"/task-instances/{other.attempt_id}/run", json=start_body())
        early = [
            await http.patch(f"/task-instances/{claims.attempt_id}/state", json={"state": "failed", "end_date": ENDED}),
            await http.put(f"/task-instances/{claims.attempt_id}/heartbeat", json={"hostname": "pod-1", "pid": 4711}),
            await http.get("/variables/x"),
        ]
    expired = place.api.signer.mint_workload_token(claims, now=utc_now() - timedelta(hours=2), lifetime_seconds=3600)
    async with place.http(expired) as http:
        late = await http.patch(f"/task-instances/{claims.attempt_id}/run", json=start_body())

    assert [answer.status_code for answer in (foreign, *early, late)] == [403] * 5
    assert late.json()["detail"]["reason"] == "expired_token"
    assert (await place.row())["state"] == "queued"


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"state": "success", "end_date": ENDED}, "success"),
        ({"state": "failed", "end_date": ENDED}, "failed"),
        ({"state": "removed", "end_date": ENDED}, "failed"),
        ({"state": "skipped", "end_date": ENDED}, "skipped"),
        ({"state": "up_for_retry", "end_date": ENDED, "retry_delay_seconds": 7}, "up_for_retry"),
        ({"state": "up_for_reschedule", "end_date": ENDED, "reschedule_date": ENDED}, "up_for_reschedule"),
        ({"state": "deferred", "classpath": "a.B", "trigger_kwargs": {"n": 1}, "next_method": "go"}, "deferred"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_an_end_is_recorded_once(place: Place, body: dict[str, Any], state: str) -> None:
    claims = await place.queued()
    path = f"/task-instances/{claims.attempt_id}/state"
    async with await started(place, claims) as http:
        answers = [await http.patch(path, json=body) for _ in range(2)]
        other = {"state": "failed", "end_date": ENDED} if state != "failed" else {"state": "success", "end_date": ENDED}
        against = await http.patch(path, json=other)

    assert [answer.status_code for answer in answers] == [204, 200], answers[0].text
    assert (against.status_code, against.json()["detail"]["previous_state"]) == (409, state)
    row = await place.row()
    assert (row["state"], row["end_pending"]) == (state, True)
    assert (row["hostname"], row["pid"]) == ("pod-1", 4711)
    assert await place.workers(claims.attempt_id) == 0


async def test_a_retry_waits_as_it_asked(place: Place) -> None:
    claims = await place.queued()
    async with await started(place, claims) as http:
        body = {"state": "up_for_retry", "end_date": ENDED, "retry_delay_seconds": 7200, "retry_reason": "flaky"}
        await http.patch(f"/task-instances/{claims.attempt_id}/state", json=body)

    row = await place.row()
    assert row["detail"] == "flaky"
    assert timedelta(hours=1) < row["next_action_at"] - utc_now() < timedelta(hours=3)  # pyright: ignore[reportOperatorIssue]


async def test_what_was_said_before_the_end_counts_with_it(place: Place) -> None:
    claims = await place.queued("branch")
    await place.scene.add_task_instances(place.run, place.tasks["other"], place.tasks["work"])
    own = f"/task-instances/{claims.attempt_id}"
    async with await started(place, claims) as http:
        said = [
            await http.put(f"{own}/rtif", json={"bash_command": "echo 1", "env": None}),
            await http.patch(f"{own}/rendered-map-index", json="tuesday"),
            await http.patch(f"{own}/skip-downstream", json={"tasks": ["other"]}),
            await http.patch(f"{own}/skip-downstream", json={"tasks": ["other", ["work", -1]]}),
            await http.post(
                f"/xcoms/{place.dag_id}/r/branch/return_value", params={"mapped_length": 2}, json=["a", "b"]
            ),
        ]
        before = [(await place.row(task_id))["skip_requested"] for task_id in ("other", "work")]
        shown = (await place.row("branch"))["rendered_fields"]
        ended = await http.patch(f"{own}/state", json={"state": "success", "end_date": ENDED})

    assert [answer.status_code for answer in said] == [201, 204, 204, 204, 201]
    assert ended.status_code == 204
    assert before == [False, False]
    assert shown == b'{"bash_command":"echo 1","env":null}'
    row = await place.row("branch")
    assert (row["state"], row["rendered_map_index"], row["map_length"]) == ("success", "tuesday", 2)
    assert row["rendered_fields"] == shown
    assert [(await place.row(task_id))["skip_requested"] for task_id in ("other", "work")] == [True, True]


async def test_a_value_too_long_to_map_over_is_refused(place: Place) -> None:
    claims = await place.queued()
    async with await started(place, claims) as http:
        path = f"/xcoms/{place.dag_id}/r/work/return_value"
        answer = await http.post(path, params={"mapped_length": 100_000}, json=[1])
        read = await http.get(path)

    assert (answer.status_code, answer.json()["detail"]["reason"]) == (400, "unmappable_return_value_length")
    assert read.status_code == 404


async def test_a_deferred_task_goes_on_where_it_said(place: Place) -> None:
    claims = await place.queued()
    async with await started(place, claims) as http:
        body = {
            "state": "deferred",
            "classpath": "a.B",
            "trigger_kwargs": {"n": [1, None]},
            "trigger_timeout": "PT1H",
            "next_method": "go_on",
            "next_kwargs": {"x": 1},
        }
        path = f"/task-instances/{claims.attempt_id}/state"
        encrypted = await http.patch(path, json={**body, "trigger_kwargs": "gAAAA"})
        endless = await http.patch(path, json={**body, "trigger_timeout": "P999999999D"})
        assert (await http.patch(path, json=body)).status_code == 204

    assert (encrypted.status_code, endless.status_code) == (422, 422)
    (trigger,) = await place.api.database.fetch("SELECT * FROM trigger WHERE attempt_id = $1", claims.attempt_id)
    assert (trigger["classpath"], trigger["kwargs"]) == ("a.B", b'{"n": [1, null]}')
    assert timedelta(minutes=50) < trigger["timeout_at"] - utc_now() < timedelta(minutes=70)
    await place.api.database.fetch("UPDATE task_instance SET end_pending = false WHERE dag_run_id = $1", place.run)
    again = await place.queued()
    async with place.http(place.workload_token(again)) as http:
        told = (await http.patch(f"/task-instances/{again.attempt_id}/run", json=start_body())).json()
    assert (told["next_method"], told["next_kwargs"]) == ("go_on", {"x": 1})
    assert told["start_date"] is not None


async def test_moments_are_read_by_tasks_of_both(place: Place) -> None:
    claims = await place.queued()
    theirs = {"__classname__": "datetime.timedelta", "__version__": 2, "__data__": 60.0}
    path = f"/xcoms/{place.dag_id}/r/work/k"
    async with await started(place, claims) as http:
        await http.post(path, json={"wait": theirs})
        read = [await http.get(path), await http.get(path, params={"offset": 0})]
        item, part = await http.get(f"{path}/item/0"), await http.get(f"{path}/slice")
        body = {"state": "deferred", "classpath": "a.B", "trigger_kwargs": {"wait": theirs}, "next_method": "go"}
        body["next_kwargs"] = {"wait": theirs}
        await http.patch(f"/task-instances/{claims.attempt_id}/state", json=body)

    assert [answer.json()["value"] for answer in read] == [{"wait": theirs}] * 2
    assert (item.json(), part.json()) == ({"wait": theirs}, [{"wait": theirs}])
    (trigger,) = await place.api.database.fetch("SELECT * FROM trigger WHERE attempt_id = $1", claims.attempt_id)
    assert serde.from_json(trigger["kwargs"]) == {"wait": timedelta(minutes=1)}
    (kept,) = await place.api.database.fetch("SELECT value FROM xcom WHERE dag_run_id = $1", place.run)
    assert serde.from_json(kept["value"]) == {"wait": timedelta(minutes=1)}
    await place.api.database.fetch("UPDATE task_instance SET end_pending = false WHERE dag_run_id = $1", place.run)
    again = await place.queued()
    async with place.http(place.workload_token(again)) as http:
        told = (await http.patch(f"/task-instances/{again.attempt_id}/run", json=start_body())).json()
    assert told["next_kwargs"] == {"wait": theirs}


async def test_events_of_outlets_are_committed_with_a_success(place: Place) -> None:
    claims = await place.queued()
    key = {"name": place.asset.name, "uri": place.asset.uri}
    body = {
        "state": "success",
        "end_date": ENDED,
        "task_outlets": [{**key, "type": "Asset"}, {"name": f"{place.dag_id} alias", "type": "AssetAlias"}],
        "outlet_events": [
            {"dest_asset_key": key, "extra": {"n": 1}},
            {
                "source_alias_name": f"{place.dag_id} alias",
                "dest_asset_key": key,
                "dest_asset_extra": {},
                "extra": {"n": 2},
            },
        ],
    }
    async with await started(place, claims) as http:
        path = f"/task-instances/{claims.attempt_id}/state"
        blank = {**body, "outlet_events": [{"dest_asset_key": key, "partition_key": " "}]}
        refused = await http.patch(path, json=blank)
        assert (await http.patch(path, json=body)).status_code == 204

    assert (refused.status_code, refused.json()["detail"]["reason"]) == (422, "invalid_partition_key")
    sql = "SELECT extra FROM asset_event WHERE source_dag_id = $1 ORDER BY id"
    assert [row["extra"] for row in await place.api.database.fetch(sql, place.dag_id)] == [{"n": 1}, {"n": 2}]


async def test_a_heartbeat_renews_the_lease(place: Place) -> None:
    claims = await place.queued()
    sql = "SELECT sequence FROM worker WHERE worker_id = $1"
    path = f"/task-instances/{claims.attempt_id}/heartbeat"
    async with await started(place, claims) as http:
        answers = [await http.put(path, json={"hostname": "pod-1", "pid": 4711}) for _ in range(2)]
        elsewhere = await http.put(path, json={"hostname": "pod-2", "pid": 1})
        (lease,) = await place.api.database.fetch(sql, f"http@{claims.attempt_id}")

    assert [answer.status_code for answer in answers] == [204, 204]
    assert lease["sequence"] == 3
    assert elsewhere.status_code == 409
    told = elsewhere.json()["detail"]
    assert (told["reason"], told["current_hostname"], told["current_pid"]) == ("running_elsewhere", "pod-1", 4711)


async def test_a_process_that_was_not_heard_of_has_lost_its_attempt(place: Place) -> None:
    """The sweep of the schedulers finds the lease, as it finds a worker's."""
    claims = await place.queued()
    async with await started(place, claims) as http:
        await place.api.database.fetch(
            "UPDATE worker SET renewed_at_tick = renewed_at_tick - 3600 WHERE worker_id = $1",
            f"http@{claims.attempt_id}",
        )
        await place.api.database.fetch("UPDATE lease_clock SET silent_until_tick = tick")
        await place.scene.store.expire_workers(utc_now(), timedelta(seconds=1000))
        own = f"/task-instances/{claims.attempt_id}"
        answers = [
            await http.put(f"{own}/heartbeat", json={"hostname": "pod-1", "pid": 4711}),
            await http.patch(f"{own}/state", json={"state": "success", "end_date": ENDED}),
            await http.patch(f"{own}/state", json={"state": "up_for_retry", "end_date": ENDED}),
            await http.put(f"{own}/rtif", json={}),
            await http.post(f"/xcoms/{place.dag_id}/r/work/k", json=1),
            await http.put("/variables/x", json={"val": "x"}),
        ]

    row = await place.row()
    assert (row["cause"], row["state"]) == ("worker_lost", "scheduled")
    assert {answer.status_code for answer in answers} == {409}, [answer.text for answer in answers]


async def test_a_cleared_attempt_is_to_stop_and_its_end_makes_way(place: Place) -> None:
    claims = await place.queued()
    async with await started(place, claims) as http:
        body = {"dry_run": False, "dag_run_id": "r", "task_ids": ["work"], "only_failed": False}
        cleared = await place.api.client.post(f"/api/v2/dags/{place.dag_id}/clearTaskInstances", json=body)
        assert cleared.status_code == 200, cleared.text
        own = f"/task-instances/{claims.attempt_id}"
        beat = await http.put(f"{own}/heartbeat", json={"hostname": "pod-1", "pid": 4711})
        ended = await http.patch(f"{own}/state", json={"state": "failed", "end_date": ENDED})

    assert (beat.status_code, beat.json()["detail"]["current_state"]) == (409, "restarting")
    assert ended.status_code == 204
    assert (await place.row())["state"] == "none"


async def test_an_answer_that_came_early_lets_the_task_go_on(place: Place) -> None:
    claims = await place.queued()
    question = {
        "ti_id": str(claims.attempt_id),
        "options": ["yes", "no"],
        "subject": "Go on?",
        "params": {"n": {"value": 1}},
    }
    path = f"/hitlDetails/{claims.attempt_id}"
    waiting = {"state": "awaiting_input", "next_method": "execute_complete", "next_kwargs": {"a": 1}}
    async with await started(place, claims) as http:
        nothing = [await http.get(path), await http.patch(path, json={**question, "chosen_options": ["yes"]})]
        unasked = await http.patch(f"/task-instances/{claims.attempt_id}/state", json=waiting)
        asked = [await http.post(path, json=question) for _ in range(2)]
        unanswered = await http.get(path)
        given = {"ti_id": str(claims.attempt_id), "chosen_options": ["yes"], "params_input": {"n": 2}}
        answers = [await http.patch(path, json=given) for _ in range(2)]
        ended = await http.patch(f"/task-instances/{claims.attempt_id}/state", json=waiting)

    assert [answer.status_code for answer in nothing] == [404, 404]
    assert (unasked.status_code, unasked.json()["detail"]["reason"]) == (422, "no_question")
    assert [answer.status_code for answer in asked] == [201, 201]
    assert unanswered.json() == {
        "response_received": False,
        "responded_by_user": None,
        "responded_at": None,
        "chosen_options": [],
        "params_input": {},
    }
    assert [answer.status_code for answer in answers] == [200, 409]
    assert answers[0].json()["chosen_options"] == ["yes"]
    assert ended.status_code == 204, ended.text
    (kept,) = await place.api.database.fetch("SELECT * FROM hitl_detail WHERE attempt_id = $1", claims.attempt_id)
    assert (kept["subject"], kept["chosen_options"], kept["params_input"]) == ("Go on?", ["yes"], {"n": 2})
    (trigger,) = await place.api.database.fetch("SELECT * FROM trigger WHERE attempt_id = $1", claims.attempt_id)
    assert trigger["timeout_at"] <= utc_now()  # due: answered before the run's owner had decided upon the wait


async def test_a_person_may_answer_what_waits(place: Place) -> None:
    claims = await place.queued()
    async with await started(place, claims) as http:
        question = {"ti_id": str(claims.attempt_id), "options": ["yes", "no"], "subject": "Go on?"}
        await http.post(f"/hitlDetails/{claims.attempt_id}", json=question)
        waiting = {"state": "awaiting_input", "next_method": "execute_complete", "timeout": "PT1H"}
        path = f"/task-instances/{claims.attempt_id}/state"
        assert [(await http.patch(path, json=waiting)).status_code for _ in range(2)] == [204, 200]
    await place.api.database.fetch("UPDATE task_instance SET end_pending = false WHERE dag_run_id = $1", place.run)
    shown = f"/api/v2/dags/{place.dag_id}/dagRuns/r/taskInstances/work/-1/hitlDetails"
    answer = await place.api.client.patch(shown, json={"chosen_options": ["no"]})

    assert answer.status_code == 200, answer.text
    assert (await place.row())["state"] == "scheduled"


async def test_malformed_bodies_are_refused(place: Place) -> None:
    claims = await place.queued()
    async with place.http(place.workload_token(claims)) as http:
        path = f"/task-instances/{claims.attempt_id}/run"
        changes = ({"pid": -1}, {"pid": 2**31}, {"state": "queued"}, {"more": 1}, {"start_date": "2026-01-01"})
        for change in (*changes, {"hostname": ""}):
            assert (await http.patch(path, json=start_body(**change))).status_code == 422
    async with await started(place, claims) as http:
        path = f"/task-instances/{claims.attempt_id}/state"
        bodies: tuple[Any, ...] = (
            {},
            [],
            {"state": "running"},
            {"state": "success"},
            {"state": "failed", "end_date": "x"},
        )
        for body in bodies:
            assert (await http.patch(path, json=body)).status_code == 422
        assert (await http.patch(f"/task-instances/{claims.attempt_id}/rendered-map-index", json="")).status_code == 422
        assert (await http.put(f"/task-instances/{claims.attempt_id}/rtif", json=[1])).status_code == 422
    assert (await place.row())["state"] == "running"


async def test_odd_texts_and_numbers_are_refused_or_kept(place: Place) -> None:
    """Whatever a process sends, neither the API nor a collector fails by it."""
    claims = await place.queued()
    own, question = f"/task-instances/{claims.attempt_id}", {"ti_id": str(claims.attempt_id), "options": ["a"]}
    odd = ("\ud800", "\0", "\U0001f600", "x" * 100_000)
    refused: set[int] = set()
    async with await started(place, claims) as http:
        for text in odd:
            bodies: dict[tuple[str, str], Any] = {
                ("PUT", f"{own}/rtif"): {text: {"a": [text]}},
                ("PATCH", f"{own}/rendered-map-index"): text,
                ("PATCH", f"{own}/skip-downstream"): {"tasks": [text]},
                ("POST", f"/hitlDetails/{claims.attempt_id}"): {**question, "subject": text, "params": {text: text}},
                ("POST", f"/xcoms/{place.dag_id}/r/work/k"): {text: text},
                ("PUT", f"/store/ti/{claims.attempt_id}/k"): {"value": {text: text}},
                ("PUT", f"{own}/heartbeat"): {"hostname": text, "pid": 1},
            }
            for (method, path), body in bodies.items():
                answer = await http.request(method, path, content=json.dumps(body))
                assert answer.status_code < 500, (method, path, text[:5], answer.text)
        path = f"{own}/state"
        for delay in (1e300, -1, "x"):
            body = {"state": "up_for_retry", "end_date": ENDED, "retry_delay_seconds": delay}
            refused.add((await http.patch(path, json=body)).status_code)
        far = {"state": "up_for_retry", "end_date": "9999-12-31T23:59:59-12:00", "retry_reason": "\0" + "y" * 9999}
        refused.add((await http.patch(path, json=far)).status_code)
        ended = await http.patch(path, json={**far, "end_date": "9999-12-31T23:59:59Z", "retry_delay_seconds": 2**31})

    assert refused == {422}
    assert ended.status_code == 204, ended.text
    assert (await place.row())["state"] in ("up_for_retry", "failed")


async def _spoken(http: httpx.AsyncClient, attempt_id: UUID, dag_id: str) -> dict[str, httpx.Response]:
    """Every operation of the execution API, once, for this attempt."""
    own, moment = f"/task-instances/{attempt_id}", "2026-01-01T00:00:00Z"
    xcom, store, asset = f"/xcoms/{dag_id}/r/work/k", f"/store/ti/{attempt_id}", "/store/asset/by-name"
    by_name, by_uri = {"name": "a", "key": "k"}, {"uri": "a", "key": "k"}
    process = {"hostname": "pod-1", "pid": 4711}
    question = {"ti_id": str(attempt_id), "options": ["a"], "subject": "s"}
    requests: dict[str, Any] = {
        "run": ("PATCH", f"{own}/run", {"json": start_body()}),
        "state": ("PATCH", f"{own}/state", {"json": {"state": "skipped", "end_date": ENDED}}),
        "heartbeat": ("PUT", f"{own}/heartbeat", {"json": process}),
        "rtif": ("PUT", f"{own}/rtif", {"json": {}}),
        "rendered map index": ("PATCH", f"{own}/rendered-map-index", {"json": "x"}),
        "skip downstream": ("PATCH", f"{own}/skip-downstream", {"json": {"tasks": []}}),
        "previous success": ("GET", f"{own}/previous-successful-dagrun", {}),
        "validate": ("GET", f"{own}/validate-inlets-and-outlets", {}),
        "reschedule": ("GET", f"/task-reschedules/{attempt_id}/start_date", {}),
        "count": ("GET", "/task-instances/count", {"params": {"dag_id": dag_id}}),
        "states": ("GET", "/task-instances/states", {"params": {"dag_id": dag_id}}),
        "breadcrumbs": ("GET", "/task-instances/breadcrumbs", {"params": {"dag_id": dag_id, "run_id": "r"}}),
        "previous": ("GET", f"/task-instances/previous/{dag_id}/work", {}),
        "get xcom": ("GET", xcom, {}),
        "item": ("GET", f"{xcom}/item/0", {}),
        "slice": ("GET", f"{xcom}/slice", {}),
        "head": ("HEAD", xcom, {}),
        "set xcom": ("POST", xcom, {"json": 1}),
        "delete xcom": ("DELETE", xcom, {}),
        "keys": ("GET", "/variables/keys", {}),
        "get variable": ("GET", "/variables/x", {}),
        "put variable": ("PUT", "/variables/x", {"json": {"val": "1"}}),
        "delete variable": ("DELETE", "/variables/x", {}),
        "connection": ("GET", "/connections/x", {}),
        "run count": ("GET", "/dag-runs/count", {"params": {"dag_id": dag_id}}),
        "run previous": ("GET", "/dag-runs/previous", {"params": {"dag_id": dag_id, "logical_date": moment}}),
        "run detail": ("GET", f"/dag-runs/{dag_id}/r", {}),
        "run state": ("GET", f"/dag-runs/{dag_id}/r/state", {}),
        "trigger": ("POST", f"/dag-runs/{dag_id}/new", {"json": {}}),
        "clear": ("POST", f"/dag-runs/{dag_id}/none/clear", {}),
        "dag": ("GET", f"/dags/{dag_id}", {}),
        "by name": ("GET", "/assets/by-name", {"params": {"name": "a"}}),
        "by uri": ("GET", "/assets/by-uri", {"params": {"uri": "a"}}),
        "by alias": ("GET", "/assets/by-alias", {"params": {"alias_name": "a"}}),
        "events": ("GET", "/asset-events/by-asset", {"params": {"name": "a"}}),
        "alias events": ("GET", "/asset-events/by-asset-alias", {"params": {"name": "a"}}),
        "ask": ("POST", f"/hitlDetails/{attempt_id}", {"json": question}),
        "answer": ("PATCH", f"/hitlDetails/{attempt_id}", {"json": {**question, "chosen_options": ["a"]}}),
        "asked": ("GET", f"/hitlDetails/{attempt_id}", {}),
        "get value": ("GET", f"{store}/k", {}),
        "put value": ("PUT", f"{store}/k", {"json": {"value": 1}}),
        "delete value": ("DELETE", f"{store}/k", {}),
        "clear values": ("DELETE", store, {}),
        "get asset value": ("GET", f"{asset}/value", {"params": by_name}),
        "put asset value": ("PUT", f"{asset}/value", {"params": by_name, "json": {"value": 1}}),
        "delete asset value": ("DELETE", f"{asset}/value", {"params": by_name}),
        "clear asset values": ("DELETE", f"{asset}/clear", {"params": {"name": "a"}}),
        "get by uri": ("GET", "/store/asset/by-uri/value", {"params": by_uri}),
        "put by uri": ("PUT", "/store/asset/by-uri/value", {"params": by_uri, "json": {"value": 1}}),
        "delete by uri": ("DELETE", "/store/asset/by-uri/value", {"params": by_uri}),
        "clear by uri": ("DELETE", "/store/asset/by-uri/clear", {"params": {"uri": "a"}}),
    }
    return {what: await http.request(method, path, **given) for what, (method, path, given) in requests.items()}


NAMES_ITSELF = frozenset(
    {
        "run", "state", "heartbeat", "rtif", "rendered map index", "skip downstream", "previous success", "validate",
        "reschedule", "ask", "answer", "asked", "get value", "put value", "delete value", "clear values",
    }
)  # fmt: skip
"""Operations whose path names the attempt."""


def _statuses(answers: dict[str, httpx.Response]) -> dict[str, int]:
    return {what: answer.status_code for what, answer in answers.items()}


async def test_every_operation_of_airflow_is_tried(place: Place) -> None:
    """What `_spoken` tries is every operation that the routers have, and none of it fails for want of a right."""
    claims = await place.queued()
    async with await started(place, claims) as http:
        answers = await _spoken(http, claims.attempt_id, place.dag_id)
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    open_to_all = {"get_execution_health", "ping_execution"}
    tried = {(answer.request.method, answer.request.url.path) for answer in answers.values()}

    def is_tried(route: APIRoute) -> bool:
        return any(method in (route.methods or ()) and route.path_regex.fullmatch(path) for method, path in tried)

    assert [route.name for route in routes if route.name not in open_to_all and not is_tried(route)] == []
    assert {what for what, status in _statuses(answers).items() if status in (401, 403) or status >= 500} == set()


async def test_nobody_without_a_token(place: Place) -> None:
    claims = await place.queued()
    async with place.http("") as http:
        del http.headers["Authorization"]
        answers = await _spoken(http, claims.attempt_id, place.dag_id)
    assert _statuses(answers) == dict.fromkeys(answers, 401)


async def test_no_attempt_speaks_for_another(place: Place) -> None:
    claims, other = await place.queued(), await place.queued("other")
    async with await started(place, claims, pid=1) as one, await started(place, other, pid=2) as two:
        answers = await _spoken(two, claims.attempt_id, place.dag_id)
        assert (await one.get("/variables/none")).status_code == 404
    refused = {what: status for what, status in _statuses(answers).items() if what in NAMES_ITSELF}
    assert refused == dict.fromkeys(NAMES_ITSELF, 403)
    assert (answers["set xcom"].status_code, answers["delete xcom"].status_code) == (403, 403)
    assert (await place.row())["state"] == "running"


async def test_no_attempt_that_has_ended_does_anything(place: Place) -> None:
    claims = await place.queued()
    async with await started(place, claims) as http:
        await http.patch(f"/task-instances/{claims.attempt_id}/state", json={"state": "failed", "end_date": ENDED})
        answers = await _spoken(http, claims.attempt_id, place.dag_id)
    expected = dict.fromkeys(answers, 409)
    assert _statuses(answers) == expected
    assert not any("Refreshed-API-Token" in answer.headers for answer in answers.values())


async def test_no_attempt_whose_place_was_taken_does_anything(place: Place) -> None:
    claims = await place.queued()
    async with await started(place, claims) as http:
        body = {"state": "up_for_retry", "end_date": ENDED}
        await http.patch(f"/task-instances/{claims.attempt_id}/state", json=body)
        again = await place.queued(try_number=2)
        answers = await _spoken(http, claims.attempt_id, place.dag_id)
        async with await started(place, again, pid=9) as second:
            assert (await second.get("/variables/none")).status_code == 404
    assert _statuses(answers) == dict.fromkeys(answers, 410)


async def test_what_a_worker_runs_ends_by_its_worker(place: Place) -> None:
    attempt = await place.scene.start_attempt(place.run, place.tasks["work"])
    own = f"/task-instances/{attempt.attempt_id}"
    async with place.http(place.api.signer.mint_attempt_token(attempt.claims)) as http:
        answers = [
            await http.patch(f"{own}/state", json={"state": "success", "end_date": ENDED}),
            await http.put(f"{own}/heartbeat", json={"hostname": "host-1", "pid": 4711}),
            await http.patch(f"{own}/skip-downstream", json={"tasks": ["other"]}),
        ]
        taken = await http.patch(f"{own}/run", json=start_body())
    assert [answer.json()["detail"]["reason"] for answer in answers] == ["not_the_holder"] * 3
    assert (taken.status_code, taken.json()["detail"]["previous_state"]) == (409, "running")
    assert (await place.row())["state"] == "running"


async def test_tokens_are_renewed_while_the_lease_is_held(place: Place) -> None:
    claims = await place.queued()
    path = f"/task-instances/{claims.attempt_id}/heartbeat"
    process = {"hostname": "pod-1", "pid": 4711}
    async with await started(place, claims) as http:
        fresh = await http.get("/variables/none"), await http.put(path, json=process)
        token = http.headers["Authorization"].partition(" ")[2]
    held = place.api.signer.verify_attempt_token(token)

    def aged(seconds: int) -> str:
        return place.api.signer.mint_attempt_token(replace(held, expires_at=utc_now() + timedelta(seconds=seconds)))

    async with place.http(aged(60)) as old:
        renewed = await old.put(path, json=process)
        missing = await old.get("/variables/none")
    async with place.http(aged(-1)) as expired:
        refused = await expired.put("/variables/x", json={"val": "x"})
        revived = await expired.put(path, json=process)
    async with place.http(revived.headers["Refreshed-API-Token"]) as again:
        assert (await again.get("/variables/none")).status_code == 404

    assert ["Refreshed-API-Token" in answer.headers for answer in fresh] == [False, False]
    assert place.api.signer.verify_attempt_token(renewed.headers["Refreshed-API-Token"]).lease == held.lease
    assert "Refreshed-API-Token" not in missing.headers
    assert (refused.status_code, refused.json()["detail"]["reason"]) == (403, "expired_token")
    assert revived.status_code == 204


async def test_a_version_that_is_not_spoken_is_said_so(place: Place) -> None:
    claims = await place.queued()
    async with await started(place, claims) as http:
        for version in ("2027-01-01", "2026-05-01", "2025-11-05", "latest", ""):
            answer = await http.get("/variables/none", headers={"Airflow-API-Version": version})
            assert answer.status_code == 400, version
            assert answer.json()["detail"]["reason"] == "unsupported_version"
            assert answer.json()["detail"]["supported"] == ["2026-06-30", "2026-04-06"]


async def test_an_older_client_is_answered_in_its_version(place: Place) -> None:
    """Its models refuse what they do not know."""
    claims = await place.queued()
    added = {"team_name", "partition_date"}
    async with place.http(place.workload_token(claims)) as http:
        newest = await http.patch(f"/task-instances/{claims.attempt_id}/run", json=start_body())
        http.headers["Airflow-API-Version"] = "2026-04-06"
        older = await http.patch(f"/task-instances/{claims.attempt_id}/run", json=start_body())
    token = older.headers["Refreshed-API-Token"]
    moment = {"dag_id": place.dag_id, "logical_date": "2026-01-09T00:00:00Z"}
    async with place.http(token) as http:
        asked = {"logical_date": "2026-01-05T00:00:00Z"}
        assert (await http.post(f"/dag-runs/{place.dag_id}/triggered", json=asked)).status_code == 204
        now = (await http.get("/dag-runs/previous", params=moment)).json()
        http.headers["Airflow-API-Version"] = "2026-04-06"
        then = (await http.get("/dag-runs/previous", params=moment)).json()
        detail = (await http.get(f"/dag-runs/{place.dag_id}/triggered")).json()
        none = await http.get("/dag-runs/previous", params={**moment, "dag_id": "none"})

    assert set(newest.json()["dag_run"]) - set(older.json()["dag_run"]) == added
    assert {name: value for name, value in newest.json().items() if name != "dag_run"} == {
        name: value for name, value in older.json().items() if name != "dag_run"
    }
    assert (now["run_type"], then["run_type"]) == ("operator_triggered", "manual")
    assert set(now) - set(then) == added
    assert detail == then
    assert (none.status_code, none.json()) == (200, None)


async def test_without_a_version_no_name_is_reserved(place: Place) -> None:
    """Tradewind's own task processes name none, and may call a variable or an XCom as they like."""
    claims = await place.queued()
    xcom = f"/xcoms/{place.dag_id}/r/work"
    async with await started(place, claims) as http:
        del http.headers["Airflow-API-Version"]
        assert (await http.get("/variables/keys")).status_code == 404
        assert (await http.put("/variables/keys", json={"val": "mine"})).status_code == 201
        assert (await http.get("/variables/keys")).json() == {"key": "keys", "value": "mine"}
        for key in ("report/slice", "report/item/3"):
            assert (await http.post(f"{xcom}/{key}", json=key)).status_code == 201
            assert (await http.get(f"{xcom}/{key}", params={"map_index": -1})).json()["value"] == key
        await http.delete("/variables/keys")


async def test_health_needs_no_token(place: Place) -> None:
    async with httpx.AsyncClient(base_url=f"{place.api.url}/execution", timeout=60.0) as http:
        assert (await http.get("/health")).json() == {"status": "healthy"}
        ping = await http.get("/health/ping")
    assert (ping.status_code, ping.json()["failing"]) == (200, {})
    assert {"broker", "database"} <= set(ping.json()["ok"])


async def test_an_unknown_attempt_is_gone(place: Place) -> None:
    claims = await place.queued()
    stranger = replace(claims, attempt_id=new_id())
    async with place.http(place.workload_token(stranger)) as http:
        answer = await http.patch(f"/task-instances/{stranger.attempt_id}/run", json=start_body())
    assert answer.status_code == 410


@pytest.mark.full
async def test_while_no_collector_answers_nothing_is_lost(place: Place) -> None:
    claims = await place.queued()
    async with (
        api_server(place.api.database, place.api.settings.home, broker=MemoryBroker()) as cut_off,
        place.http(place.workload_token(claims)) as http,
    ):
        path = f"/execution/task-instances/{claims.attempt_id}/run"
        answer = await http.patch(f"{cut_off.url}{path}", json=start_body())
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert (await place.row())["state"] == "queued"
        assert (await http.patch(f"{place.api.url}{path}", json=start_body())).status_code == 200
