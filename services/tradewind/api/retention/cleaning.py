"""Cleans one table after the other, in batches that hold their locks for moments."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime
from typing import Final

from tradewind.api.task_logs.removal import remove_logs
from tradewind.api.task_logs.stores import LogStores
from tradewind.db.pool import Database
from tradewind.db.retention import history, rows, runs
from tradewind.db.retention.runs import Place, Scope

TABLES: Final = ("dag_run", "task_instance_history", "xcom", "task_log", "asset_event", "log", "dag_version")
"""In the order in which they are cleaned: what hangs on runs goes with them. `log` is the audit log."""

BY_DEFAULT: Final = tuple(table for table in TABLES if table != "task_log")
"""Logs of runs that stay are kept unless they are meant."""

BY_RUN: Final = ("dag_run", "xcom", "task_log")
"""Cleaned run by run: batches are of so many runs."""

TASK_INSTANCES_AT_ONCE: Final = 5000
"""Runs of many tasks are deleted in transactions of their own: a second or two at most."""

WITH_RUNS: Final = ("task_instance", "task_state_store", "task_reschedule", "trigger", "deadline", "callback")
"""Other tables of Airflow's whose rows go with their runs here, or are gone by then."""

UNKEPT: Final = ("job", "dag", "import_error", "celery_taskmeta", "celery_tasksetmeta", "revoked_token", "session")
"""Tables of Airflow's that hold nothing old here: what is in them is current, or expires by itself."""

Deletion = Callable[[Database, Scope, int, datetime | None], Awaitable[int]]
Progress = Callable[[int], None]
"""Told of each batch how many rows went."""


def _unheard(_rows: int) -> None:
    pass


def _never() -> bool:
    return False


class Cleaning:
    """Of what is in the scope. Each method says how many rows it found, or deleted."""

    def __init__(
        self,
        *,
        database: Database,
        stores: LogStores,
        scope: Scope,
        batch_size: int,
        archived_at: datetime | None = None,
        pause_seconds: float = 0.0,
        is_over: Callable[[], bool] = _never,
        progress: Progress = _unheard,
    ) -> None:
        """`batch_size`: rows in one transaction; of runs, so many runs. `archived_at`: None = what is deleted is not
        kept. `pause_seconds`: between two batches. `is_over`: asked after each batch."""
        self._database = database
        self._stores = stores
        self._scope = scope
        self._batch = batch_size
        self._archived_at = archived_at
        self._pause_seconds = pause_seconds
        self._is_over = is_over
        self._progress = progress

    async def count(self, table: str) -> int:
        """How many rows would go. Of history by month an estimate."""
        database, scope = self._database, self._scope
        match table:
            case "dag_run":
                pages = [len(await runs.removable_runs(database, page, scope.before)) async for page in self._pages()]
                return sum(pages)
            case "xcom":
                return sum([await runs.count_xcoms(database, page) async for page in self._pages()])
            case "task_log":
                return sum([len(await runs.runs_with_logs(self._database, page)) async for page in self._pages()])
            case "asset_event":
                return sum([len(page) async for page in self._event_pages()])
            case "log":
                return await rows.count_event_logs(database, scope)
            case "dag_version":
                return await rows.count_dag_versions(database, scope)
            case _:
                return sum((await self._old_months()).values())

    async def clean(self, table: str) -> int:
        """Delete what can go. Raises `AdapterError` where the database, or a log store, fails."""
        match table:
            case "dag_run":
                return sum([await self._delete_runs(page) async for page in self._pages()])
            case "xcom":
                return sum([await self._delete_xcoms(page) async for page in self._pages()])
            case "task_log":
                return sum([await self._delete_logs(page) async for page in self._pages()])
            case "asset_event":
                return sum([await self._delete_events(page) async for page in self._event_pages()])
            case "log":
                return await self._repeated(rows.delete_event_logs)
            case "dag_version":
                return await self._repeated(rows.delete_dag_versions)
            case _:
                return sum([await self._drop_month(name) for name in await self._old_months()])

    async def _pages(self) -> AsyncGenerator[tuple[int, ...]]:
        """Ids of runs that ended before the moment."""
        place: Place | None = Place()
        while place is not None and not self._is_over():
            page = await runs.list_old_runs(self._database, self._scope, place, self._batch)
            if page.dag_run_ids:
                yield page.dag_run_ids
                await asyncio.sleep(self._pause_seconds)
            place = page.next

    async def _event_pages(self) -> AsyncGenerator[tuple[int, ...]]:
        after: int | None = 0
        while after is not None and not self._is_over():
            page = await rows.list_asset_events(self._database, self._scope, after, self._batch)
            if page.event_ids:
                yield page.event_ids
                await asyncio.sleep(self._pause_seconds)
            after = page.next

    async def _delete_runs(self, dag_run_ids: tuple[int, ...]) -> int:
        # Files first: once the rows are gone nobody knows of them. A run that is needed again meanwhile keeps its row,
        # and has lost the logs of tries that are older than anything is kept.
        free = await runs.removable_runs(self._database, dag_run_ids, self._scope.before)
        if not free:
            return 0
        for dag_run_id in await runs.runs_with_logs(self._database, free):
            await remove_logs(self._database, self._stores, dag_run_id)
        deleted = 0
        for group in runs.grouped(await runs.run_sizes(self._database, free), TASK_INSTANCES_AT_ONCE):
            gone = await runs.delete_old_runs(self._database, group, self._scope.before, self._archived_at)
            deleted += self._told(gone)
        return deleted

    async def _delete_xcoms(self, dag_run_ids: tuple[int, ...]) -> int:
        return self._told(await runs.delete_xcoms(self._database, dag_run_ids, self._archived_at))

    async def _delete_logs(self, dag_run_ids: tuple[int, ...]) -> int:
        logged = await runs.runs_with_logs(self._database, dag_run_ids)
        for dag_run_id in logged:
            await remove_logs(self._database, self._stores, dag_run_id)
        return self._told(len(logged))

    async def _delete_events(self, event_ids: tuple[int, ...]) -> int:
        return self._told(await rows.delete_asset_events(self._database, event_ids, self._archived_at))

    async def _repeated(self, delete: Deletion) -> int:
        total = 0
        while not self._is_over():
            deleted = await delete(self._database, self._scope, self._batch, self._archived_at)
            total += self._told(deleted)
            if deleted < self._batch:
                break
            await asyncio.sleep(self._pause_seconds)
        return total

    async def _old_months(self) -> dict[str, int]:
        """None if only some DAGs are meant: a month holds all."""
        if self._scope.dag_ids is not None or self._scope.excluded_dag_ids:
            return {}
        return await history.old_months(self._database, self._scope.before)

    async def _drop_month(self, name: str) -> int:
        rows_before = (await self._old_months()).get(name, 0)
        moved = await history.drop_month(self._database, name)
        return self._told(max(rows_before - moved, 0))

    def _told(self, number: int) -> int:
        if number:
            self._progress(number)
        return number
