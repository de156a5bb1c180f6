"""Users."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tradewind.core.errors import Conflict
from tradewind.db.api.pages import Page, PageRequest, fetch_page
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement

ADMIN = "Admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChange:
    """New values; None = as it is."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    role: str | None = None
    is_active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user to create."""

    username: str
    password_hash: str
    role: str
    first_name: str
    last_name: str
    email: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalUser:
    """Somebody who signed in elsewhere; `external_id` is theirs there, whatever they are called."""

    username: str
    external_id: str
    role: str
    first_name: str
    last_name: str
    email: str


async def get_user(database: Database, username: str) -> Row | None:
    """`username`, `password_hash` (None: signs in elsewhere), `role`, `is_active`, `external_id`, `credentials_id`."""
    return await database.fetch_row(statement("api_get_user"), username)


async def save_user(
    database: Database, username: str, password_hash: str, role: str, now: datetime, credentials_id: UUID
) -> None:
    """Create the user, or give an existing one this password and role."""
    await database.fetch(statement("api_upsert_user"), username, password_hash, role, now, credentials_id)


async def list_users(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    """Filters `username_pattern`, `role`, `is_active`."""
    return await fetch_page(database, "api_list_users", filters, request)


async def show_user(database: Database, username: str) -> Row | None:
    """What people see of a user."""
    return await database.fetch_row(statement("api_show_user"), username)


async def create_user(database: Database, user: NewUser, now: datetime, credentials_id: UUID) -> bool:
    """False if the name is taken."""
    values = (user.username, user.password_hash, user.role, user.first_name, user.last_name, user.email, user.is_active)
    return await database.fetch_row(statement("api_insert_user"), *values, now, credentials_id) is not None


async def change_user(database: Database, username: str, change: UserChange) -> bool:
    """False if there is no such user. Raises `Conflict` if no Admin would be left."""
    loses_admin = change.is_active is False or change.role not in (None, ADMIN)
    values = (change.first_name, change.last_name, change.email, change.role, change.is_active)
    async with database.transaction() as session:
        locked = await session.fetch(statement("api_lock_admins"), username)
        if not _is_known(locked, username, must_leave_an_admin=loses_admin):
            return False
        await session.fetch(statement("api_update_user"), username, *values)
    return True


async def delete_user(database: Database, username: str) -> bool:
    """Remove the user with the user's tokens; False if there is none. Raises `Conflict` if no Admin would be left."""
    async with database.transaction() as session:
        locked = await session.fetch(statement("api_lock_admins"), username)
        if not _is_known(locked, username, must_leave_an_admin=True):
            return False
        await session.fetch(statement("api_delete_user"), username)
    return True


async def set_password(database: Database, username: str, password_hash: str, credentials_id: UUID) -> bool:
    """End what was given for the old one, too; False if there is no such user."""
    values = (username, password_hash, credentials_id)
    return await database.fetch_row(statement("api_set_password"), *values) is not None


async def save_external_user(database: Database, user: ExternalUser, now: datetime, credentials_id: UUID) -> Row | None:
    """`username`, `role`, `is_active`, `credentials_id` of the user, made or brought up to date; None if the name is
    somebody else's."""
    values = (user.username, user.external_id, user.role, user.first_name, user.last_name, user.email)
    return await database.fetch_row(statement("api_save_external_user"), *values, now, credentials_id)


def _is_known(locked: list[Row], username: str, *, must_leave_an_admin: bool) -> bool:
    admins = {row["username"] for row in locked if row["role"] == ADMIN and row["is_active"]}
    if must_leave_an_admin and admins == {username}:
        raise Conflict(f"{username!r} is the only active Admin: make another one first")
    return any(row["username"] == username for row in locked)
