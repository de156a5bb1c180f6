"""How browsers log in and out: the cookie, on whose behalf it may be sent, where one is sent afterwards."""

from collections.abc import AsyncGenerator

import httpx
import pytest
import pytest_asyncio

from tests.integration.api.identity.conftest import PASSWORD, NewPerson
from tests.servers.api import ApiServer
from tradewind.service.clock import new_id, utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


@pytest_asyncio.fixture(loop_scope="session")
async def browser(api: ApiServer) -> AsyncGenerator[httpx.AsyncClient]:
    """Nobody yet; keeps cookies, follows no redirects."""
    async with httpx.AsyncClient(base_url=api.url, timeout=60.0) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def logged_in(browser: httpx.AsyncClient, api: ApiServer) -> httpx.AsyncClient:
    """With a cookie as a login gives it."""
    token = api.signer.mint_api_token(api.username, now=utc_now(), lifetime_seconds=3600, token_id=new_id())
    browser.cookies.set("_token", token, domain="127.0.0.1", path="/")
    return browser


async def test_the_cookie_is_for_the_browser_only(browser: httpx.AsyncClient, api: ApiServer) -> None:
    answer = await browser.post("/auth/login", json={"username": api.username, "password": api.password})

    assert (answer.status_code, answer.content) == (204, b"")
    [cookie] = answer.headers.get_list("set-cookie")
    name_and_token, *attributes = cookie.split("; ")
    assert name_and_token.startswith("_token=ey")
    assert {attribute.lower() for attribute in attributes} == {"httponly", "samesite=lax", "path=/", "max-age=86400"}
    me = await browser.get("/auth/me")
    assert (me.status_code, me.json()["username"], me.json()["via"]) == (200, "ada", "cookie")


async def test_behind_tls_the_cookie_is_sent_over_tls_only(browser: httpx.AsyncClient, api: ApiServer) -> None:
    login = {"username": api.username, "password": api.password}

    answer = await browser.post("/auth/login", json=login, headers={"X-Forwarded-Proto": "https"})

    assert "; Secure" in answer.headers["set-cookie"]


async def test_wrong_credentials_give_no_cookie(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/auth/login", json={"username": "not_ada", "password": "wrong"})

    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid credentials"})
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "{url}"}, 201),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "{url}.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "{url}"}, 403),
    ],
)
async def test_the_cookie_changes_things_from_our_own_pages_only(
    logged_in: httpx.AsyncClient, api: ApiServer, headers: dict[str, str], status: int
) -> None:
    sent = {name: value.replace("{url}", api.url) for name, value in headers.items()}
    answer = await logged_in.post("/auth/tokens", json={"name": "from a page"}, headers=sent)

    assert answer.status_code == status
    assert (await logged_in.get("/auth/me", headers=sent)).status_code == 200  # reading changes nothing


async def test_who_sends_a_token_needs_no_page(logged_in: httpx.AsyncClient, api: ApiServer) -> None:
    headers = {"Authorization": f"Bearer {api.token}", "Sec-Fetch-Site": "cross-site"}

    assert (await logged_in.post("/auth/tokens", json={"name": "a program's"}, headers=headers)).status_code == 201


async def test_another_site_logs_nobody_in(browser: httpx.AsyncClient, api: ApiServer) -> None:
    form = {"username": api.username, "password": api.password}

    answer = await browser.post("/auth/login", data=form, headers={"Origin": "https://evil.example"})

    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_logging_out_ends_the_token_for_everybody(logged_in: httpx.AsyncClient) -> None:
    token = logged_in.cookies["_token"]

    answer = await logged_in.get("/api/v2/auth/logout")

    assert (answer.status_code, answer.headers["location"]) == (307, "/auth/login")
    assert "_token" not in logged_in.cookies
    for headers in ({"Cookie": f"_token={token}"}, {"Authorization": f"Bearer {token}"}):
        refused = await logged_in.get("/auth/me", headers=headers)
        assert (refused.status_code, "revoked" in refused.json()["detail"]) == (401, True)


async def test_logging_out_ends_what_was_sent_and_nothing_else(api: ApiServer, person: NewPerson) -> None:
    first = await person("logs_out", "Viewer")
    other = await api.client.post("/auth/token/cli", json={"username": "logs_out", "password": PASSWORD})

    await api.client.get("/api/v2/auth/logout", headers=first.headers)

    assert (await api.client.get("/auth/me", headers=first.headers)).status_code == 401
    still = {"Authorization": f"Bearer {other.json()['access_token']}"}
    assert (await api.client.get("/auth/me", headers=still)).status_code == 200


async def test_whoever_is_not_logged_in_can_log_out(browser: httpx.AsyncClient) -> None:
    for headers in ({}, {"Cookie": "_token=nonsense"}, {"Authorization": "Bearer nonsense"}):
        assert (await browser.get("/api/v2/auth/logout", headers=headers)).status_code == 307


@pytest.mark.parametrize("cookie", ["nonsense", "tw_nonsense", ""])
async def test_a_cookie_of_something_else_is_not_logged_in(browser: httpx.AsyncClient, cookie: str) -> None:
    answer = await browser.get("/auth/me", headers={"Cookie": f"_token={cookie}"})

    assert answer.status_code == 401


async def test_an_api_token_is_no_cookie(browser: httpx.AsyncClient, api: ApiServer) -> None:
    token = (await api.client.post("/auth/tokens", json={"name": "x"})).json()["token"]

    assert (await browser.get("/auth/me", headers={"Cookie": f"_token={token}"})).status_code == 401


async def test_one_is_sent_to_log_in_and_on_from_there(browser: httpx.AsyncClient, api: ApiServer) -> None:
    to_login = await browser.get("/api/v2/auth/login", params={"next": "/dags?tags=a&b=c"})
    form = {"username": api.username, "password": api.password, "next": f"{api.url}/dags"}
    on = await browser.post("/auth/login", data=form, headers=OWN_PAGE)

    assert (to_login.status_code, to_login.headers["location"]) == (307, "/auth/login?next=%2Fdags%3Ftags%3Da%26b%3Dc")
    assert (on.status_code, on.headers["location"]) == (303, f"{api.url}/dags")
    assert (await browser.get("/api/v2/auth/login")).headers["location"] == "/auth/login"
    assert (await browser.get("/auth/login")).json() == {"password": True, "oidc_url": None, "oidc_name": None}


async def test_nobody_is_sent_elsewhere(browser: httpx.AsyncClient, api: ApiServer) -> None:
    elsewhere = "https://evil.example/"
    form = {"username": api.username, "password": api.password, "next": elsewhere}

    for answer in (
        await browser.get("/api/v2/auth/login", params={"next": elsewhere}),
        await browser.post("/auth/login", data=form, headers=OWN_PAGE),
    ):
        assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid or unsafe next URL"})
        assert "set-cookie" not in answer.headers
