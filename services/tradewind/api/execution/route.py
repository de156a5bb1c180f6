"""What surrounds each request of a task process: the version that it speaks, and its token, renewed in time."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from tradewind.api.errors import Forbidden
from tradewind.api.execution.versions import in_version, spoken_version
from tradewind.api.state import ApiState
from tradewind.service.tokens import AttemptClaims, InvalidToken

REFRESHED_HEADER: Final = "Refreshed-API-Token"
OK_BELOW: Final = 300

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ExecutionRoute(APIRoute):
    """Refuses versions that are not spoken here, and renews the token of a lease in the second half of its life."""

    def get_route_handler(self) -> _Handler:
        handle = super().get_route_handler()

        async def handle_versioned(request: Request) -> Response:
            version = spoken_version(request)
            response = await handle(request)
            if response.status_code >= OK_BELOW:
                return response
            _renew(request, response)
            return in_version(version, self.name, response)

        return handle_versioned


def lease_token(state: ApiState, claims: AttemptClaims) -> str:
    """A fresh token for the attempt's lease."""
    return state["signer"].mint_attempt_token(replace(claims, expires_at=state["clock"]() + _lifetime(state)))


def _lifetime(state: ApiState) -> timedelta:
    return timedelta(seconds=state["settings"].execution_api.jwt_expiration_time_seconds)


def _renew(request: Request, response: Response) -> None:
    """The statement behind the answer has found the attempt current: its token may live on."""
    if REFRESHED_HEADER in response.headers or not (claims := _lease_claims(request)):
        return
    state: ApiState = request.scope["state"]
    assert claims.expires_at is not None
    if claims.expires_at - state["clock"]() < _lifetime(state) / 2:
        response.headers[REFRESHED_HEADER] = lease_token(state, claims)


def _lease_claims(request: Request) -> AttemptClaims | None:
    """Those of a token that names a lease; None for others, which need no renewal."""
    state: ApiState = request.scope["state"]
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    try:
        claims = state["logins"].attempt(token)
    except Forbidden:
        claims = _expired_claims(state, token)
    return None if claims is None or claims.lease is None else claims


def _expired_claims(state: ApiState, token: str) -> AttemptClaims | None:
    try:
        return state["signer"].verify_attempt_token(token)
    except InvalidToken:
        return None
