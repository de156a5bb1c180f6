"""Logging in, and that nothing is open that should not be."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import cast

import httpx
import pytest
from prometheus_client import CollectorRegistry

from tests.servers.api import ApiServer
from tradewind.api.app import create_app
from tradewind.api.state import ApiState
from tradewind.service.clock import new_id, utc_now
from tradewind.service.metrics import Telemetry
from tradewind.service.tokens import AttemptClaims, TokenSigner

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPEN_ROUTES = {
    ("POST", "/auth/token"),
    ("POST", "/auth/token/cli"),
    ("GET", "/auth/token"),
    ("GET", "/auth/token/login"),
    ("GET", "/auth/login"),
    ("POST", "/auth/login"),
    ("GET", "/auth/oidc/login"),
    ("GET", "/auth/oidc/callback"),
    ("GET", "/api/v2/auth/login"),
    ("GET", "/api/v2/auth/logout"),
    ("GET", "/api/v2/version"),
    ("GET", "/api/v2/monitor/health"),
    ("GET", "/health"),
    ("GET", "/execution/health"),
    ("GET", "/execution/health/ping"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/oauth2-redirect"),
}
"""What Airflow leaves open too, and what every service of ours shows."""
WITHOUT_TOKENS = {*OPEN_ROUTES, ("POST", "/api/v2/webhooks/{name}")}
"""What asks for no token of ours: deliveries of webhooks are signed instead."""

AN_ATTEMPT = AttemptClaims(attempt_id=new_id(), dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=1)


async def test_credentials_give_a_token(api: ApiServer) -> None:
    async with httpx.AsyncClient(base_url=api.url, timeout=60.0) as anybody:
        answer = await anybody.post("/auth/token", json={"username": api.username, "password": api.password})

        assert answer.status_code == 201
        assert list(answer.json()) == ["access_token"]
        token = answer.json()["access_token"]
        dags = await anybody.get("/api/v2/dags", headers={"Authorization": f"Bearer {token}"})
        assert dags.status_code == 200


async def test_credentials_may_come_as_a_form(api: ApiServer) -> None:
    async with httpx.AsyncClient(base_url=api.url, timeout=60.0) as anybody:
        answer = await anybody.post("/auth/token", data={"username": api.username, "password": api.password})

    assert answer.status_code == 201


@pytest.mark.parametrize(("username", "password"), [("ada", "wrong"), ("nobody", "wrong")])
async def test_wrong_credentials_are_refused_alike(api: ApiServer, username: str, password: str) -> None:
    answer = await api.client.post("/auth/token", json={"username": username, "password": password})

    assert answer.status_code == 401
    assert answer.json() == {"detail": "Invalid credentials"}


@pytest.mark.parametrize(
    ("content", "content_type", "status", "where"),
    [
        (b'{"username": "ada"}', "application/json", 422, ["body", "password"]),
        (b'{"username": "ada", "password": "x", "more": 1}', "application/json", 422, ["body", "more"]),
        (b"{", "application/json", 422, ["body"]),
        (b"[]", "application/json", 422, ["body"]),
        (b"username=ada", "application/x-www-form-urlencoded", 422, ["body", "password"]),
        (b"<login/>", "text/xml", 415, None),
    ],
)
async def test_malformed_logins_are_explained(
    api: ApiServer, content: bytes, content_type: str, status: int, where: list[str] | None
) -> None:
    answer = await api.client.post("/auth/token", content=content, headers={"Content-Type": content_type})

    assert answer.status_code == status, answer.text
    if where is not None:
        assert answer.json()["detail"][0]["loc"] == where


async def test_the_password_of_the_settings_replaces_an_older_one(api: ApiServer) -> None:
    stored = await api.database.fetch("SELECT password_hash, role FROM app_user WHERE username = 'ada'")

    assert [row["role"] for row in stored] == ["Admin"]
    assert stored[0]["password_hash"].startswith("$argon2id$")
    assert api.password not in stored[0]["password_hash"]


def every_route(api: ApiServer) -> list[tuple[str, str]]:
    """What is really mounted, whether or not OpenAPI tells of it."""
    needed = cast("ApiState", {"settings": api.settings, "new_id": new_id})
    app = create_app(needed, Telemetry(CollectorRegistry(), service="api"))
    return sorted(_mounted(app.routes))


def _mounted(routes: Iterable[object]) -> Iterator[tuple[str, str]]:
    for route in routes:
        # FastAPI keeps an included router as one route, which knows those that it stands for.
        inner = getattr(route, "effective_route_contexts", None)
        if inner is not None:
            yield from _mounted(inner())
        else:
            path, methods = cast(
                "tuple[str, set[str]]", (getattr(route, "path", None), getattr(route, "methods", None))
            )
            yield from ((method, path) for method in methods if method != "HEAD")


async def test_no_route_is_unguarded(api: ApiServer) -> None:
    unguarded: list[tuple[str, str]] = []
    routes = every_route(api)
    async with httpx.AsyncClient(base_url=api.url, timeout=60.0) as anybody:
        for method, path in routes:
            answer = await anybody.request(method, _filled(path))
            if answer.status_code != 401:
                unguarded.append((method, path))

    assert set(unguarded) == OPEN_ROUTES
    assert len(routes) > 35


async def test_no_route_takes_the_token_of_the_other_kind(api: ApiServer) -> None:
    attempt_token = api.signer.mint_attempt_token(AN_ATTEMPT)
    wrong: list[tuple[str, str, int]] = []
    async with httpx.AsyncClient(base_url=api.url, timeout=60.0) as anybody:
        for method, path in every_route(api):
            if (method, path) in WITHOUT_TOKENS:
                continue
            token = api.token if path.startswith("/execution") else attempt_token
            answer = await anybody.request(method, _filled(path), headers={"Authorization": f"Bearer {token}"})
            if answer.status_code != 403:
                wrong.append((method, path, answer.status_code))

    assert wrong == []


async def test_a_readers_token_opens_nothing_but_what_is_stored(api: ApiServer) -> None:
    token = api.signer.mint_reader_token("dag_processor", now=utc_now(), lifetime_seconds=60)
    opened: list[tuple[str, str, int]] = []
    async with httpx.AsyncClient(base_url=api.url, timeout=60.0) as reader:
        for method, path in every_route(api):
            if (method, path) not in WITHOUT_TOKENS:
                answer = await reader.request(method, _filled(path), headers={"Authorization": f"Bearer {token}"})
                if answer.status_code != 403:
                    opened.append((method, path, answer.status_code))

    assert opened == [
        ("GET", "/execution/stored-connections/{conn_id}", 404),
        ("GET", "/execution/stored-variables/{key:path}", 404),
    ]


@pytest.mark.parametrize(
    ("authorization", "status"),
    [("", 401), ("Bearer", 401), ("Basic YWRhOmFkYQ==", 401), ("Bearer nonsense", 403)],
)
async def test_what_is_no_token_is_refused(api: ApiServer, authorization: str, status: int) -> None:
    answer = await api.client.get("/api/v2/dags", headers={"Authorization": authorization})

    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_an_expired_token_is_refused(api: ApiServer) -> None:
    token = api.signer.mint_api_token("ada", now=utc_now() - timedelta(hours=2), lifetime_seconds=3600)

    answer = await api.client.get("/api/v2/dags", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401
    assert "expired" in answer.json()["detail"]


async def test_a_token_of_another_secret_is_refused(api: ApiServer) -> None:
    token = TokenSigner("another secret").mint_api_token("ada", now=utc_now(), lifetime_seconds=3600)

    answer = await api.client.get("/api/v2/dags", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 403


def _filled(path: str) -> str:
    attempt_id = str(AN_ATTEMPT.attempt_id)
    names = {"attempt_id": attempt_id, "task_instance_id": attempt_id, "try_number": "1", "map_index": "0"}
    for part in [part for part in path.split("/") if part.startswith("{")]:
        name = part.strip("{}").partition(":")[0]
        path = path.replace(part, names.get(name, name))
    return path
