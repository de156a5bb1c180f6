"""`/auth/users`: users, for Admins."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from tradewind.api.dependencies import StateDep, UserDep
from tradewind.api.errors import AlreadyExists, BadRequest, Conflicting, documented
from tradewind.api.identity.caller import Caller, Role
from tradewind.api.identity.rules import check_is_admin, check_is_not_narrow, check_new_password, check_username
from tradewind.api.identity.signing_in import signed_in
from tradewind.api.models.identity import (
    PasswordBody,
    UserBody,
    UserCollectionResponse,
    UserListQuery,
    UserPatchBody,
    UserResponse,
)
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.db.api.identity import users as queries
from tradewind.service.logging import get_logger

router = APIRouter(prefix="/auth/users", tags=["User"])


async def require_admin(caller: UserDep) -> Caller:
    """Lets in who may manage users."""
    check_is_admin(caller)
    return caller


AdminDep = Annotated[Caller, Depends(require_admin)]


@router.get("", openapi_extra=documented_query(UserListQuery))
async def list_users(
    query: Annotated[UserListQuery, Depends(parsed(UserListQuery))], state: StateDep, _: AdminDep
) -> UserCollectionResponse:
    """A page of users."""
    page = await queries.list_users(state["database"], query.filters(), query.page())
    return UserCollectionResponse(
        users=[UserResponse.model_validate(dict(row)) for row in page.rows], total_entries=page.total_entries
    )


@router.post("", status_code=201, responses=documented(409))
async def create_user(body: UserBody, state: StateDep, caller: AdminDep) -> UserResponse:
    """Create a user."""
    check_username(body.username)
    check_new_password(body.password, body.username, state["settings"].api_auth.password_min_length)
    user = queries.NewUser(
        username=body.username,
        password_hash=await state["passwords"].hash(body.password),
        role=body.role,
        first_name=body.first_name,
        last_name=body.last_name,
        email=body.email,
        is_active=body.is_active,
    )
    if not await queries.create_user(state["database"], user, state["clock"](), state["new_id"]()):
        raise AlreadyExists(f"The user {body.username!r} exists already")
    get_logger().info("user.created", username=body.username, role=body.role, user=caller.username)
    return await _shown(state, body.username)


@router.get("/{username}", responses=documented(404))
async def get_user(username: str, state: StateDep, _: AdminDep) -> UserResponse:
    """One user."""
    return await _shown(state, username)


@router.patch("/{username}", responses=documented(404, 409))
async def patch_user(username: str, body: UserPatchBody, state: StateDep, caller: AdminDep) -> UserResponse:
    """Change a user: the role, whether they may come in, how they are called. It counts in a second or two, also for
    whoever is logged in."""
    if not await queries.change_user(state["database"], username, queries.UserChange(**body.model_dump())):
        raise _not_found(username)
    state["callers"].forget()
    get_logger().info("user.changed", username=username, fields=sorted(body.model_fields_set), user=caller.username)
    return await _shown(state, username)


@router.delete("/{username}", status_code=204, responses=documented(404, 409))
async def delete_user(username: str, state: StateDep, caller: AdminDep) -> Response:
    """Remove a user, with the user's API tokens. What they did stays under their name."""
    if not await queries.delete_user(state["database"], username):
        raise _not_found(username)
    state["callers"].forget()
    get_logger().info("user.deleted", username=username, user=caller.username)
    return Response(status_code=204)


@router.put("/{username}/password", status_code=204, responses=documented(400, 401, 404, 409, 429))
async def set_user_password(
    request: Request, username: str, body: PasswordBody, state: StateDep, caller: UserDep
) -> Response:
    """Give a user another password: an Admin to anybody, everybody to themselves. All logins with the old one end."""
    check_is_not_narrow(caller)
    if caller.role != Role.ADMIN or body.current_password is not None:
        await _check_own(request, username, body.current_password, caller)
    await _check_is_kept_here(state, username)
    check_new_password(body.password, username, state["settings"].api_auth.password_min_length)
    password_hash = await state["passwords"].hash(body.password)
    if not await queries.set_password(state["database"], username, password_hash, state["new_id"]()):
        raise _not_found(username)
    state["callers"].forget()
    get_logger().info("user.password_set", username=username, user=caller.username)
    return Response(status_code=204)


async def _check_own(request: Request, username: str, current_password: str | None, caller: Caller) -> None:
    if caller.username != username:
        check_is_admin(caller)
        raise BadRequest("current_password is for one's own password: leave it out")
    await signed_in(request, username, current_password or "")


async def _check_is_kept_here(state: ApiState, username: str) -> None:
    settings = state["settings"]
    if username == settings.api.admin_username:
        raise Conflicting(
            f"The password of {username!r} is the settings': set TRADEWIND__API__ADMIN_PASSWORD (or write "
            f"{settings.home / 'secrets' / 'admin_password'}) and restart the API"
        )
    user = await queries.get_user(state["database"], username)
    if user is None:
        raise _not_found(username)
    if user["external_id"] is not None:
        raise Conflicting(f"{username!r} signs in elsewhere and has no password here")


async def _shown(state: ApiState, username: str) -> UserResponse:
    row = await queries.show_user(state["database"], username)
    if row is None:
        raise _not_found(username)
    return UserResponse.model_validate(dict(row))


def _not_found(username: str) -> NotFound:
    return NotFound(f"The user {username!r} was not found")
