"""`/auth/tokens`: API tokens, each user's own; an Admin sees and ends everybody's."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from tradewind.api.access.table import OPERATIONS
from tradewind.api.dependencies import StateDep, UserDep
from tradewind.api.errors import Forbidden, Unprocessable, documented
from tradewind.api.identity.api_tokens import new_api_token, shown_prefix, token_hash
from tradewind.api.identity.caller import READ, Caller, Role
from tradewind.api.identity.rules import check_is_not_narrow
from tradewind.api.models.identity import (
    ApiTokenBody,
    ApiTokenCollectionResponse,
    ApiTokenListQuery,
    ApiTokenResponse,
    NewApiTokenResponse,
)
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.db.api.identity import tokens as queries
from tradewind.db.api.identity.users import get_user
from tradewind.db.pool import Row
from tradewind.service.logging import get_logger

router = APIRouter(prefix="/auth/tokens", tags=["API token"])


@router.get("", openapi_extra=documented_query(ApiTokenListQuery))
async def list_api_tokens(
    query: Annotated[ApiTokenListQuery, Depends(parsed(ApiTokenListQuery))], state: StateDep, caller: UserDep
) -> ApiTokenCollectionResponse:
    """A page of API tokens, without their secrets: one's own, or, for an Admin, all."""
    filters = query.filters()
    if caller.role != Role.ADMIN:
        _check_is_own(filters.setdefault("username", caller.username), caller)
    page = await queries.list_tokens(state["database"], filters, query.page())
    shown = [ApiTokenResponse.model_validate(dict(row)) for row in page.rows]
    return ApiTokenCollectionResponse(tokens=shown, total_entries=page.total_entries)


@router.post("", status_code=201, responses=documented(404))
async def create_api_token(
    response: Response, body: ApiTokenBody, state: StateDep, caller: UserDep
) -> NewApiTokenResponse:
    """Make an API token. It is shown this once; what is kept cannot be turned back into it."""
    response.headers["Cache-Control"] = "no-store"
    username = body.username or caller.username
    _check_may_make(caller, username)
    _check_actions(body.actions or [])
    if body.expires_at is not None and body.expires_at <= state["clock"]():
        raise Unprocessable("expires_at is over already")
    if await get_user(state["database"], username) is None:
        raise NotFound(f"The user {username!r} was not found")
    text = new_api_token()
    token = queries.NewToken(
        id=state["new_id"](),
        username=username,
        name=body.name,
        token_hash=token_hash(text),
        prefix=shown_prefix(text),
        actions=None if body.actions is None else tuple(body.actions),
        dag_patterns=None if body.dag_patterns is None else tuple(body.dag_patterns),
        expires_at=body.expires_at,
    )
    await queries.create_token(state["database"], token, state["clock"]())
    get_logger().info("api_token.created", token_id=str(token.id), username=username, user=caller.username)
    return NewApiTokenResponse(**dict(await _found(state, token.id, caller)), token=text)


@router.get("/{token_id}", responses=documented(404))
async def get_api_token(token_id: UUID, state: StateDep, caller: UserDep) -> ApiTokenResponse:
    """One API token, without its secret."""
    return ApiTokenResponse.model_validate(dict(await _found(state, token_id, caller)))


@router.delete("/{token_id}", status_code=204, responses=documented(404))
async def revoke_api_token(token_id: UUID, state: StateDep, caller: UserDep) -> Response:
    """End an API token: in a second or two it opens nothing. It stays in the list, as revoked."""
    check_is_not_narrow(caller)
    row = await _found(state, token_id, caller)
    await queries.revoke_token(state["database"], token_id, state["clock"]())
    state["callers"].forget()
    get_logger().info("api_token.revoked", token_id=str(token_id), username=row["username"], user=caller.username)
    return Response(status_code=204)


def _check_may_make(caller: Caller, username: str) -> None:
    if caller.via == "api_token":
        raise Forbidden("API tokens are made by people who have logged in, not by other tokens")
    if caller.via == "anonymous":
        raise Forbidden("Whoever has not logged in has no API tokens, and needs none")
    _check_is_own(username, caller)


def _check_is_own(username: object, caller: Caller) -> None:
    if username != caller.username and caller.role != Role.ADMIN:
        raise Forbidden("Only an Admin may do this for other users")


def _check_actions(actions: list[str]) -> None:
    if unknown := [action for action in actions if action != READ and action not in OPERATIONS]:
        raise Unprocessable(
            f"There is no action {unknown[0]!r}: actions are {READ!r} and the operationIds of /openapi.json"
        )


async def _found(state: ApiState, token_id: UUID, caller: Caller) -> Row:
    row = await queries.get_token(state["database"], token_id)
    if row is None or (row["username"] != caller.username and caller.role != Role.ADMIN):
        raise NotFound(f"The API token {token_id} was not found")
    return row
