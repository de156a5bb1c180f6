"""Rows that `db clean` deleted and keeps, until they are exported or dropped."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


async def archived_tables(database: Database) -> Sequence[Row]:
    """`table_name`, `rows`, `since`, by name."""
    return await database.fetch(statement("list_archived_tables"))


async def archived_columns(database: Database, table: str) -> Sequence[str]:
    """Of all rows of a table together, whatever the schema was when each was archived."""
    return [row["name"] for row in await database.fetch(statement("list_archived_columns"), table)]


async def archived_rows(
    database: Database, table: str, page: int
) -> AsyncGenerator[tuple[int, Sequence[Mapping[str, Any]]]]:
    """The rows of a table, page by page as they were archived, each page with the last id that it holds."""
    after = 0
    while rows := await database.fetch(statement("list_archived_rows"), table, after, page):
        after = rows[-1]["id"]
        yield after, [row["content"] for row in rows]


async def drop_archived(database: Database, table: str, through: int, limit: int) -> int:
    """Some rows of a table up to an id, for good; how many."""
    dropped = await database.fetch_value(statement("drop_archived_rows"), table, through, limit)
    assert isinstance(dropped, int)
    return dropped
