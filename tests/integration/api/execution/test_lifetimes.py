"""The life of an attempt that a process runs over HTTP: the same guards as a worker's, the same rows, asked twice the
same answer."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.api.execution.conftest import ENDED, Place, start_body, started
from tests.servers.api import api_server
from tradewind.bus.memory import MemoryBroker
from tradewind.sdk import serde
from tradewind.service.clock import utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
    shown = (await place.api.client.get(f"/api/v2/workers/http@{claims.attempt_id}")).json()
    assert (shown["kind"], shown["hostname"], shown["state"], shown["busy_slots"]) == ("single", "pod-1", "running", 1)


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
