"""What surrounds each request of a task process: the version that it speaks, and its token, renewed in time."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from tradewind.api.errors import BadRequest, Forbidden
from tradewind.api.state import ApiState
from tradewind.service.tokens import AttemptClaims, InvalidToken

VERSION_HEADER: Final = "Airflow-API-Version"
SUPPORTED_VERSIONS: Final = ("2026-06-30",)
"""Dates of Airflow's contract, newest first: that of its task SDK 1.3."""
REFRESHED_HEADER: Final = "Refreshed-API-Token"
OK_BELOW: Final = 300

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ExecutionRoute(APIRoute):
    """Refuses versions that are not spoken here, and renews the token of a lease in the second half of its life."""

    def get_route_handler(self) -> _Handler:
        handle = super().get_route_handler()

        async def handle_versioned(request: Request) -> Response:
            check_version(request)
            response = await handle(request)
            if response.status_code < OK_BELOW:
                _renew(request, response)
            return response

        return handle_versioned


def speaks_airflow(request: Request) -> bool:
    """Whether the request names a version. Tradewind's own task processes name none: to them, a path that Airflow
    reserves within names (`…/variables/keys`, `…/xcoms/…/slice`) is a name as any other."""
    return VERSION_HEADER in request.headers


def check_version(request: Request) -> None:
    """Raises `BadRequest`."""
    asked = request.headers.get(VERSION_HEADER)
    if asked is None or asked in SUPPORTED_VERSIONS:
        return
    which = "newer than" if asked > SUPPORTED_VERSIONS[0] else "not one of"
    message = (
        f"The version {asked!r} of the execution API is {which} those spoken here: {', '.join(SUPPORTED_VERSIONS)}"
    )
    raise BadRequest({"reason": "unsupported_version", "message": message, "supported": list(SUPPORTED_VERSIONS)})


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
