"""What every answer tells browsers, and which other sites may call."""

from collections.abc import AsyncGenerator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from tradewind.api.hardening.headers import DATA_POLICY, DOCUMENTS_POLICY, PAGE_POLICY, SecurityHeaders
from tradewind.api.hardening.other_sites import let_in_other_sites
from tradewind.core.errors import ConfigError
from tradewind.service.settings import ApiSettings

pytestmark = pytest.mark.asyncio(loop_scope="session")

PORTAL = "https://portal.example.org"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v2/dags", 200),
        ("GET", "/api/v2/version", 200),
        ("GET", "/no/such/path", 404),
        ("POST", "/auth/token", 422),
        ("GET", "/execution/variables/x", 403),
        ("GET", "/metrics", 200),
        ("DELETE", "/api/v2/variables/none", 404),
    ],
)
async def test_every_answer_is_safe_in_a_browser(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status
    wanted = {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "content-security-policy": DATA_POLICY.decode(),
        "cache-control": "no-store",
    }
    assert {name: answer.headers.get_list(name) for name in wanted} == {name: [value] for name, value in wanted.items()}
    assert not {"server", "strict-transport-security", "access-control-allow-origin"} & set(answer.headers)


async def test_pages_run_nothing_but_their_own_scripts(client: httpx.AsyncClient) -> None:
    documents = await client.get("/docs")
    page = dict(SecurityHeaders(None).added({"path": "/", "scheme": "http"}, [(b"content-type", b"text/html; x")]))

    assert documents.headers["content-security-policy"] == DOCUMENTS_POLICY.decode()
    assert page[b"content-security-policy"] == PAGE_POLICY
    assert b"unsafe-inline" not in PAGE_POLICY.split(b"style-src")[0]


@pytest.mark.parametrize(("base_url", "scheme"), [("https://tradewind.example.org", "http"), (None, "https")])
async def test_behind_tls_browsers_stay_with_tls(base_url: str | None, scheme: str) -> None:
    added = SecurityHeaders(base_url).added({"path": "/", "scheme": scheme}, [(b"cache-control", b"max-age=60")])

    assert (b"strict-transport-security", b"max-age=31536000") in added
    assert b"cache-control" not in dict(added)


@pytest_asyncio.fixture(loop_scope="session")
async def open_to_portal() -> AsyncGenerator[httpx.AsyncClient]:
    app = FastAPI()
    settings = ApiSettings(
        access_control_allow_origins=f"{PORTAL}, https://other.example.org",
        access_control_allow_methods="GET POST",
        access_control_allow_headers="Authorization",
    )
    let_in_other_sites(app, settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        yield client


def asking(origin: str, method: str, header: str = "authorization") -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": header,
    }


async def test_other_sites_are_let_in_by_name(open_to_portal: httpx.AsyncClient) -> None:
    allowed = await open_to_portal.options("/x", headers=asking(PORTAL, "POST"))
    refused = [
        await open_to_portal.options("/x", headers=headers)
        for headers in (
            asking("https://portal.example.org.evil.example", "POST"),
            asking("null", "POST"),
            asking(PORTAL, "DELETE"),
            asking(PORTAL, "POST", "x-other"),
        )
    ]

    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, PORTAL)
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert {answer.status_code for answer in refused} == {400}


async def test_nobody_is_let_in_unless_named(client: httpx.AsyncClient) -> None:
    answer = await client.options("/api/v2/dags", headers=asking(PORTAL, "GET"))

    assert "access-control-allow-origin" not in answer.headers
    assert answer.status_code == 405
    with pytest.raises(ConfigError, match="must not be"):
        let_in_other_sites(FastAPI(), ApiSettings(access_control_allow_origins="https://a.example *"))
