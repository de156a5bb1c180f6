"""What the API asks about task instances.

Functions return rows under the names that the API shows; unknown names give None or no rows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tradewind.db.api.pages import Cursor, Page, PageRequest, fetch_keyset_page
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


async def list_task_instances(
    database: Database, filters: Mapping[str, object], request: PageRequest, cursor: Cursor | None, now: datetime
) -> Page:
    return await fetch_keyset_page(database, "api_list_task_instances", filters, request, cursor, {"now": now})


async def get_task_instance(
    database: Database, dag_id: str, run_id: str, task_id: str, map_index: int | None = None
) -> Row | None:
    """The instance of this map index; without one, the task's first."""
    return await database.fetch_row(statement("api_get_task_instance"), dag_id, run_id, task_id, map_index)


async def list_tries(database: Database, dag_id: str, run_id: str, task_id: str, map_index: int) -> Sequence[Row]:
    """All tries, oldest first."""
    return await database.fetch(statement("api_list_tries"), dag_id, run_id, task_id, map_index)
