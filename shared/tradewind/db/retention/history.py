"""Tries that are over, in a table a month: made before the month begins, dropped as a whole when it is old."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import asyncpg

from tradewind.core.errors import DomainError
from tradewind.db.pool import Database
from tradewind.db.statements import statement

TABLE: Final = "task_instance_history"
MONTHS_AHEAD: Final = 2


class MonthRefused(DomainError):
    """The database does not let a table of history be made or dropped; the rows stay in the default table."""


async def add_months(database: Database, now: datetime) -> list[str]:
    """Make the tables of the next months; the names of those made. Of the present month none is made, because its rows
    may have begun to come in. Raises `StoreUnavailable` if somebody writes history for too long just then, and
    `MonthRefused`."""
    made: list[str] = []
    month = _following(_month_of(now))
    for _ in range(MONTHS_AHEAD):
        ends = _following(month)
        with _refusals(name_of(month)):
            if await database.fetch_value(statement("add_history_partition"), name_of(month), month, ends):
                made.append(name_of(month))
        month = ends
    return made


async def old_months(database: Database, before: datetime) -> dict[str, int]:
    """Tables of months that were over before a moment, with an estimate of their rows."""
    rows = await database.fetch(statement("list_history_partitions"))
    return {row["name"]: row["rows"] for row in rows if (end := _end_of(row["name"])) is not None and end <= before}


async def drop_month(database: Database, name: str) -> int:
    """Drop a table of `old_months`; how many rows were moved, because their runs stay. Raises `StoreUnavailable` if
    somebody writes history for too long just then, and `MonthRefused`."""
    with _refusals(name):
        moved = await database.fetch_value(statement("drop_history_partition"), name)
    assert isinstance(moved, int)
    return moved


@contextmanager
def _refusals(name: str) -> Generator[None]:
    """A role that may not make tables, and a month whose rows are in the default table already: clocks differ."""
    try:
        yield
    except (asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError) as exc:
        raise MonthRefused(f"{name}: {exc}") from exc


def name_of(month: datetime) -> str:
    """`task_instance_history_2026_11`."""
    return f"{TABLE}_{month:%Y_%m}"


def _end_of(name: str) -> datetime | None:
    """When a table's month is over; None for a table that is none of ours."""
    try:
        month = datetime.strptime(name, f"{TABLE}_%Y_%m").replace(tzinfo=UTC)
    except ValueError:
        return None
    return _following(month)


def _month_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _following(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
