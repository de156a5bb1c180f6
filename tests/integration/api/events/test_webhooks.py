"""Webhooks: signed deliveries trigger a DAG, once; secrets are shown once and can be changed without a gap."""

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.dag_specs import dag, task
from tests.integration.api.events.conftest import DELIVERIES, WEBHOOK_BYTES
from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.api.triggers import deliveries
from tradewind.db.secret_rotation import rotate_secrets
from tradewind.db.secrets import SecretBox
from tradewind.service.secrets import fernet_key

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOOKS = "/api/v2/webhooks"
GIVEN = "a secret that somebody chose"


class Hook:
    """A webhook named as its DAG, and somebody who delivers to it."""

    def __init__(self, api: ApiServer, dag_id: str, secret: str = GIVEN) -> None:
        self.api, self.dag_id, self.secret = api, dag_id, secret
        self.path = f"{HOOKS}/{dag_id}"

    async def make(self, **body: Any) -> httpx.Response:
        whole = {"name": self.dag_id, "dag_id": self.dag_id, "secret": self.secret, **body}
        answer = await self.api.client.post(HOOKS, json={k: v for k, v in whole.items() if v is not None})
        if answer.status_code == 201:
            self.secret = answer.json()["secret"]
        return answer

    async def deliver(
        self, payload: object = None, *, at: float | str | None = None, url: str = "", **headers: str
    ) -> httpx.Response:
        """As the format `tradewind` has it; headers add and replace."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        timestamp = str(int(time.time())) if at is None else str(at)
        return await self.send(
            body,
            url=url,
            **{
                "X-Tradewind-Timestamp": timestamp,
                "X-Tradewind-Signature": sign(self.secret, f"{timestamp}.".encode() + body),
                **headers,
            },
        )

    async def deliver_as_github(self, payload: object, **headers: str) -> httpx.Response:
        body = json.dumps(payload).encode()
        given = {"X-Hub-Signature-256": sign(self.secret, body), "X-GitHub-Delivery": "d1", "X-GitHub-Event": "push"}
        return await self.send(body, **(given | headers))

    async def send(self, body: bytes, *, url: str = "", **headers: str) -> httpx.Response:
        """Without a login."""
        async with httpx.AsyncClient(base_url=url or self.api.url, timeout=60.0) as client:
            return await client.post(self.path, content=body, headers={"Content-Type": "application/json", **headers})

    async def runs(self) -> list[dict[str, Any]]:
        answer = await self.api.client.get(f"/api/v2/dags/{self.dag_id}/dagRuns", params={"order_by": "id"})
        return answer.json()["dag_runs"]


def sign(secret: str, signed: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


@pytest_asyncio.fixture(loop_scope="session")
async def hook(api: ApiServer, scene: Scene, dag_id: str) -> Hook:
    await scene.write_dag(dag(task("t"), dag_id=dag_id))
    return Hook(api, dag_id)


async def test_a_signed_delivery_triggers_the_dag(hook: Hook) -> None:
    made = await hook.make(secret=None, description="from the shop")
    assert (made.status_code, made.json()["path"]) == (201, hook.path)
    assert made.json()["secret"].startswith("whsec_")

    answer = await hook.deliver({"order": 7}, **{"X-Tradewind-Event": "paid"})
    [run] = await hook.runs()
    assert (answer.status_code, answer.json()) == (
        200,
        {"outcome": "triggered", "dag_id": hook.dag_id, "dag_run_id": run["dag_run_id"]},
    )
    assert run["conf"] == {"payload": {"order": 7}, "event": "paid"}
    assert run["triggering_user_name"] == f"webhook:{hook.dag_id}"
    logged = await hook.api.client.get("/api/v2/eventLogs", params={"dag_id": hook.dag_id, "event": "deliver_webhook"})
    assert [(each["owner"], each["run_id"]) for each in logged.json()["event_logs"]] == [
        (f"webhook:{hook.dag_id}", run["dag_run_id"])
    ]


async def test_githubs_deliveries(hook: Hook) -> None:
    conf_map = {"branch": "ref", "first": "commits.0.id", "everything": ""}
    assert (await hook.make(format="github", conf_map=conf_map, events=["push"])).status_code == 201
    payload = {"ref": "refs/heads/main", "commits": [{"id": "c1"}]}

    ignored = [
        await hook.deliver_as_github({"zen": "x"}, **{"X-GitHub-Event": "ping"}),
        await hook.deliver_as_github(payload, **{"X-GitHub-Event": "issues", "X-GitHub-Delivery": "d0"}),
    ]
    assert [answer.json()["outcome"] for answer in ignored] == ["ignored"] * 2
    answer = await hook.deliver_as_github(payload)
    assert answer.json()["outcome"] == "triggered", answer.text
    [run] = await hook.runs()
    assert run["conf"] == {"branch": "refs/heads/main", "first": "c1", "everything": payload}

    again = await hook.deliver_as_github(payload)
    assert again.json() == {"outcome": "replayed", "dag_id": hook.dag_id, "dag_run_id": run["dag_run_id"]}
    other = await hook.deliver_as_github({**payload, "ref": "another"})
    assert other.status_code == 409
    missing = await hook.deliver_as_github({"ref": "x", "commits": []}, **{"X-GitHub-Delivery": "d2"})
    assert (missing.status_code, "commits.0.id" in missing.json()["detail"]) == (422, True)
    nameless = await hook.deliver_as_github(payload, **{"X-GitHub-Delivery": ""})
    assert nameless.status_code == 400
    assert len(await hook.runs()) == 1


async def test_what_is_not_signed_rightly_is_refused(hook: Hook) -> None:
    await hook.make()
    now = str(int(time.time()))
    wrong = [
        await hook.send(b"{}"),
        await hook.deliver({}, **{"X-Tradewind-Signature": "sha256=" + "0" * 64}),
        await hook.deliver(
            {}, **{"X-Tradewind-Signature": sign("another secret of the length", now.encode() + b".{}")}
        ),
        await hook.deliver({}, at=int(now), **{"X-Tradewind-Timestamp": str(int(now) + 1)}),
        await hook.deliver_as_github({}),
        await Hook(hook.api, f"{hook.dag_id}_nowhere").deliver({}),
    ]
    assert {(answer.status_code, answer.json()["detail"]) for answer in wrong} == {(401, deliveries.NOT_ACCEPTED)}
    late = [
        await hook.deliver({}, at=int(now) - 301),
        await hook.deliver({}, at=int(now) + 310),
        await hook.deliver({}, at="soon"),
    ]
    assert {answer.status_code for answer in late} == {401}
    assert await hook.runs() == []
    count = "SELECT count(*) FROM event_log WHERE event = 'deliver_webhook' AND owner = $1"
    assert await hook.api.database.fetch_value(count, f"webhook:{hook.dag_id}") == 0


async def test_a_delivery_counts_once(hook: Hook) -> None:
    await hook.make()
    now = str(int(time.time()))
    first = await hook.deliver({"a": 1}, at=now, **{"X-Tradewind-Delivery": "one"})
    retried = await hook.deliver({"a": 1}, at=int(now) + 1, **{"X-Tradewind-Delivery": "one"})
    under_another_id = await hook.deliver({"a": 1}, at=now, **{"X-Tradewind-Delivery": "two"})
    without_id = await hook.deliver({"a": 1}, at=now)
    outcomes = [each.json()["outcome"] for each in (first, retried, under_another_id, without_id)]
    assert outcomes == ["triggered", "replayed", "replayed", "replayed"]
    changed = await hook.deliver({"a": 2}, **{"X-Tradewind-Delivery": "one"})
    assert changed.status_code == 409

    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(hook.deliver({"b": 1}, **{"X-Tradewind-Delivery": "many"}), name=f"delivery {n}")
            for n in range(10)
        ]
    outcomes = [each.result().json()["outcome"] for each in asked]
    assert sorted(outcomes) == ["replayed"] * 9 + ["triggered"]
    assert len(await hook.runs()) == 2


async def test_a_secret_is_changed_without_a_gap(hook: Hook) -> None:
    await hook.make()
    old = hook.secret
    rotated = await hook.api.client.post(f"{hook.path}/rotate", json={})
    new = rotated.json()["secret"]
    assert (rotated.status_code, old == new) == (200, False)

    async def delivers(secret: str) -> int:
        hook.secret = secret
        return (await hook.deliver({"n": time.monotonic_ns()})).status_code

    assert [await delivers(old), await delivers(new), await delivers("neither of these two")] == [200, 200, 401]
    box = SecretBox(fernet_key(hook.api.settings))
    assert (await rotate_secrets(hook.api.database, box)).webhooks >= 1
    assert [await delivers(old), await delivers(new)] == [200, 200]

    over = "UPDATE webhook SET previous_ends_at = now() - interval '1 s' WHERE name = $1"
    await hook.api.database.fetch(over, hook.dag_id)
    assert [await delivers(old), await delivers(new)] == [401, 200]
    newest = await hook.api.client.post(
        f"{hook.path}/rotate", json={"secret": "y" * 16, "previous_secret_valid_seconds": 0}
    )
    assert (newest.json()["secret"], newest.json()["previous_ends_at"]) == ("y" * 16, None)
    assert [await delivers(new), await delivers("y" * 16)] == [401, 200]


async def test_webhooks_are_made_shown_and_removed(hook: Hook) -> None:
    client = hook.api.client
    await hook.make(description="d", conf_map={"a": "b"}, events=["e"])
    assert (await hook.make()).status_code == 409
    nowhere = await client.post(HOOKS, json={"name": "x", "dag_id": "nowhere"})
    assert (nowhere.status_code, "nowhere" in nowhere.json()["detail"]) == (404, True)
    bad = [{"name": "a b"}, {"name": ""}, {"secret": "short"}, {"format": "gitlab"}, {"more": 1}]
    for each in bad:
        answer = await client.post(HOOKS, json={"name": "x", "dag_id": hook.dag_id, **each})
        assert answer.status_code == 422, each

    shown = (await client.get(hook.path)).json()
    listed = (await client.get(HOOKS, params={"limit": 100})).json()
    assert shown in listed["webhooks"]
    assert listed["total_entries"] >= 1
    assert "secret" not in shown
    assert {name: shown[name] for name in ("dag_id", "description", "conf_map", "events", "created_by")} == {
        "dag_id": hook.dag_id,
        "description": "d",
        "conf_map": {"a": "b"},
        "events": ["e"],
        "created_by": "ada",
    }
    stored = await hook.api.database.fetch_value("SELECT secret FROM webhook WHERE name = $1", hook.dag_id)
    assert isinstance(stored, bytes)
    assert hook.secret.encode() not in stored
    logged = await client.get("/api/v2/eventLogs", params={"event": "post_webhook", "limit": 100})
    assert hook.secret not in logged.text

    assert (await client.delete(hook.path)).status_code == 204
    gone = [
        await client.get(hook.path),
        await client.delete(hook.path),
        await client.post(f"{hook.path}/rotate", json={}),
    ]
    assert [answer.status_code for answer in gone] == [404] * 3
    assert (await hook.deliver({})).status_code == 401


async def test_what_cannot_be_a_payload_is_refused(hook: Hook) -> None:
    await hook.make()
    answers = [
        await hook.deliver(b"no json"),
        await hook.deliver(b'{"a": NaN}'),
        await hook.deliver(b"[" * 100_000),
        await hook.deliver({}, **{"Content-Type": "application/x-www-form-urlencoded"}),
        await hook.deliver({}, **{"X-Tradewind-Delivery": "a b"}),
    ]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 415, 400]
    assert await hook.runs() == []


async def test_deliveries_are_bounded(hook: Hook, narrow: ApiServer) -> None:
    await hook.make()
    too_long = await hook.deliver("x" * WEBHOOK_BYTES, url=narrow.url)
    answers = [await hook.deliver({"n": n}, url=narrow.url) for n in range(DELIVERIES + 1)]
    assert too_long.status_code == 413
    assert [answer.status_code for answer in answers] == [*[200] * DELIVERIES, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
