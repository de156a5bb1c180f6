"""Who may speak for an attempt, in which version, and that nobody else may: every operation, every kind of stranger."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi.routing import APIRoute

from tests.integration.api.execution.conftest import ENDED, Place, start_body, started
from tradewind.api.execution.routers import ROUTERS
from tradewind.service.clock import new_id, utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
