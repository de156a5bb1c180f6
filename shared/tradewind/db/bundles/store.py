"""What the dag processor asks about bundles: the port, and its Postgres adapter."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from tradewind.core.bundles import BundleVersion
from tradewind.db.pool import Database
from tradewind.db.postgres.dags import DAG_WRITER_LOCK
from tradewind.db.statements import statement


class BundleStore(Protocol):
    """Every method is one transaction. Contents are zlib-compressed by whoever calls, and opaque here."""

    async def find_missing_blobs(self, digests: Sequence[str]) -> Sequence[str]:
        """Those of the digests of which no content is stored, in the order given."""
        ...

    async def write_bundle_blobs(self, blobs: Mapping[str, tuple[int, bytes]]) -> None:
        """Keep contents: digest → size before compression, compressed content. What is there already stays."""
        ...

    async def write_bundle_manifest(self, digest: str, content: bytes, blobs: Sequence[str]) -> None:
        """Keep a manifest, and all of its blobs with it; raises `Conflict` if one of them is not stored."""
        ...

    async def set_bundle_version(self, version: BundleVersion, unparsed: Sequence[str], now: datetime) -> None:
        """DAGs of the bundle go by this version (whose manifest is stored) from now on; those of the files `unparsed`,
        which are still to be parsed as it has them, stay on the version before until a parse is written. DAGs that
        were held back so and need it no more go with the others again."""
        ...

    async def set_bundle_error(self, name: str, error: str, now: datetime) -> None:
        """The bundle's content could not be stored: runs take what their workers have, until it can."""
        ...


class PostgresBundleStore:
    """`BundleStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_missing_blobs(self, digests: Sequence[str]) -> Sequence[str]:
        rows = await self._database.fetch(statement("find_missing_blobs"), list(digests))
        missing = dict.fromkeys(row["digest"] for row in rows)
        return [digest for digest in digests if digest in missing]

    async def write_bundle_blobs(self, blobs: Mapping[str, tuple[int, bytes]]) -> None:
        sizes, contents = [size for size, _ in blobs.values()], [content for _, content in blobs.values()]
        await self._database.fetch(statement("write_bundle_blobs"), list(blobs), sizes, contents)

    async def write_bundle_manifest(self, digest: str, content: bytes, blobs: Sequence[str]) -> None:
        await self._database.fetch(statement("write_bundle_manifest"), digest, content, list(blobs))

    async def set_bundle_version(self, version: BundleVersion, unparsed: Sequence[str], now: datetime) -> None:
        async with self._database.transaction() as transaction:
            await transaction.fetch(statement("lock_dag_writers"), DAG_WRITER_LOCK)
            names = (version.name, version.version)
            await transaction.fetch(statement("write_bundle_version"), *names, version.digest, now)
            await transaction.fetch(statement("hold_dags_back"), version.name, list(unparsed))
            await transaction.fetch(statement("set_bundle_version"), *names, None, now)

    async def set_bundle_error(self, name: str, error: str, now: datetime) -> None:
        await self._database.fetch(statement("set_bundle_version"), name, None, error, now)
