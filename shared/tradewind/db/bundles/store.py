"""What the dag processor asks about bundles: the port, and its Postgres adapter."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from tradewind.core.bundles import BundleVersion, problem_name_of
from tradewind.db.pool import Database
from tradewind.db.postgres.dags import DAG_WRITER_LOCK
from tradewind.db.postgres.row_mapping import storable_text
from tradewind.db.statements import statement


class BundleStore(Protocol):
    """Every method is one transaction. Contents are zlib-compressed by whoever calls, and opaque here."""

    async def begin_bundle_version(
        self, version: BundleVersion, manifest: bytes, blobs: Sequence[str], now: datetime
    ) -> Sequence[str]:
        """Keep a manifest and what is stored of its contents; returns the digests of those that are not, which
        `write_bundle_blobs` is to bring before `set_bundle_version`. What stays half done goes like an old version."""
        ...

    async def write_bundle_blobs(self, blobs: Mapping[str, tuple[int, bytes]]) -> None:
        """Keep contents: digest → size before compression, compressed content. What is there already stays."""
        ...

    async def set_bundle_version(self, version: BundleVersion, unparsed: Sequence[str], now: datetime) -> None:
        """DAGs of the bundle go by this version (begun, and whole) from now on; those of the files `unparsed`,
        which are still to be parsed as it has them, stay on the version before until a parse is written. DAGs that
        were held back so and need it no more go with the others again."""
        ...

    async def set_bundle_error(self, name: str, error: str, now: datetime) -> None:
        """The bundle's content could not be stored: runs take what their workers have, until it can."""
        ...

    async def configure_bundles(self, names: Sequence[str], problems: Mapping[str, str], now: datetime) -> None:
        """These are all the bundles that there are: others have no current version any more. `problems`: what is wrong
        with which of them as a whole, in place of what was; people find it among the import errors."""
        ...

    async def delete_unused_bundles(self, left_before: datetime, limit: int) -> int:
        """Remove at most so many versions that were left before then and that nothing names: no DAG, no DAG version, no
        run; and the contents that only they have. Returns how many versions."""
        ...


class PostgresBundleStore:
    """`BundleStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin_bundle_version(
        self, version: BundleVersion, manifest: bytes, blobs: Sequence[str], now: datetime
    ) -> Sequence[str]:
        async with self._database.transaction() as transaction:
            await transaction.fetch(statement("lock_dag_writers"), DAG_WRITER_LOCK)
            await transaction.fetch(statement("write_bundle_manifest"), version.digest, manifest, list(blobs))
            names = (version.name, version.version, version.digest)
            await transaction.fetch(statement("begin_bundle_version"), *names, now)
        rows = await self._database.fetch(statement("find_missing_blobs"), version.digest)
        return [row["digest"] for row in rows]

    async def write_bundle_blobs(self, blobs: Mapping[str, tuple[int, bytes]]) -> None:
        sizes, contents = [size for size, _ in blobs.values()], [content for _, content in blobs.values()]
        await self._database.fetch(statement("write_bundle_blobs"), list(blobs), sizes, contents)

    async def set_bundle_version(self, version: BundleVersion, unparsed: Sequence[str], now: datetime) -> None:
        async with self._database.transaction() as transaction:
            await transaction.fetch(statement("lock_dag_writers"), DAG_WRITER_LOCK)
            names = (version.name, version.version)
            await transaction.fetch(statement("restore_bundle_version"), *names, version.digest, now)
            await transaction.fetch(statement("hold_dags_back"), version.name, list(unparsed))
            await transaction.fetch(statement("set_bundle_version"), *names, None, now)

    async def set_bundle_error(self, name: str, error: str, now: datetime) -> None:
        await self._database.fetch(statement("set_bundle_version"), name, None, error, now)

    async def configure_bundles(self, names: Sequence[str], problems: Mapping[str, str], now: datetime) -> None:
        texts = {problem_name_of(name): storable_text(text) for name, text in problems.items()}
        async with self._database.transaction() as transaction:
            await transaction.fetch(statement("lock_dag_writers"), DAG_WRITER_LOCK)
            await transaction.fetch(statement("leave_bundles"), list(names), now)
            await transaction.fetch(statement("write_bundle_problems"), list(texts), list(texts.values()), now)

    async def delete_unused_bundles(self, left_before: datetime, limit: int) -> int:
        async with self._database.transaction() as transaction:
            # Whoever stores a version meanwhile waits, and finds what of it is left.
            await transaction.fetch(statement("lock_dag_writers"), DAG_WRITER_LOCK)
            digests = [
                row["digest"]
                for row in await transaction.fetch(statement("delete_bundle_versions"), left_before, limit)
            ]
            blobs = await transaction.fetch(statement("delete_bundle_manifests"), digests)
            await transaction.fetch(statement("delete_bundle_blobs"), [row["digest"] for row in blobs])
        return len(digests)
