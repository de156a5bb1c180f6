"""`/auth/oidc`: signing in elsewhere."""

import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from tradewind.api.access.auditing import name_owner
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import BadRequest, Conflicting, Unauthorized, documented
from tradewind.api.identity.origins import checked_next, is_over_tls
from tradewind.api.identity.signing_in import set_cookie, token_for
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.db.api.identity.users import ExternalUser, save_external_user
from tradewind.db.pool import Row
from tradewind.service.logging import get_logger
from tradewind.service.tokens import InvalidToken

if TYPE_CHECKING:
    from tradewind.api.identity.oidc.provider import OidcProvider

router = APIRouter(prefix="/auth/oidc", tags=["Login"])

FLOW_COOKIE: Final = "_sign_in"
FLOW_SECONDS: Final = 600
"""So long somebody may take to sign in there."""


@router.get("/login", status_code=302, responses=documented(400, 404, 503))
async def begin_oidc_login(request: Request, state: StateDep, next: str | None = None) -> RedirectResponse:
    """Send the browser to the provider, and from there back here, and on to `next`."""
    provider = _provider(state)
    base_url = state["settings"].api.base_url
    checked = checked_next(next, request, base_url)
    departure = await provider.depart(f"{(base_url or str(request.base_url)).rstrip('/')}{router.prefix}/callback")
    flow = {**departure.flow, "next": checked or "/"}
    token = state["signer"].mint_sign_in_token(flow, now=state["clock"](), lifetime_seconds=FLOW_SECONDS)
    response = RedirectResponse(departure.url, status_code=302)
    response.set_cookie(
        FLOW_COOKIE,
        token,
        max_age=FLOW_SECONDS,
        path=router.prefix,
        secure=is_over_tls(request, base_url),
        httponly=True,
        samesite="lax",
    )
    return response


@router.get("/callback", status_code=303, responses=documented(400, 401, 403, 404, 409, 503))
async def finish_oidc_login(
    request: Request,
    state: StateDep,
    code: str | None = None,
    error: str | None = None,
    error_description: str | None = None,
) -> RedirectResponse:
    """Log the browser in as whom the provider says, and send it on. The user is made here with the first sign-in, and
    brought up to date with each."""
    provider = _provider(state)
    flow = _flow(request, state)
    if error is not None or code is None:
        raise Unauthorized(f"The provider has let nobody in: {error_description or error or 'it gave no code'}")
    # Imported here: only where a provider is configured is this room loaded.
    from tradewind.api.identity.oidc.people import person

    user = await _saved(state, person(await provider.claims(code, flow), provider.settings))
    name_owner(request, user["username"])
    response = RedirectResponse(flow["next"], status_code=303)
    response.delete_cookie(FLOW_COOKIE, path=router.prefix)
    set_cookie(response, request, token_for(state, user, state["settings"].api_auth.jwt_expiration_time_seconds))
    return response


def _provider(state: ApiState) -> "OidcProvider":
    if state["oidc"] is None:
        raise NotFound("Nobody signs in elsewhere here: TRADEWIND__OIDC__ISSUER is not set")
    return state["oidc"]


def _flow(request: Request, state: ApiState) -> Mapping[str, str]:
    """What this browser was given when it was sent there."""
    try:
        flow = state["signer"].verify_sign_in_token(request.cookies.get(FLOW_COOKIE, ""), now=state["clock"]())
    except InvalidToken as exc:
        raise BadRequest("This browser has begun no sign-in, or too long ago: begin again") from exc
    if not hmac.compare_digest(flow["state"].encode(), request.query_params.get("state", "").encode()):
        raise BadRequest("This is the answer to another sign-in: begin again")
    return flow


async def _saved(state: ApiState, user: ExternalUser) -> Row:
    row = await save_external_user(state["database"], user, state["clock"](), state["new_id"]())
    if row is None:
        raise Conflicting(f"The name {user.username!r} is somebody else's here: ask an Admin")
    if not row["is_active"]:
        raise Unauthorized("The user is not active")
    state["callers"].forget()
    get_logger().info("user.signed_in", username=user.username, role=user.role, external_id=user.external_id)
    return row
