"""Signing in at an OpenID provider: who is let in as whom, and whose word is not taken."""

import base64
import hmac
import json
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
from joserfc.jwk import ECKey

from tests.servers.api import ApiServer
from tests.servers.oidc import CLIENT_ID, CLIENT_SECRET, OidcServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

Json = dict[str, Any]


@pytest_asyncio.fixture(loop_scope="session")
async def browser(other: ApiServer, provider: OidcServer) -> AsyncGenerator[httpx.AsyncClient]:
    """Nobody yet, at an honest provider; follows no redirects."""
    provider.change, provider.sign, provider.denies = None, None, False
    async with httpx.AsyncClient(base_url=other.url, timeout=60.0) as client:
        yield client


def says(provider: OidcServer, name: str, *roles: str, **more: object) -> None:
    """About whoever signs in next."""
    provider.claims = {"sub": f"id of {name}", "preferred_username": name, "realm_access": {"roles": [*roles]}, **more}
    provider.user_info = {"sub": provider.claims["sub"]}


async def come_back(browser: httpx.AsyncClient, url: str = "/auth/oidc/login") -> str:
    """To the provider and back: the address with the code, not yet visited."""
    away = await browser.get(url)
    assert away.status_code == 302, away.text
    back = await browser.get(away.headers["location"])
    return back.headers["location"]


async def sign_in(browser: httpx.AsyncClient) -> httpx.Response:
    return await browser.get(await come_back(browser))


async def test_who_signs_in_is_made_a_user(browser: httpx.AsyncClient, other: ApiServer, provider: OidcServer) -> None:
    says(provider, "oidc_ann", "data", "others", email="ann@example.org", given_name="Ann", family_name="Lee")

    back = await come_back(browser, "/auth/oidc/login?next=/dags")
    answer = await browser.get(back)

    assert (answer.status_code, answer.headers["location"]) == (303, "/dags")
    me = (await browser.get("/auth/me")).json()
    assert me == {"username": "oidc_ann", "role": "User", "via": "cookie", "scopes": None}
    user = (await other.client.get("/auth/users/oidc_ann")).json()
    assert (user["first_name"], user["last_name"], user["email"]) == ("Ann", "Lee", "ann@example.org")
    assert (user["has_password"], user["external_id"]) == (False, f"{provider.issuer}|id of oidc_ann")
    asked = provider.asked[-1]
    assert (asked["response_type"], asked["scope"]) == ("code", "openid profile email")
    assert asked["redirect_uri"] == f"{other.url}/auth/oidc/callback"
    assert "_sign_in" not in browser.cookies


async def test_the_way_to_the_provider_is_told(browser: httpx.AsyncClient) -> None:
    ways = (await browser.get("/auth/login")).json()

    assert ways == {"password": True, "oidc_url": "/auth/oidc/login", "oidc_name": "The Example"}


async def test_what_a_browser_keeps_meanwhile_is_signed_and_short_lived(browser: httpx.AsyncClient) -> None:
    first, second = [await browser.get("/auth/oidc/login") for _ in range(2)]

    cookie = first.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=lax", "path=/auth/oidc", "max-age=600"))
    queries = [parse_qs(urlsplit(answer.headers["location"]).query) for answer in (first, second)]
    for name in ("state", "nonce", "code_challenge"):
        values = {query[name][0] for query in queries}
        assert len(values) == 2
        assert all(len(value) >= 43 for value in values)


async def test_the_role_is_what_the_provider_says_last(
    browser: httpx.AsyncClient, other: ApiServer, provider: OidcServer
) -> None:
    says(provider, "oidc_bob", "data", "bosses")
    await sign_in(browser)
    assert (await browser.get("/auth/me")).json()["role"] == "Admin"
    first_cookie = browser.cookies["_token"]

    says(provider, "oidc_bob", "data-ops")
    await sign_in(browser)

    assert (await browser.get("/auth/me")).json()["role"] == "Op"
    async with httpx.AsyncClient(base_url=other.url, cookies={"_token": first_cookie}) as another:
        assert (await another.get("/auth/me")).json()["role"] == "Op"


async def test_more_claims_are_asked_for_where_the_token_says_too_little(
    browser: httpx.AsyncClient, provider: OidcServer
) -> None:
    provider.claims = {"sub": "few words"}
    provider.user_info = {"sub": "few words", "preferred_username": "oidc_cy", "realm_access": {"roles": ["data"]}}
    assert (await sign_in(browser)).status_code == 303
    assert (await browser.get("/auth/me")).json()["username"] == "oidc_cy"

    provider.user_info |= {"sub": "somebody else"}
    refused = await sign_in(browser)
    assert (refused.status_code, "somebody else" in refused.json()["detail"]) == (401, True)


@pytest.mark.parametrize(
    ("claims", "status", "said"),
    [
        ({"realm_access": {"roles": ["others"]}}, 403, "has no role here"),
        ({"realm_access": "data"}, 403, "has no role here"),
        ({"preferred_username": "a b"}, 403, "no user's name"),
        ({"preferred_username": "a/b"}, 403, "no user's name"),
        ({"preferred_username": 7}, 403, "no user's name"),
        ({"preferred_username": "ANONYMOUS"}, 422, "has not logged in"),
        ({"preferred_username": "ada"}, 409, "somebody else's"),
    ],
)
async def test_who_cannot_be_a_user_here_is_told_why(
    browser: httpx.AsyncClient, provider: OidcServer, claims: Json, status: int, said: str
) -> None:
    says(provider, "oidc_dee", "bosses", **claims)

    answer = await sign_in(browser)

    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert "_token" not in browser.cookies


async def test_somebody_else_of_the_same_name_is_not_let_in(browser: httpx.AsyncClient, provider: OidcServer) -> None:
    says(provider, "oidc_eve", "data")
    assert (await sign_in(browser)).status_code == 303
    browser.cookies.clear()

    says(provider, "oidc_eve", "bosses", sub="another person")

    assert (await sign_in(browser)).status_code == 409
    assert "_token" not in browser.cookies


async def test_a_deactivated_user_does_not_sign_in(
    browser: httpx.AsyncClient, other: ApiServer, provider: OidcServer
) -> None:
    says(provider, "oidc_fay", "data")
    assert (await sign_in(browser)).status_code == 303
    assert (await other.client.patch("/auth/users/oidc_fay", json={"is_active": False})).status_code == 200

    assert (await sign_in(browser)).status_code == 401
    assert (await browser.get("/auth/me")).status_code == 401
    password = {"password": "one that is long enough"}
    assert (await other.client.put("/auth/users/oidc_fay/password", json=password)).status_code == 409
    login = {"username": "oidc_fay", "password": ""}
    assert (await other.client.post("/auth/token", json=login)).status_code == 400
    assert (await other.client.post("/auth/token", json=login | {"password": "x"})).status_code == 401


HOUR = 3600


@pytest.mark.parametrize(
    ("said", "left_out"),
    [
        ({"iss": "https://evil.example"}, ""),
        ({"aud": "another client"}, ""),
        ({"aud": [CLIENT_ID, "another client"], "azp": "another client"}, ""),
        ({"nonce": "another sign-in"}, ""),
        ({}, "nonce"),
        ({}, "sub"),
        ({}, "exp"),
        ({"iat": int(time.time()) - 2 * HOUR, "exp": int(time.time()) - HOUR}, ""),
    ],
)
async def test_the_word_of_another_sign_in_is_not_taken(
    browser: httpx.AsyncClient, provider: OidcServer, said: Json, left_out: str
) -> None:
    says(provider, "oidc_gus", "bosses")

    def change(claims: Json) -> Json:
        return {name: value for name, value in (claims | said).items() if name != left_out}

    provider.change = change

    answer = await sign_in(browser)

    assert (answer.status_code, "not to be trusted" in answer.json()["detail"]) == (401, True)
    assert "_token" not in browser.cookies


def by_hand(header: Json, secret: bytes) -> Callable[[Json], str]:
    """Signs with a digest; libraries refuse to take a public key for a secret."""

    def sign(claims: Json) -> str:
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
        digest = hmac.digest(secret, b".".join(parts), "sha256") if secret else b""
        return b".".join([*parts, base64.urlsafe_b64encode(digest).rstrip(b"=")]).decode()

    return sign


async def test_what_the_provider_did_not_sign_is_not_taken(browser: httpx.AsyncClient, provider: OidcServer) -> None:
    says(provider, "oidc_hal", "bosses")
    other_key = ECKey.generate_key("P-256", parameters={"kid": "first"})
    ways: list[Callable[[Json], str]] = [
        provider.signed_with({"alg": "ES256", "kid": "first"}, other_key),
        provider.signed_with({"alg": "ES256", "kid": "unknown"}, other_key),
        by_hand({"alg": "HS256", "kid": "first"}, CLIENT_SECRET.encode()),
        by_hand({"alg": "HS256", "kid": "first"}, provider.key.as_pem(private=False)),
        by_hand({"alg": "HS256"}, provider.key.as_pem(private=False)),
        by_hand({"alg": "none", "kid": "first"}, b""),
        by_hand({"alg": "none"}, b""),
        lambda claims: f"nonsense of {claims['sub']}",
        lambda claims: "" if claims else "x",
    ]
    for sign in ways:
        provider.sign = sign
        answer = await sign_in(browser)
        assert (answer.status_code, "not to be trusted" in answer.json()["detail"]) == (401, True), answer.text
        assert "_token" not in browser.cookies


async def test_a_code_is_taken_from_the_browser_that_was_sent_for_it(
    browser: httpx.AsyncClient, other: ApiServer, provider: OidcServer
) -> None:
    says(provider, "oidc_ivy", "data")
    back = await come_back(browser)

    async with httpx.AsyncClient(base_url=other.url) as another:
        nothing_begun = await another.get(back)
        assert (nothing_begun.status_code, "begun no sign-in" in nothing_begun.json()["detail"]) == (400, True)
        await another.get("/auth/oidc/login")
        of_another = await another.get(back)
        assert (of_another.status_code, "another sign-in" in of_another.json()["detail"]) == (400, True)
    no_state = await browser.get(back.partition("&state=")[0].replace("state=", "x="))
    assert no_state.status_code == 400
    assert (await browser.get(back)).status_code == 303
    browser.cookies.delete("_token")
    again = await browser.get(back)  # the way back is gone with its cookie
    assert again.status_code == 400


async def test_what_the_provider_refuses_is_told(browser: httpx.AsyncClient, provider: OidcServer) -> None:
    says(provider, "oidc_jon", "data")
    provider.denies = True
    denied = await sign_in(browser)
    assert (denied.status_code, "not today" in denied.json()["detail"]) == (401, True)

    provider.denies = False
    back = await come_back(browser)
    provider.grants.clear()
    refused = await browser.get(back)
    assert (refused.status_code, "no such code" in refused.json()["detail"]) == (401, True)


async def test_nobody_is_sent_elsewhere_afterwards(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/auth/oidc/login", params={"next": "//evil.example"})).status_code == 400


async def test_without_a_provider_nobody_signs_in_there(client: httpx.AsyncClient) -> None:
    for path in ("/auth/oidc/login", "/auth/oidc/callback"):
        answer = await client.get(path)
        assert (answer.status_code, "TRADEWIND__OIDC__ISSUER" in answer.json()["detail"]) == (404, True)
