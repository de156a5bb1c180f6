"""What the API asks about DAGs as a whole: tags, counts of runs, warnings, favourites."""

from collections.abc import Mapping, Sequence
from typing import Literal

from tradewind.db.api.pages import Page, PageRequest, fetch_page
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


async def list_tags(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    """`name` of each tag."""
    return await fetch_page(database, "api_list_dag_tags", filters, request)


async def list_stats(database: Database, dag_ids: Sequence[str] | None, visible: Mapping[str, object]) -> Sequence[Row]:
    """`dag_id`, `dag_display_name`, `state`, `runs`: for each DAG (None: of all) each state that it has runs in;
    `visible`: filters that leave out DAGs, as those of pages do."""
    wanted = None if dag_ids is None else list(dag_ids)
    seen = visible.get("visible_dag_ids"), visible.get("visible_dag_pattern")
    return await database.fetch(statement("api_list_dag_stats"), wanted, *seen)


async def list_warnings(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    return await fetch_page(database, "api_list_dag_warnings", filters, request)


async def mark_favorite(database: Database, username: str, dag_id: str) -> bool:
    """False if there is no such DAG."""
    return bool(await database.fetch_value(statement("api_insert_dag_favorite"), username, dag_id))


async def unmark_favorite(
    database: Database, username: str, dag_id: str
) -> Literal["unmarked", "not marked", "no dag"]:
    """Take the mark away, if there is one."""
    row = await database.fetch_row(statement("api_delete_dag_favorite"), username, dag_id)
    assert row is not None
    if not row["has_dag"]:
        return "no dag"
    return "unmarked" if row["was_favorite"] else "not marked"
