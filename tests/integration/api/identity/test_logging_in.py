"""Logging in over REST: how often, for how long, and where nobody has to."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import jwt
import pytest
import pytest_asyncio
from msgspec.structs import replace

from tests.integration.api.identity.conftest import PASSWORD, NewPerson, bearer
from tests.servers.api import ApiServer, api_server
from tradewind.api.settings import ApiServiceSettings
from tradewind.service.settings import CoreSettings
from tradewind.service.tokens import API_AUDIENCE

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def status(client: httpx.AsyncClient, username: str, password: str) -> int:
    return (await client.post("/auth/token", json={"username": username, "password": password})).status_code


async def test_a_command_lines_token_holds_for_an_hour(api: ApiServer) -> None:
    login = {"username": api.username, "password": api.password}
    lives: list[int] = []
    for path in ("/auth/token", "/auth/token/cli"):
        answer = await api.client.post(path, json=login)
        assert (answer.status_code, list(answer.json())) == (201, ["access_token"])
        assert answer.headers["cache-control"] == "no-store"
        claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
        assert (claims["sub"], claims["aud"]) == ("ada", API_AUDIENCE)
        lives.append(claims["exp"] - claims["iat"])
    assert lives == [86_400, 3600]


@pytest.mark.parametrize("login", [{"username": "", "password": ""}, {"username": "ada", "password": ""}])
async def test_a_login_without_a_name_or_password_is_malformed(
    client: httpx.AsyncClient, login: dict[str, str]
) -> None:
    answer = await client.post("/auth/token", json=login)

    assert (answer.status_code, answer.json()) == (400, {"detail": "Username and password must be provided"})


@pytest_asyncio.fixture(loop_scope="session")
async def uncounted(api: ApiServer) -> AsyncGenerator[None]:
    """Other tests log in from the same address."""
    yield
    await api.database.fetch("DELETE FROM login_attempt")


@pytest.mark.usefixtures("uncounted")
async def test_too_many_wrong_logins_let_nobody_in(api: ApiServer, other: ApiServer, person: NewPerson) -> None:
    """Twenty at once, with the right password, after the limit was used up in two processes."""
    await person("guessed", "Op")
    await person("somebody_else", "Op")
    assert [await status(server.client, "guessed", "wrong") for server in (api, other)] == [401] * 2
    login = {"username": "guessed", "password": PASSWORD}
    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(other.client.post("/auth/token", json=login), name="login") for _ in range(20)]
    answers = [each.result() for each in tries]

    assert [answer.status_code for answer in answers] == [429] * 20
    assert all(0 < int(answer.headers["retry-after"]) <= 300 for answer in answers)  # the first process's window
    assert "try again in" in answers[0].json()["detail"]
    cookie = await other.client.post("/auth/login", json=login)
    assert (cookie.status_code, "set-cookie" in cookie.headers) == (429, False)
    # Others still can, from the same address, until that has had enough as well.
    assert await status(other.client, "somebody_else", PASSWORD) == 201
    await api.database.fetch("UPDATE login_attempt SET attempts = 30")
    assert await status(other.client, "somebody_else", PASSWORD) == 429
    await api.database.fetch("UPDATE login_attempt SET ends_at = now()")
    assert await status(other.client, "guessed", PASSWORD) == 201


@pytest.mark.usefixtures("uncounted")
async def test_guesses_at_once_are_counted_one_after_the_other(other: ApiServer, person: NewPerson) -> None:
    await person("guessed_at_once", "Op")
    async with asyncio.TaskGroup() as group:
        logins = [group.create_task(status(other.client, "guessed_at_once", PASSWORD), name="login") for _ in range(5)]
    assert [each.result() for each in logins] == [201] * 5  # who is right is not counted

    async with asyncio.TaskGroup() as group:
        tries = [
            group.create_task(status(other.client, "guessed_at_once", f"guess {number}"), name="login")
            for number in range(20)
        ]

    assert sorted(each.result() for each in tries) == [401] * 2 + [429] * 18


async def test_names_that_were_tried_are_not_kept(api: ApiServer) -> None:
    """People type passwords where names belong."""
    await status(api.client, "my secret password", "wrong")

    rows = await api.database.fetch("SELECT key FROM login_attempt")
    assert rows
    assert all(len(row["key"]) == 32 for row in rows)


async def test_whoever_comes_is_an_admin_if_the_settings_say_so(api: ApiServer, tmp_path: Path) -> None:
    def open_to_all(settings: ApiServiceSettings) -> ApiServiceSettings:
        return replace(settings, core=CoreSettings(simple_auth_manager_all_admins=True))

    async with (
        api_server(api.database, tmp_path, change=open_to_all) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60.0) as anybody,
    ):
        nobody = {"username": "Anonymous", "role": "Admin", "via": "anonymous", "scopes": None}
        assert (await anybody.get("/auth/me")).json() == nobody
        token = await anybody.get("/auth/token")
        assert token.status_code == 201
        assert (await anybody.get("/auth/me", headers=bearer(token.json()["access_token"]))).json() == nobody
        any_login = await anybody.post("/auth/token", json={"username": "who", "password": "ever"})
        assert any_login.status_code == 201
        logged_in = await anybody.get("/auth/token/login", params={"next": "/dags"})
        assert (logged_in.status_code, logged_in.headers["location"]) == (307, "/dags")
        assert "_token=" in logged_in.headers["set-cookie"]
        body = {"key": "k", "value": "v"}
        foreign = await anybody.post("/api/v2/variables", json=body, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        assert (await anybody.post("/auth/tokens", json={"name": "x"})).status_code == 403
        for host, status in (("localhost", 200), ("tradewind:8080", 200), ("rebound.example:8080", 403)):
            for headers in ({}, bearer(token.json()["access_token"])):
                assert (await anybody.get("/auth/me", headers={"Host": host} | headers)).status_code == status
    # Elsewhere that token is worth nothing.
    again = await api.client.get("/auth/me", headers=bearer(token.json()["access_token"]))
    assert again.status_code == 403


async def test_nobody_gets_a_token_for_nothing(client: httpx.AsyncClient) -> None:
    for path in ("/auth/token", "/auth/token/login"):
        answer = await client.get(path)
        assert (answer.status_code, "SIMPLE_AUTH_MANAGER_ALL_ADMINS" in answer.json()["detail"]) == (403, True)


async def test_the_public_may_have_a_role(other: ApiServer) -> None:
    async with httpx.AsyncClient(base_url=other.url, timeout=60.0) as anybody:
        me = (await anybody.get("/auth/me")).json()
        assert (me["username"], me["role"], me["via"]) == ("Anonymous", "Viewer", "anonymous")
        assert (await anybody.get("/auth/users")).status_code == 403
        assert (await anybody.get("/auth/me", headers=bearer("nonsense"))).status_code == 403


async def test_a_secret_is_replaced_without_logging_anybody_out(api: ApiServer, other: ApiServer) -> None:
    assert jwt.get_unverified_header(other.token)["kid"] != jwt.get_unverified_header(api.token)["kid"]

    assert (await other.client.get("/auth/me", headers=bearer(api.token))).json()["username"] == "ada"
    assert (await other.client.get("/auth/me")).json()["username"] == "ada"
    refused = await api.client.get("/auth/me", headers=bearer(other.token))
    assert (refused.status_code, "a secret that this service does not have" in refused.json()["detail"]) == (403, True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/auth/token", {"password": "a secret of somebody"}),
        ("/auth/login", {"password": ["a secret of somebody"], "username": "x"}),
        ("/auth/users", {"password": "a secret of somebody", "username": "x y", "role": "Op"}),
    ],
)
async def test_what_may_be_a_password_is_not_shown_back(client: httpx.AsyncClient, path: str, body: object) -> None:
    answer = await client.post(path, json=body)

    assert answer.status_code == 422
    assert "a secret of" not in answer.text
    assert all({"loc", "msg", "type"} <= set(error) for error in answer.json()["detail"])
