"""Webhooks: who outside may trigger which DAG. Secrets come and go encrypted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """A webhook that somebody makes."""

    name: str
    dag_id: str
    description: str | None
    format: str
    conf_map: Mapping[str, str] | None
    events: Sequence[str] | None
    secret: bytes
    created_by: str
    created_at: datetime


async def list_webhooks(database: Database, limit: int, offset: int) -> tuple[Sequence[Row], int]:
    """A page by name, without secrets, and how many there are."""
    rows = await database.fetch(statement("api_list_webhooks"), limit, offset)
    total = await database.fetch(statement("api_count_webhooks"))
    return rows, total[0]["total_entries"]


async def get_webhook(database: Database, name: str) -> Row | None:
    """With its secrets."""
    return await database.fetch_row(statement("api_get_webhook"), name)


async def insert_webhook(database: Database, webhook: NewWebhook) -> Literal["written", "exists", "no dag"]:
    """Write one that is not there yet."""
    values = (
        *(webhook.name, webhook.dag_id, webhook.description, webhook.format, webhook.conf_map),
        *(webhook.events, webhook.secret, webhook.created_by, webhook.created_at),
    )
    row = await database.fetch_row(statement("api_insert_webhook"), *values)
    if row is None:
        return "no dag"
    return "written" if row["is_written"] else "exists"


async def rotate_webhook(
    database: Database, name: str, secret: bytes, now: datetime, previous_ends_at: datetime | None
) -> bool:
    """False if there is none."""
    values = (name, secret, now, previous_ends_at)
    return await database.fetch_row(statement("api_rotate_webhook"), *values) is not None


async def delete_webhook(database: Database, name: str) -> bool:
    """False if there is none."""
    return await database.fetch_row(statement("api_delete_webhook"), name) is not None
