"""What the API asks about the files that DAGs are defined in."""

from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


async def get_source(database: Database, dag_id: str, version_number: int | None) -> Row | None:
    """`version_number`, `dag_display_name`, `relative_fileloc`, `file_digest`, the compressed `content` (null if it was
    not stored) and `dag_ids` of the file, of a version of a DAG, None: of the latest."""
    return await database.fetch_row(statement("api_get_dag_source"), dag_id, version_number)
