"""Backfills as people see and change them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tradewind.db.api.pages import Page, PageRequest, fetch_page
from tradewind.db.pool import Database, Row
from tradewind.db.postgres.row_mapping import first_integers
from tradewind.db.statements import statement


async def list_backfills(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    return await fetch_page(database, "api_list_backfills", filters, request)


async def get_backfill(database: Database, backfill_id: int) -> Row | None:
    return await database.fetch_row(statement("api_get_backfill"), backfill_id)


async def pause_backfill(database: Database, backfill_id: int, now: datetime, *, is_paused: bool) -> bool:
    """False: there is none, or it is complete."""
    return bool(await database.fetch(statement("pause_backfill"), backfill_id, is_paused, now))


async def cancel_backfill(database: Database, backfill_id: int, now: datetime) -> Sequence[int]:
    """Complete it, and fail its queued runs; returns those. One that is complete stays as it is."""
    return sorted(first_integers(await database.fetch(statement("cancel_backfill"), backfill_id, now)))
