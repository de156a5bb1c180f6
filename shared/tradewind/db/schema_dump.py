"""The schema of a database in a normal form: what `migrations/schema.sql` holds.

Read from the catalogues, so that it neither needs `pg_dump` nor depends on its version. To renew the file:
`python -m tradewind.db.schema_dump postgresql://…` on a database with all migrations.
"""

import asyncio
import sys
from itertools import groupby
from operator import itemgetter
from typing import Final

from tradewind.db.migrate import MIGRATIONS
from tradewind.db.pool import Database, open_pool
from tradewind.db.statements import statement

HEADING: Final = "-- The schema that all migrations make, from the catalogues; renewed by tradewind.db.schema_dump.\n"


async def dump_schema(database: Database) -> str:
    """All tables with columns, constraints, indexes, storage settings, functions, triggers and comments, as a text."""
    columns = await database.fetch(statement("list_schema_columns"))
    constraints = await database.fetch(statement("list_schema_constraints"))
    parts = [HEADING]
    for table, group in groupby(columns, key=itemgetter("table_name")):
        rows = list(group)
        lines = [f"    {row['definition']}" for row in rows]
        lines += [f"    {row['definition']}" for row in constraints if row["table_name"] == table]
        parts.append(f"CREATE TABLE {table} (\n" + ",\n".join(lines) + f"\n){rows[0]['storage']};\n")
    parts += [f"{row['definition']};\n" for row in await database.fetch(statement("list_schema_indexes"))]
    for what in ("list_schema_programs", "list_schema_comments"):
        parts += [f"{row['definition']};\n" for row in await database.fetch(statement(what))]
    return "\n".join(parts)


async def _write(url: str) -> None:
    async with open_pool(url, 1) as database:
        (MIGRATIONS / "schema.sql").write_text(await dump_schema(database), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_write(sys.argv[1]))
