"""What those ask who wait for a run."""

from collections.abc import Sequence

from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


async def get_dag_run_state(database: Database, dag_run_key: int) -> str | None:
    """None: there is no such run any more."""
    row = await database.fetch_row(statement("api_get_dag_run_state"), dag_run_key)
    return None if row is None else row["state"]


async def list_results(database: Database, dag_run_key: int, task_ids: Sequence[str]) -> list[Row]:
    """task_id, map_index and value (JSON) of what these tasks have returned."""
    return await database.fetch(statement("api_list_results"), dag_run_key, list(task_ids))
