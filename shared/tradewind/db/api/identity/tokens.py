"""API tokens: what is kept of them, never they themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tradewind.db.api.pages import Page, PageRequest, fetch_page
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token to keep; `prefix` is what people see of it."""

    id: UUID
    username: str
    name: str
    token_hash: bytes
    prefix: str
    actions: tuple[str, ...] | None
    dag_patterns: tuple[str, ...] | None
    expires_at: datetime | None


async def create_token(database: Database, token: NewToken, now: datetime) -> None:
    """Raises `Conflict` if the user is gone."""
    kept = (token.id, token.username, token.name, token.token_hash, token.prefix, token.actions, token.dag_patterns)
    await database.fetch(statement("api_insert_token"), *kept, now, token.expires_at)


async def list_tokens(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    """Filters `username` and `name`."""
    return await fetch_page(database, "api_list_tokens", filters, request)


async def get_token(database: Database, token_id: UUID) -> Row | None:
    return await database.fetch_row(statement("api_get_token"), token_id)


async def revoke_token(database: Database, token_id: UUID, now: datetime) -> None:
    """From now on it opens nothing; one that was revoked before stays so."""
    await database.fetch(statement("api_revoke_token"), token_id, now)


async def touch_tokens(database: Database, used_at: Mapping[UUID, datetime]) -> None:
    """Note when tokens were used last."""
    await database.fetch(statement("api_touch_tokens"), list(used_at), list(used_at.values()))
