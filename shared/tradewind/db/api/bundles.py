"""What the execution API gives of DAG bundles, each time in the name of an attempt that is to run one."""

from collections.abc import Sequence
from uuid import UUID

from tradewind.db.api.execution import speaking
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


async def get_manifest(database: Database, attempt_id: UUID, digest: str) -> bytes | None:
    """The compressed manifest; None if there is none, or the attempt's run is bound to another version."""
    row = await database.fetch_row(statement("api_get_attempt_bundle"), attempt_id, digest)
    return speaking(attempt_id, row)["content"]


async def list_blobs(database: Database, manifest: str, digests: Sequence[str], max_bytes: int) -> Sequence[Row]:
    """`digest` and compressed `content` of those of the files that the manifest names: the first so many bytes of them,
    at least one."""
    return await database.fetch(statement("api_list_bundle_blobs"), manifest, list(digests), max_bytes)
