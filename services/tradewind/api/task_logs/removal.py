"""Deleting the logs of a run."""

from typing import Final

from tradewind.api.task_logs.stores import LogStores
from tradewind.db.api import log_moves as queries
from tradewind.db.pool import Database

_FILES_AT_ONCE: Final = 200


async def remove_logs(database: Database, stores: LogStores, dag_run_id: int) -> None:
    """All logs of a run: each file before the row that knows of it, so that any number of processes may do this.
    Raises `LogStoreFailed`, and what is left is known still."""
    while files := await queries.list_log_files(database, dag_run_id, _FILES_AT_ONCE):
        for file in files:
            await (await stores.of(file["base"])).delete(file["path"])
        await queries.forget_log_files(database, dag_run_id, files)
    await queries.delete_log_chunks(database, dag_run_id)
