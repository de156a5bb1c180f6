"""`StoredValuesStore` on Postgres."""

from collections.abc import Mapping, Sequence

from tradewind.db.pool import Database
from tradewind.db.statements import statement


class PostgresStoredValues:
    """Fingerprints of variables and connections."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def stored_fingerprints(
        self, keys: Sequence[str], conn_ids: Sequence[str]
    ) -> tuple[Mapping[str, str], Mapping[str, str]]:
        rows = await self._database.fetch(statement("load_stored_fingerprints"), list(keys), list(conn_ids))
        variables = {row["name"]: row["fingerprint"] for row in rows if row["is_variable"]}
        return variables, {row["name"]: row["fingerprint"] for row in rows if not row["is_variable"]}
