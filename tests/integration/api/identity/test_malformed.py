"""What no client sends on purpose is refused, and never by a failure of ours."""

import asyncio
from urllib.parse import urlsplit

import pytest

from tests.servers.api import ApiServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

JSON = b"Content-Type: application/json\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


async def status_of(api: ApiServer, line: bytes, headers: bytes = b"", body: bytes = b"") -> int:
    """Of a request that no library would write."""
    parts = urlsplit(api.url)
    host = b"" if b"Host:" in headers else f"Host: {parts.netloc}\r\n".encode()
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(line + b" HTTP/1.1\r\n" + host + headers + b"Connection: close\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    answer = await asyncio.wait_for(reader.read(), 30.0)
    writer.close()
    await writer.wait_closed()
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("line", "headers", "body"),
    [
        (b"POST /auth/token", JSON, b'{"username": "\\ud800", "password": "\\ud800"}'),
        (b"POST /auth/token", JSON, b'{"username": "a\\u0000", "password": "b"}'),
        (b"POST /auth/token", JSON, b'{"username": {}, "password": []}'),
        (b"POST /auth/token", JSON, b'{"username": "a", "password": "' + b"x" * 2000 + b'"}'),
        (b"POST /auth/token", JSON, b"\xff\xfe"),
        (b"POST /auth/token", FORM, b"username=%ff&password=%00"),
        (b"POST /auth/token", FORM, b"username=a&username=b"),
        (b"POST /auth/token", b"Content-Type: multipart/form-data\r\n", b"--x"),
        (b"POST /auth/token/cli", b"Content-Type: \xff\r\n", b""),
        (b"POST /auth/login", JSON + b"Origin: http://[\r\n", b'{"username": "a", "password": "b"}'),
        (b"POST /auth/login", JSON, b'{"username": "a", "password": "b", "next": "http://["}'),
        (b"POST /auth/login", JSON, b'{"username": "a", "password": "b", "next": "//[\\ud800"}'),
        (b"POST /auth/login", JSON + b"Host: a:b:c\r\nOrigin: http://x\r\n", b'{"username": "a", "password": "b"}'),
        (b"GET /api/v2/auth/login?next=http://x/", b"Host: a:999999\r\n", b""),
        (b"GET /api/v2/auth/login?next=http://x/", b"Host: [\r\n", b""),
        (b"GET /api/v2/auth/login?next=%ff%00", b"", b""),
        (b"GET /auth/me", b"Authorization: Bearer \xff\r\n", b""),
        (b"GET /auth/me", b"Authorization: Bearer tw_\xff\r\n", b""),
        (b"GET /auth/me", b"Authorization: Bearer a.b.c\r\n", b""),
        (b"GET /auth/me", b"Authorization: Bearer " + b"x" * 20_000 + b"\r\n", b""),
        (b"GET /auth/me", b'Cookie: _token="\xff; =; _token\r\n', b""),
        (b"GET /auth/me", b"Cookie: _token=tw_x; _token=y\r\n", b""),
        (b"GET /auth/oidc/callback?state=%ff&code=%00", b"Cookie: _sign_in=x\r\n", b""),
        (b"GET /auth/users/%00", b"Authorization: Bearer {token}\r\n", b""),
        (b"GET /auth/users?username_pattern=%00", b"Authorization: Bearer {token}\r\n", b""),
        (b"GET /auth/users?is_active=maybe", b"Authorization: Bearer {token}\r\n", b""),
        (b"GET /auth/tokens?name=%00", b"Authorization: Bearer {token}\r\n", b""),
        (b"GET /auth/tokens/%00", b"Authorization: Bearer {token}\r\n", b""),
        (b"POST /auth/tokens", b"Authorization: Bearer {token}\r\n" + JSON, b'{"name": "\\u0000"}'),
        (
            b"POST /auth/tokens",
            b"Authorization: Bearer {token}\r\n" + JSON,
            b'{"name": "a", "dag_patterns": ["\\u0000"]}',
        ),
        (b"PATCH /auth/users/ada", b"Authorization: Bearer {token}\r\n" + JSON, b'{"email": "\\u0000"}'),
    ],
)
async def test_it_is_refused(api: ApiServer, line: bytes, headers: bytes, body: bytes) -> None:
    status = await status_of(api, line, headers.replace(b"{token}", api.token.encode()), body)

    assert 400 <= status < 500
