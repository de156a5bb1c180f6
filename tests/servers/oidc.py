"""A small OpenID provider on a free port. It lets everybody in at once, as whom the test says; and it can be made to
say what no honest provider would."""

import asyncio
import base64
import hashlib
import secrets
import socket
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from tradewind.service.http import serve_app

CLIENT_ID, CLIENT_SECRET = "tradewind", "what only the two know"

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class OidcServer:
    """What it says, and what it was asked."""

    issuer: str
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", parameters={"kid": "first"}))
    claims: Json = field(default_factory=dict[str, Any])
    """About whoever signs in next."""
    user_info: Json = field(default_factory=dict[str, Any])
    change: Callable[[Json], Json] | None = None
    """What it makes of the claims of an ID token before signing them."""
    sign: Callable[[Json], str] | None = None
    """Signs ID tokens in another way."""
    denies: bool = False
    asked: list[Json] = field(default_factory=list[Json])
    """Queries of browsers that were sent here."""
    grants: dict[str, Json] = field(default_factory=dict[str, Json])

    def signed(self, claims: Json) -> str:
        """As an honest provider does it."""
        return jwt.encode({"alg": "ES256", "kid": "first"}, claims, self.key)

    def signed_with(self, header: Json, key: ECKey) -> Callable[[Json], str]:
        return lambda claims: jwt.encode(header, claims, key)


@asynccontextmanager
async def oidc_server() -> AsyncGenerator[OidcServer]:
    """Serve until the context is left."""
    sock = socket.create_server(("127.0.0.1", 0))
    server = OidcServer(issuer=f"http://127.0.0.1:{sock.getsockname()[1]}/realms/test")
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        serving = serve_app(_application(server), sock, stop)  # pyright: ignore[reportArgumentType] - ASGI types
        group.create_task(serving, name="oidc")
        yield server
        stop.set()


def _application(server: OidcServer) -> FastAPI:
    app = FastAPI()

    @app.get("/realms/test/.well-known/openid-configuration")
    async def metadata() -> Json:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        found = {name: f"{server.issuer}/{path}" for name, path in (*ends.items(), ("userinfo_endpoint", "me"))}
        return {"issuer": server.issuer, **found}

    @app.get("/realms/test/authorize")
    async def authorize(request: Request) -> RedirectResponse:
        asked = dict(request.query_params)
        server.asked.append(asked)
        answer = {"state": asked["state"]}
        if server.denies:
            answer |= {"error": "access_denied", "error_description": "not today"}
        else:
            answer["code"] = secrets.token_urlsafe(8)
            server.grants[answer["code"]] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", status_code=302)

    @app.post("/realms/test/token")
    async def token(request: Request) -> JSONResponse:
        form = dict(await request.form())
        asked = server.grants.pop(str(form["code"]), None)
        if wrong := _wrong(request, form, asked):
            return JSONResponse({"error": "invalid_grant", "error_description": wrong}, status_code=400)
        assert asked is not None
        now = int(time.time())
        claims = {"iss": server.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        claims |= server.claims
        id_token = (server.sign or server.signed)(server.change(claims) if server.change else claims)
        return JSONResponse({"access_token": "for the claims", "token_type": "Bearer", "id_token": id_token})

    @app.get("/realms/test/keys")
    async def keys() -> Json:
        return dict(KeySet([server.key]).as_dict(private=False))

    @app.get("/realms/test/me")
    async def me(request: Request) -> Json:
        assert request.headers["authorization"] == "Bearer for the claims"
        return server.user_info

    return app


def _wrong(request: Request, form: Json, asked: Json | None) -> str | None:
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET.replace(' ', '+')}".encode()).decode()
    digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
    if asked is None:
        return "no such code"
    if asked["code_challenge_method"] != "S256" or asked["code_challenge"] != _base64(digest):
        return "wrong verifier"
    if asked["redirect_uri"] != form["redirect_uri"] or asked["client_id"] != CLIENT_ID:
        return "wrong client or address"
    known = {f"Basic {basic}", f"Basic {base64.b64encode(f'{CLIENT_ID}:{CLIENT_SECRET}'.encode()).decode()}"}
    return None if request.headers.get("authorization") in known else "wrong secret"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
