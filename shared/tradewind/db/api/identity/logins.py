"""Logins: who has a token, which tokens were ended, how often somebody tried."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


async def get_identity_revision(database: Database) -> int:
    """Another number than before: what was remembered of callers may be wrong."""
    rows = await database.fetch(statement("api_get_identity_revision"))
    return rows[0]["revision"]


async def get_caller(database: Database, username: str, token_id: UUID | None) -> Row | None:
    """`role`, `is_active`, `credentials_id`, `is_revoked` for the token of a login; None if there is no such user."""
    return await database.fetch_row(statement("api_get_caller"), username, token_id)


async def get_token_caller(database: Database, token_hash: bytes) -> Row | None:
    """An API token with its user's `role` and `is_active`; None if there is no such token."""
    return await database.fetch_row(statement("api_get_token_caller"), token_hash)


async def revoke_login(database: Database, token_id: UUID, expires_at: datetime) -> None:
    """End a login's token before it expires."""
    await database.fetch(statement("api_revoke_login"), token_id, expires_at)


async def count_login(
    database: Database, limits: Mapping[bytes, int], now: datetime, ends_at: datetime
) -> datetime | None:
    """Count one login for each key, in counts that end at `ends_at` if they begin now. None if it is within all
    limits, else when it may be tried again."""
    rows = await database.fetch(statement("api_count_login"), list(limits), list(limits.values()), now, ends_at)
    return max((row["ends_at"] for row in rows if not row["is_allowed"]), default=None)


async def discount_login(database: Database, keys: list[bytes]) -> None:
    """Take back the count of a login that was right."""
    await database.fetch(statement("api_discount_login"), keys)


async def delete_expired_logins(database: Database, now: datetime) -> None:
    """Forget ended tokens that have expired meanwhile, and counts that are over."""
    await database.fetch(statement("api_delete_expired_logins"), now)
