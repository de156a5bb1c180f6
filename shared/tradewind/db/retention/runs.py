"""Runs that ended long ago, with all that hangs on them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tradewind.db.pool import Database, Session
from tradewind.db.statements import statement

_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is cleaned: of before a moment, of these DAGs (None = of all) but for others."""

    before: datetime
    dag_ids: tuple[str, ...] | None = None
    excluded_dag_ids: tuple[str, ...] = ()

    @property
    def dag_columns(self) -> tuple[list[str] | None, list[str]]:
        """As statements take them."""
        return None if self.dag_ids is None else list(self.dag_ids), list(self.excluded_dag_ids)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk over old runs has got to."""

    start_date: datetime = _FIRST
    dag_run_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """Runs that ended before the moment, whether they can go or not."""

    dag_run_ids: tuple[int, ...]
    next: Place | None
    """None: this was the last page."""


async def list_old_runs(database: Database, scope: Scope, place: Place, limit: int) -> RunPage:
    """The next runs, the oldest first."""
    values = (scope.before, place.start_date, place.dag_run_id, *scope.dag_columns, limit)
    rows = await database.fetch(statement("list_old_dag_runs"), *values)
    last = Place(rows[-1]["start_date"], rows[-1]["id"]) if len(rows) == limit else None
    return RunPage(dag_run_ids=tuple(row["id"] for row in rows), next=last)


async def removable_runs(database: Database, dag_run_ids: Sequence[int], before: datetime) -> Sequence[int]:
    """Those of the runs that nothing needs at this moment."""
    async with database.transaction() as session:
        return await _locked(session, dag_run_ids, before)


async def run_sizes(database: Database, dag_run_ids: Sequence[int]) -> Mapping[int, int]:
    """How many task instances each run has."""
    rows = await database.fetch(statement("count_task_instances_of_runs"), list(dag_run_ids))
    return {row["id"]: row["size"] for row in rows}


def grouped(sizes: Mapping[int, int], limit: int) -> Iterator[list[int]]:
    """Runs in their order, in groups of at most so many task instances, or of one run that has more."""
    group: list[int] = []
    total = 0
    for dag_run_id, size in sizes.items():
        if group and total + size > limit:
            yield group
            group, total = [], 0
        group.append(dag_run_id)
        total += size
    if group:
        yield group


async def delete_old_runs(
    database: Database, dag_run_ids: Sequence[int], before: datetime, archived_at: datetime | None
) -> int:
    """Delete those that nothing needs, in one transaction; how many. `archived_at`: None = nothing is archived."""
    async with database.transaction() as session:
        locked = await _locked(session, dag_run_ids, before)
        if not locked:
            return 0
        await session.fetch(statement("lock_task_instances_of_runs"), locked)
        if archived_at is not None:
            await session.fetch(statement("archive_dag_runs"), locked, archived_at)
        await session.fetch(statement("forget_dag_runs"), locked)
    return len(locked)


async def count_xcoms(database: Database, dag_run_ids: Sequence[int]) -> int:
    """XComs of those runs that are over."""
    return _number(await database.fetch_value(statement("count_old_xcoms"), list(dag_run_ids)))


async def delete_xcoms(database: Database, dag_run_ids: Sequence[int], archived_at: datetime | None) -> int:
    """XComs of those runs that are over; how many."""
    return _number(await database.fetch_value(statement("delete_old_xcoms"), list(dag_run_ids), archived_at))


async def runs_with_logs(database: Database, dag_run_ids: Sequence[int]) -> Sequence[int]:
    """Those of the runs that are over and have logs."""
    rows = await database.fetch(statement("list_runs_with_logs"), list(dag_run_ids))
    return [row["id"] for row in rows]


async def _locked(session: Session, dag_run_ids: Sequence[int], before: datetime) -> list[int]:
    rows = await session.fetch(statement("lock_removable_dag_runs"), list(dag_run_ids), before)
    return [row["id"] for row in rows]


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
