"""Logging in with a password, and what a login is given."""

from typing import Final

from fastapi import Request, Response

from tradewind.api.access.auditing import name_owner
from tradewind.api.errors import BadRequest, TooManyRequests, Unauthorized
from tradewind.api.identity.callers import ANONYMOUS
from tradewind.api.identity.origins import is_over_tls
from tradewind.api.settings import ApiServiceSettings
from tradewind.api.state import ApiState
from tradewind.db.api.identity.users import get_user
from tradewind.db.pool import Row

COOKIE: Final = "_token"
"""Airflow's."""


async def signed_in(request: Request, username: str, password: str) -> Row:
    """The user whose password this is. Raises `Unauthorized` alike for whatever is wrong, `BadRequest` where nothing
    was given, `TooManyRequests`."""
    state: ApiState = request.scope["state"]
    if not username or not password:
        raise BadRequest("Username and password must be provided")
    limit = state["login_limit"]
    async with limit.turn(username):
        counted = await limit.count(username, _address(request))
        user = await get_user(state["database"], username)
        if user is not None:  # what is no user's name may be somebody's password, typed in the wrong place
            name_owner(request, username)
        try:
            is_correct = await state["passwords"].is_correct(user["password_hash"] if user else None, password)
        except TooManyRequests:
            await limit.take_back(counted)
            raise
        if user is None or not is_correct or not user["is_active"]:
            raise Unauthorized("Invalid credentials")
        await limit.take_back(counted)
        return user


def token_for(state: ApiState, user: Row, lifetime_seconds: int) -> str:
    """The token of a login; it ends with the user's password, or when it is revoked."""
    return state["signer"].mint_api_token(
        user["username"],
        now=state["clock"](),
        lifetime_seconds=lifetime_seconds,
        token_id=state["new_id"](),
        credentials_id=user["credentials_id"],
    )


def anonymous_token(state: ApiState, lifetime_seconds: int) -> str:
    """The token of nobody in particular, where everybody is let in; it is worth no more than none."""
    state["callers"].anonymous()
    return state["signer"].mint_api_token(ANONYMOUS, now=state["clock"](), lifetime_seconds=lifetime_seconds)


def set_cookie(response: Response, request: Request, token: str) -> None:
    """Let the browser send the token from now on, without showing it to the page."""
    settings = _settings(request)
    is_secure = is_over_tls(request, settings.api.base_url)
    lifetime_seconds = settings.api_auth.jwt_expiration_time_seconds
    response.set_cookie(
        COOKIE, token, max_age=lifetime_seconds, path="/", secure=is_secure, httponly=True, samesite="lax"
    )


def delete_cookie(response: Response, request: Request) -> None:
    """Let the browser forget the token."""
    is_secure = is_over_tls(request, _settings(request).api.base_url)
    response.delete_cookie(COOKIE, path="/", secure=is_secure, httponly=True, samesite="lax")


def _settings(request: Request) -> ApiServiceSettings:
    state: ApiState = request.scope["state"]
    return state["settings"]


def _address(request: Request) -> str:
    return request.client.host if request.client else "here"
