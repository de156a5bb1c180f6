"""The bundles' port on the in-memory store."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tradewind.core.bundles import BundleVersion, problem_name_of
from tradewind.db.bundles.memory_tables import BundleVersionTableRow
from tradewind.db.memory.tables import DagRunTableRow, DagVersionTableRow, MemoryStoreBase, MemoryTables


def bundle_digest(tables: MemoryTables, run: DagRunTableRow, version: DagVersionTableRow) -> str | None:
    """Of the content that attempts of the run are to run now."""
    dag, name = tables.dags.get(run.dag_id), version.bundle_name
    wanted = run.bundle_version
    if wanted is None and dag is not None and dag.bundle_name == name:
        wanted = tables.latest_bundle_version(dag)
    found = None if wanted is None else tables.bundles.versions.get((name, wanted))
    return None if found is None else found.version.digest


class MemoryBundleStore(MemoryStoreBase):
    """`BundleStore` on dictionaries."""

    async def begin_bundle_version(
        self, version: BundleVersion, manifest: bytes, blobs: Sequence[str], now: datetime
    ) -> Sequence[str]:
        bundles = self.tables.bundles
        bundles.manifests.setdefault(version.digest, (manifest, tuple(blobs)))
        row = BundleVersionTableRow(version=version, left_at=now)
        bundles.versions.setdefault((version.name, version.version), row)
        return sorted(digest for digest in blobs if digest not in bundles.blobs)

    async def write_bundle_blobs(self, blobs: Mapping[str, tuple[int, bytes]]) -> None:
        for digest, (_size, content) in blobs.items():
            self.tables.bundles.blobs.setdefault(digest, content)

    async def set_bundle_version(self, version: BundleVersion, unparsed: Sequence[str], now: datetime) -> None:
        bundles, key = self.tables.bundles, (version.name, version.version)
        before = bundles.current.get(version.name)
        for dag in self.tables.dags.values():
            if dag.bundle_name != version.name:
                continue
            if dag.relative_fileloc in unparsed:
                dag.bundle_version = (before or "") if dag.bundle_version is None else dag.bundle_version
            elif not dag.has_import_errors:
                dag.bundle_version = None
        self._leave(version.name, version.version, now)
        bundles.versions[key] = BundleVersionTableRow(version=version)
        bundles.current[version.name] = version.version
        bundles.errors.pop(version.name, None)

    async def set_bundle_error(self, name: str, error: str, now: datetime) -> None:
        self._leave(name, None, now)
        self.tables.bundles.current[name] = None
        self.tables.bundles.errors[name] = error

    async def configure_bundles(self, names: Sequence[str], problems: Mapping[str, str], now: datetime) -> None:
        bundles, errors = self.tables.bundles, self.tables.import_errors
        for name in [name for name in bundles.current if name not in names]:
            self._leave(name, None, now)
            bundles.current[name] = None
        for name in [name for name in errors if name.endswith("/")]:
            del errors[name]
        errors.update({problem_name_of(name): text for name, text in problems.items()})

    async def delete_unused_bundles(self, left_before: datetime, limit: int) -> int:
        bundles = self.tables.bundles
        named = self._named_versions()
        unused = [
            key
            for key, row in bundles.versions.items()
            if row.left_at is not None and row.left_at < left_before and key[1] not in named
        ][:limit]
        for key in unused:
            del bundles.versions[key]
        manifests = {row.version.digest: None for row in bundles.versions.values()}
        for digest in [digest for digest in bundles.manifests if digest not in manifests]:
            del bundles.manifests[digest]
        blobs = {blob: None for _, digests in bundles.manifests.values() for blob in digests}
        for digest in [digest for digest in bundles.blobs if digest not in blobs]:
            del bundles.blobs[digest]
        return len(unused)

    def _named_versions(self) -> dict[str | None, None]:
        tables = self.tables
        rows = (*tables.dags.values(), *tables.dag_versions.values(), *tables.dag_runs.values())
        return {**dict.fromkeys(tables.bundles.current.values()), **{row.bundle_version: None for row in rows}}

    def _leave(self, name: str, version: str | None, now: datetime) -> None:
        before = self.tables.bundles.current.get(name)
        if before is not None and before != version:
            self.tables.bundles.versions[name, before].left_at = now
