"""`ParseRequestStore` on Postgres."""

from collections.abc import Sequence

from tradewind.db.parse_requests import WantedParse
from tradewind.db.pool import Database
from tradewind.db.statements import statement


class PostgresParseRequests:
    """Table `parse_request`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def request_parse(self, relative_fileloc: str) -> bool:
        return await self._database.fetch_row(statement("insert_parse_request"), relative_fileloc) is not None

    async def wanted_parses(self, limit: int) -> Sequence[WantedParse]:
        rows = await self._database.fetch(statement("list_parse_requests"), limit)
        return [WantedParse(row["relative_fileloc"], row["generation"]) for row in rows]

    async def finish_parses(self, done: Sequence[WantedParse]) -> None:
        names, generations = [each.relative_fileloc for each in done], [each.generation for each in done]
        await self._database.fetch(statement("delete_parse_requests"), names, generations)
