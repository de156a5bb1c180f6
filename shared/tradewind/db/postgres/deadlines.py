"""When runs should be over, on Postgres."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tradewind.core.deadlines import RunDeadlines, RunWithoutDeadlines
from tradewind.db.pool import Database
from tradewind.db.statements import statement


class PostgresDeadlineStore:
    """The part of `RunCreationStore` that is about deadlines."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def runs_without_deadlines(self, limit: int) -> Sequence[RunWithoutDeadlines]:
        rows = await self._database.fetch(statement("list_runs_without_deadlines"), limit)
        return [
            RunWithoutDeadlines(
                dag_run_id=row["id"],
                dag_version_id=row["dag_version_id"],
                queued_at=row["queued_at"],
                logical_date=row["logical_date"],
                durations=tuple(row["durations"] or ()),
            )
            for row in rows
        ]

    async def variable_values(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        rows = await self._database.fetch(statement("load_variable_values"), list(keys))
        return {row["key"]: row["value"] for row in rows}

    async def set_deadlines(self, deadlines: Sequence[RunDeadlines], now: datetime) -> None:
        due = [(each.dag_run_id, place, at) for each in deadlines for place, at in each.due]
        await self._database.fetch(
            statement("insert_deadlines"),
            now,
            [each.dag_run_id for each in deadlines],
            [dag_run_id for dag_run_id, _, _ in due],
            [place for _, place, _ in due],
            [at for _, _, at in due],
        )

    async def miss_deadlines(self, now: datetime, limit: int) -> int:
        return len(await self._database.fetch(statement("miss_deadlines"), now, limit))
