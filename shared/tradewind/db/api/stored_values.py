"""What DAG files read while they are imported. Fingerprints are those of `DagStore.stored_fingerprints`."""

from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


async def read_variable(database: Database, key: str) -> Row | None:
    """Encrypted `value` and `fingerprint` of a variable."""
    return await database.fetch_row(statement("api_read_stored_variable"), key)


async def read_connection(database: Database, conn_id: str) -> Row | None:
    """A connection with its secrets encrypted, and its `fingerprint`."""
    return await database.fetch_row(statement("api_read_stored_connection"), conn_id)
