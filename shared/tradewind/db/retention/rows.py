"""What is old and hangs on no run: asset events, the audit log, versions of DAGs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tradewind.db.pool import Database
from tradewind.db.retention.runs import Scope
from tradewind.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Asset events of before the moment that can go."""

    event_ids: tuple[int, ...]
    next: int | None
    """The id to go on after; None: this was the last page."""


async def list_asset_events(database: Database, scope: Scope, after: int, limit: int) -> EventPage:
    """Of the next so many events, those that can go; ids grow with time, so that the first young one is the end."""
    rows = await database.fetch(statement("list_asset_events_by_age"), after, limit, *scope.dag_columns)
    old = [row for row in rows if row["timestamp"] < scope.before]
    free = tuple(row["id"] for row in old if row["is_free"])
    return EventPage(event_ids=free, next=old[-1]["id"] if old and len(rows) == limit else None)


async def delete_asset_events(database: Database, event_ids: Sequence[int], archived_at: datetime | None) -> int:
    """How many went."""
    return _number(await database.fetch_value(statement("delete_asset_events"), list(event_ids), archived_at))


async def count_event_logs(database: Database, scope: Scope) -> int:
    """Entries of the audit log."""
    return _number(await database.fetch_value(statement("count_old_event_logs"), scope.before, *scope.dag_columns))


async def delete_event_logs(database: Database, scope: Scope, limit: int, archived_at: datetime | None) -> int:
    """Some; how many."""
    values = (scope.before, *scope.dag_columns, limit, archived_at)
    return _number(await database.fetch_value(statement("delete_old_event_logs"), *values))


async def count_dag_versions(database: Database, scope: Scope) -> int:
    """Versions that no run has."""
    return _number(await database.fetch_value(statement("count_old_dag_versions"), scope.before, *scope.dag_columns))


async def delete_dag_versions(database: Database, scope: Scope, limit: int, archived_at: datetime | None) -> int:
    """Some; how many. Raises `Conflict` if a run took one of them just now."""
    values = (scope.before, *scope.dag_columns, limit, archived_at)
    return _number(await database.fetch_value(statement("delete_old_dag_versions"), *values))


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
