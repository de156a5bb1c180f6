"""The bundles' port on the in-memory store."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tradewind.core.bundles import BundleVersion
from tradewind.core.errors import Conflict
from tradewind.db.bundles.memory_tables import BundleVersionTableRow
from tradewind.db.memory.tables import MemoryStoreBase


class MemoryBundleStore(MemoryStoreBase):
    """`BundleStore` on dictionaries."""

    async def find_missing_blobs(self, digests: Sequence[str]) -> Sequence[str]:
        return [digest for digest in digests if digest not in self.tables.bundles.blobs]

    async def write_bundle_blobs(self, blobs: Mapping[str, tuple[int, bytes]]) -> None:
        for digest, (_size, content) in blobs.items():
            self.tables.bundles.blobs.setdefault(digest, content)

    async def write_bundle_manifest(self, digest: str, content: bytes, blobs: Sequence[str]) -> None:
        if missing := await self.find_missing_blobs(blobs):
            raise Conflict(f"there is no content with the digest {missing[0]}")
        self.tables.bundles.manifests.setdefault(digest, (content, tuple(blobs)))

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

    def _leave(self, name: str, version: str | None, now: datetime) -> None:
        before = self.tables.bundles.current.get(name)
        if before is not None and before != version:
            self.tables.bundles.versions[name, before].left_at = now
