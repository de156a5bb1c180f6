"""`/auth/login` and `/api/v2/auth`: how browsers log in and out."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from tradewind.api.access.auditing import name_owner
from tradewind.api.dependencies import StateDep, UserDep, bearer_token
from tradewind.api.errors import ApiError, documented
from tradewind.api.identity.origins import check_own_page, checked_next
from tradewind.api.identity.signing_in import COOKIE, delete_cookie, set_cookie, signed_in, token_for
from tradewind.api.models.identity import (
    BrowserLoginBody,
    CallerResponse,
    LoginWays,
    ScopesResponse,
)
from tradewind.api.routes.identity.tokens import browser_login_body, documented_body
from tradewind.api.state import ApiState
from tradewind.db.api.identity.logins import revoke_login

router = APIRouter(tags=["Login"])
guarded = APIRouter(tags=["Login"])

LOGIN_PATH: Final = "/auth/login"
OIDC_PATH: Final = "/auth/oidc/login"


@router.get("/api/v2/auth/login", responses=documented(307, 400))
async def login(request: Request, state: StateDep, next: str | None = None) -> RedirectResponse:
    """Send the browser to where one logs in, and from there to `next`."""
    checked = checked_next(next, request, state["settings"].api.base_url)
    return RedirectResponse(LOGIN_PATH + (f"?{urlencode({'next': checked})}" if checked else ""))


@router.get("/api/v2/auth/logout", responses=documented(307))
async def logout(request: Request, state: StateDep) -> RedirectResponse:
    """End the tokens that come with this request, and let the browser forget its own."""
    for token in {bearer_token(request), request.cookies.get(COOKIE)} - {None, ""}:
        await _end(request, state, str(token))
    response = RedirectResponse(LOGIN_PATH)
    delete_cookie(response, request)
    return response


@router.get(LOGIN_PATH)
async def get_login_ways(state: StateDep) -> LoginWays:
    """How one can log in."""
    if state["oidc"] is None:
        return LoginWays(password=True, oidc_url=None, oidc_name=None)
    return LoginWays(password=True, oidc_url=OIDC_PATH, oidc_name=state["oidc"].settings.name)


@router.post(
    LOGIN_PATH, responses=documented(303, 400, 401, 403, 415, 429), openapi_extra=documented_body(BrowserLoginBody)
)
async def create_cookie(
    request: Request, body: Annotated[BrowserLoginBody, Depends(browser_login_body)], state: StateDep
) -> Response:
    """Log the browser in: its cookie is the token, which pages cannot read. With `next`, the answer sends it there."""
    settings = state["settings"]
    check_own_page(request, settings.api.base_url, must_be_said=False)
    url = checked_next(body.next, request, settings.api.base_url)
    user = await signed_in(request, body.username, body.password)
    response = RedirectResponse(url, status_code=303) if url else Response(status_code=204)
    set_cookie(response, request, token_for(state, user, settings.api_auth.jwt_expiration_time_seconds))
    return response


@guarded.get("/auth/me")
async def get_caller(caller: UserDep) -> CallerResponse:
    """Who is calling, and how they were recognised."""
    scopes = caller.scopes
    return CallerResponse(
        username=caller.username,
        role=caller.role,
        via=caller.via,
        scopes=None
        if scopes is None
        else ScopesResponse(
            actions=None if scopes.actions is None else sorted(scopes.actions),
            dag_patterns=None if scopes.dag_patterns is None else list(scopes.dag_patterns),
        ),
    )


async def _end(request: Request, state: ApiState, token: str) -> None:
    """The token of a login opens nothing from now on; what is none, or has no id, is left alone."""
    try:
        claims = state["callers"].claims(token)
    except ApiError:
        return
    name_owner(request, claims.username)
    if claims.token_id is not None:
        await revoke_login(state["database"], claims.token_id, claims.expires_at)
        state["callers"].forget()
