"""What attackers send: nothing is let in, nothing breaks, nothing leaks."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from tests.integration.api.access.conftest import filled, methods_of, served
from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.api.access.rules import Door
from tradewind.api.access.table import OPERATIONS
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.service.clock import new_id
from tradewind.service.tokens import AttemptClaims

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAYLOADS = {
    "several at once": "../../../../etc/passwd'; DROP TABLE dag; SELECT pg_sleep(20) --\r\nX-Evil: yes\r\n\r\n<script>",
    "sql": "x'; DROP TABLE dag; SELECT pg_sleep(20) --",
    "quotes": "\\'\"`$1 %s {0} $value /* filters */ /* end */",
    "header": "x\r\nX-Evil: yes\r\n\r\n<script>",
    "nul": "x\0y",
    "path": "../../../../etc/passwd",
    "like": "%_%_%_%_%_%_|~|" + "%" * 200,
    "unicode": "\u202ea\u0301\U0010ffff",
}
OFTEN = ("several at once",)
"""In every run of the gate; the others in full ones."""

NOT_ASKED = ("get_events", "wait_dag_run_until_finished", "logout")
"""What answers without end, and what ends the login that all tests share."""


def openapi_gets(document: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str], list[str]]]:
    """Operation id, path, the text parameters of the path and those of the query."""
    for path, operations in document["paths"].items():
        if "get" in operations and operations["get"]["operationId"] not in NOT_ASKED:
            parameters = operations["get"].get("parameters", [])
            texts = [each for each in parameters if _is_text(each["schema"])]
            names = {where: [each["name"] for each in texts if each["in"] == where] for where in ("path", "query")}
            yield operations["get"]["operationId"], path, names["path"], names["query"]


def _is_text(schema: Mapping[str, Any]) -> bool:
    if "anyOf" in schema:
        return any(map(_is_text, schema["anyOf"]))
    if schema.get("type") == "array":
        return _is_text(schema.get("items", {}))
    return schema.get("type") == "string" and not {"format", "enum", "const"} & schema.keys()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in OFTEN else pytest.mark.full) for name in PAYLOADS]
)
async def test_no_text_parameter_of_any_reading_operation_is_a_way_in(api: ApiServer, name: str) -> None:
    """All of an operation's at once, and for the full run each by itself."""
    document = (await api.client.get("/openapi.json")).json()
    wrong: list[tuple[str, object, int]] = []
    asked = 0
    for operation, path, in_path, in_query in openapi_gets(document):
        place = path
        for each in in_path:
            place = place.replace("{" + each + "}", quote(PAYLOADS[name], safe=""))
        wanted = [in_query] if name in OFTEN else [in_query, *([each] for each in in_query)]
        for each in wanted:
            answer = await api.client.get(filled(place), params=dict.fromkeys(each, PAYLOADS[name]))
            asked += 1
            if answer.status_code >= 500 or "x-evil" in answer.headers or "root:" in answer.text:
                wrong.append((operation, each, answer.status_code))

    assert wrong == []
    assert asked > 50
    assert await api.database.fetch_value("SELECT count(*) FROM dag") is not None


DEEP = "[" * 100_000 + "]" * 100_000
BODIES = {
    "a deep list": DEEP,
    "a deep object": '{"conf":' * 5_000 + "1" + "}" * 5_000,
    "deep inside": '{"conf": {"a": %s}, "value": %s, "key": "k", "actions": %s}' % ((DEEP[:800] + DEEP[-800:],) * 3),
    "huge numbers": '{"conf": {"a": 1e999}, "value": -1E400, "map_index": %s}' % ("9" * 5_000),
    "not a number": '{"conf": {"a": NaN}, "value": Infinity}',
    "half a character": '{"conf": {"a": "\\ud800"}, "dag_run_id": "\\ud800", "value": "\\udfff", "key": "\\ud800"}',
    "no utf-8": b'{"conf": {"\xff\xfe": 1}}',
    "a nul": '{"dag_run_id": "a\\u0000", "key": "a\\u0000", "value": "a\\u0000", "note": "\\u0000"}',
}


TRICKY = ("deep inside", "half a character")
"""In every run of the gate: what parsers let pass."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in TRICKY else pytest.mark.full) for name in BODIES]
)
async def test_no_body_breaks_an_operation(api: ApiServer, scene: Scene, name: str, dag_id: str) -> None:
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(TaskSpec(task_id="one"),)))
    wrong: list[tuple[str, int]] = []
    for route in served(api):
        rule = OPERATIONS[route.name]
        if rule.door not in (Door.RIGHT, Door.LOGGED_IN, Door.OPEN):
            continue
        for method in set(methods_of(route)) - {"GET", "DELETE"}:
            path = filled(route.path.replace("{dag_id}", dag_id))
            headers = {"Content-Type": "application/json"}
            answer = await api.client.request(method, path, content=BODIES[name], headers=headers)
            if answer.status_code >= 500:
                wrong.append((f"{method} {path}", answer.status_code))

    assert wrong == []


@pytest.mark.parametrize("path", ["/api/v2/variables", "/auth/token", "/execution/xcoms/d/r/t/k"])
async def test_bodies_that_are_too_long_are_refused(api: ApiServer, path: str) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"[" * (1 << 16)

    announced = await api.client.post(
        path, content=b" " * ((1 << 20) + 1), headers={"Content-Type": "application/json"}
    )
    unannounced = await api.client.post(path, content=endless(), headers={"Content-Type": "application/json"})

    assert announced.status_code == 413
    assert unannounced.status_code in (401, 403, 413)  # whoever may not come in is refused first


async def test_a_token_of_no_attempt_opens_nothing(api: ApiServer) -> None:
    """Rightly signed, of an attempt that is not there any more: on every route that takes such tokens."""
    attempt = AttemptClaims(attempt_id=new_id(), dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=1)
    headers = {"Authorization": f"Bearer {api.signer.mint_attempt_token(attempt)}"}
    opened: list[tuple[str, int]] = []
    asked = 0
    async with httpx.AsyncClient(base_url=api.url, timeout=60.0, headers=headers) as client:
        for route in served(api):
            if OPERATIONS[route.name].door is not Door.ATTEMPT:
                continue
            path = route.path.replace("{attempt_id}", str(attempt.attempt_id))
            path = filled(path.replace("{task_instance_id}", str(attempt.attempt_id)))
            for method in methods_of(route):
                status = (
                    await client.request(method, path, json=None if method in ("GET", "DELETE") else {})
                ).status_code
                asked += 1
                if not 400 <= status < 500:
                    opened.append((f"{method} {path}", status))

    assert opened == []
    assert asked > 25


async def test_a_token_of_one_attempt_opens_nothing_of_another(api: ApiServer, scene: Scene, dag_id: str) -> None:
    """Both run; on every route that names the attempt."""
    tasks = (TaskSpec(task_id="one"), TaskSpec(task_id="two"))
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=tasks))
    await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={})
    [dag_run_id] = await scene.start_runs(dag_id)
    one, two = [await scene.start_attempt(dag_run_id, task) for task in tasks]
    headers = {"Authorization": f"Bearer {api.signer.mint_attempt_token(one.claims)}"}
    opened: list[tuple[str, int]] = []
    asked = 0
    async with httpx.AsyncClient(base_url=api.url, timeout=60.0, headers=headers) as client:
        for route in served(api):
            named = {"{attempt_id}", "{task_instance_id}"} & set(route.path.split("/"))
            if OPERATIONS[route.name].door not in (Door.ATTEMPT, Door.LEASE, Door.WORKLOAD) or not named:
                continue
            path = route.path
            for part in named:
                path = path.replace(part, str(two.attempt_id))
            for method in methods_of(route):
                body: dict[str, object] | None = None if method in ("GET", "DELETE") else {}
                answer = await client.request(method, filled(path), json=body, params={"sequence": 0})
                asked += 1
                if answer.status_code not in (401, 403):
                    opened.append((f"{method} {path}", answer.status_code))

    assert opened == []
    assert asked > 5
    assert (await client_status(api, two.claims, "/execution/variable-keys")) == 200


async def client_status(api: ApiServer, claims: AttemptClaims, path: str) -> int:
    headers = {"Authorization": f"Bearer {api.signer.mint_attempt_token(claims)}"}
    return (await api.client.get(path, headers=headers)).status_code


@pytest.mark.parametrize("name", ["../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "/etc/passwd", "....//"])
async def test_paths_lead_nowhere_but_to_what_is_meant(api: ApiServer, scene: Scene, dag_id: str, name: str) -> None:
    task = TaskSpec(task_id="one")
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(task,)))
    runs = f"/api/v2/dags/{dag_id}/dagRuns"
    run_id = (await api.client.post(runs, json={})).json()["dag_run_id"]
    [dag_run_id] = await scene.start_runs(dag_id)
    attempt = await scene.start_attempt(dag_run_id, task)
    headers = {"Authorization": f"Bearer {api.signer.mint_attempt_token(attempt.claims)}"}

    answers = [
        await api.client.get(f"{runs}/{run_id}/taskInstances/{name}/logs/1"),
        await api.client.get(f"{runs}/{name}/taskInstances/one/logs/1"),
        await api.client.get(f"{runs}/{run_id}/taskInstances/one/logs/1", params={"token": name}),
        await api.client.get(f"/api/v2/dagSources/{name}"),
        await api.client.put(f"/api/v2/parseDagFile/{name}"),
        await api.client.post(runs, json={"dag_run_id": name}),
        await api.client.get(f"/execution/bundles/{name}", headers=headers),
        await api.client.post(f"/execution/bundles/{name}/blobs", json={"digests": [name]}, headers=headers),
    ]

    assert [answer.status_code for answer in answers if not 300 <= answer.status_code < 500] == []
    assert "root:" not in "".join(answer.text for answer in answers)


async def test_secrets_are_neither_shown_nor_logged(
    api: ApiServer, scene: Scene, dag_id: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A marker is planted wherever a secret is given; then everything that can be read is searched for it."""
    marker, client = f"marker-{uuid4().hex}", api.client
    connection, variable, username = f"{dag_id}_c", f"{dag_id}_api_key", f"{dag_id}_u"[:200]
    extra = json.dumps({"token": marker, "nested": {"private_key": marker}})
    body = {"connection_id": connection, "conn_type": "http", "password": marker, "extra": extra}
    planted = [
        await client.post("/api/v2/connections", json=body),
        await client.patch(f"/api/v2/connections/{connection}", json={**body, "host": "h"}),
        await client.post("/api/v2/variables", json={"key": variable, "value": marker}),
        await client.patch(f"/api/v2/variables/{variable}", json={"key": variable, "value": marker}),
        await client.post("/auth/users", json={"username": username, "password": marker, "role": "Viewer"}),
        await client.put(f"/auth/users/{username}/password", json={"password": f"{marker}2"}),
    ]
    refused = [
        await client.post("/api/v2/connections", json=body),
        await client.post("/auth/token", json={"username": username, "password": f"{marker}3"}),
        await client.post("/auth/token", json={"username": marker, "password": marker}),
        await client.get("/api/v2/dags", headers={"Authorization": f"Bearer {marker}"}),
    ]
    token = (await client.post("/auth/tokens", json={"name": dag_id})).json()["token"]
    login = (await client.post("/auth/token", json={"username": username, "password": f"{marker}2"})).json()

    signing = uuid4().hex
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(TaskSpec(task_id="one"),)))
    hook = {"name": dag_id[:200], "dag_id": dag_id, "secret": signing}
    assert (await client.post("/api/v2/webhooks", json=hook)).json()["secret"] == signing

    document = (await client.get("/openapi.json")).json()
    shown = [answer.text for answer in (*planted, *refused)]
    for operation, path, *_ in openapi_gets(document):
        if operation != "login_all_admins":
            shown.append((await client.get(_named(path, connection, variable, username), params={"limit": 100})).text)
    stored = await api.database.fetch("SELECT to_json(event_log) AS entry FROM event_log")
    logged = "".join(capfd.readouterr())

    assert [answer.status_code < 300 for answer in planted] == [True] * len(planted)
    assert [answer.status_code for answer in refused] == [409, 401, 401, 403]
    assert len(token) > 20
    assert "request.refused" in logged
    for secret in (marker, token, signing, login["access_token"], api.password, api.token):
        assert not any(secret in text for text in shown)
        assert secret not in logged
        assert secret not in json.dumps([row["entry"] for row in stored])


def _named(path: str, connection: str, variable: str, username: str) -> str:
    names = {"{connection_id}": connection, "{variable_key}": variable, "{username}": username}
    for part, name in names.items():
        path = path.replace(part, name)
    return filled(path)
