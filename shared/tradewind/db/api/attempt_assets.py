"""What an attempt may ask about assets: each function is one statement that checks the attempt and answers; see
`execution` for what it raises."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tradewind.db.api.execution import speaking
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement

EVENTS_MAX: Final = 100_000
"""Events in one answer, however many are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilters:
    """Events of an asset (by name, URI or both) or of an alias; None admits all."""

    name: str | None = None
    uri: str | None = None
    alias: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    ascending: bool = True
    limit: int | None = None


async def get_asset(database: Database, attempt_id: UUID, name: str | None, uri: str | None) -> Row | None:
    """`name`, `uri`, `group`, `extra` of an active asset; None if there is none."""
    row = await database.fetch_row(statement("api_get_attempt_asset"), attempt_id, name, uri)
    found = speaking(attempt_id, row)
    return found if found["name"] is not None else None


async def list_alias_assets(database: Database, attempt_id: UUID, alias: str) -> Sequence[Row]:
    """`name`, `uri`, `group` and `extra` of the active assets that an alias has stood for, by name."""
    rows = await database.fetch(statement("api_list_attempt_alias_assets"), attempt_id, alias)
    speaking(attempt_id, rows[0] if rows else None)
    return [row for row in rows if row["name"] is not None]


async def list_asset_events(database: Database, attempt_id: UUID, filters: EventFilters) -> Sequence[Row]:
    """Events, each with its asset, aliases and the runs that it made."""
    limit = EVENTS_MAX if filters.limit is None else min(filters.limit, EVENTS_MAX)
    of = (filters.name, filters.uri, filters.alias, filters.after, filters.before)
    sql = statement("api_list_attempt_asset_events")
    return _events(attempt_id, await database.fetch(sql, attempt_id, *of, filters.ascending, limit))


async def list_inactive_assets(database: Database, attempt_id: UUID) -> Sequence[Row]:
    """`name` and `uri` of inlets and outlets of the attempt's task."""
    rows = await database.fetch(statement("api_list_attempt_inactive_assets"), attempt_id)
    speaking(attempt_id, rows[0] if rows else None)
    return [row for row in rows if row["name"] is not None]


async def list_triggering_events(database: Database, attempt_id: UUID) -> Sequence[Row]:
    """The events that the attempt's run was made by."""
    return _events(attempt_id, await database.fetch(statement("api_list_attempt_triggering_events"), attempt_id))


def _events(attempt_id: UUID, rows: Sequence[Row]) -> Sequence[Row]:
    speaking(attempt_id, rows[0] if rows else None)
    return [row for row in rows if row["id"] is not None]
