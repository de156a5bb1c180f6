"""Keeps the store's idea of one bundle's content in step with its folder."""

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from tradewind.core.bundles import BundleFile, BundleTooLarge, BundleVersion, Manifest, agrees
from tradewind.core.clock import Clock
from tradewind.core.rows import DagFileParse
from tradewind.dag_processor.bundles.problems import BundleProblems
from tradewind.dag_processor.file_index import FileIndex, is_about_files
from tradewind.db.bundles.store import BundleStore
from tradewind.service.bundle_folder import BundleFolder
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

UPLOAD_BATCH_BYTES: Final = 8 * 1024 * 1024
RACES_MAX: Final = 5
"""How often files may change while they are being stored, before it is put off."""


class Source(Protocol):
    """Where a bundle's files come from, besides its folder."""

    @property
    def version(self) -> str | None:
        """The version that the folder shows now, as people read it; None = its content's own digest."""
        ...

    @property
    def is_ready(self) -> bool:
        """False: nothing is there yet, and what the store has is the latest that anybody knows."""
        ...


class PlainFolder:
    """A folder that people write to: its content is its version."""

    version = None
    is_ready = True


class BundleMetrics:
    """What all keepers count."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.versions = telemetry.counter("bundle_versions_total", "Versions of bundles stored", ("bundle",))
        self.uploaded = telemetry.counter("bundle_bytes_total", "Bytes of files stored for bundles", ("bundle",))
        self.failures = telemetry.counter("bundle_failures_total", "Contents that could not be stored", ("bundle",))


class BundleKeeper:
    """One bundle. `refresh` and `cover` are called by one task at a time."""

    def __init__(
        self,
        *,
        name: str,
        prefix: str,
        folder: BundleFolder,
        source: Source,
        index: FileIndex,
        store: BundleStore,
        clock: Clock,
        metrics: BundleMetrics,
        problems: BundleProblems,
    ) -> None:
        self.name = name
        self.prefix = prefix
        self._folder = folder
        self._source = source
        self._index = index
        self._store = store
        self._clock = clock
        self._stored: tuple[str, Manifest] | None = None
        """The version that DAGs go by, as this process last stored it, and what it holds."""
        self._error = ""
        self._metrics = metrics
        self._problems = problems
        self._log = get_logger(bundle=name)

    def read(self, parse: DagFileParse) -> dict[str, str]:
        """What a parse read of the bundle: path inside → digest, empty for what was not there."""
        return self._read(parse.relative_fileloc, parse.file_digest, parse.dependencies)

    def covers(self, parse: DagFileParse) -> bool:
        """Whether the version that is stored holds what the parse read, and knows of all its files."""
        if self._stored is None:
            return False
        manifest = self._stored[1]
        read = self.read(parse)
        return agrees(read, manifest, None) and all(path in manifest.files for path, digest in read.items() if digest)

    def version_of(self, parse: DagFileParse) -> str:
        """The version that holds what the parse read; empty if none that is stored does. Files that do not travel
        count for nothing."""
        if self._stored is None or not agrees(self.read(parse), self._stored[1], None):
            return ""
        return self._stored[0]

    async def refresh(self) -> None:
        """Look at the folder, and store what has changed. Raises what the store raises."""
        if not self._source.is_ready:
            return
        for _ in range(RACES_MAX):
            try:
                version = self._source.version
                manifest = await asyncio.to_thread(self._folder.look)
                if version != self._source.version:
                    continue
                named = (version or manifest.digest, manifest)
                if named == self._stored or await self._keep(named[0], manifest):
                    self._error = ""
                    await self._problems.report(self.name, "content", None)
                    return
            except (BundleTooLarge, OSError) as exc:
                await self._give_up(str(exc))
                return
        self._log.info(
            "bundle.changes_too_fast", advice="is something writing to the folder? It is looked at again soon"
        )

    async def _keep(self, version: str, manifest: Manifest) -> bool:
        """False: files have changed meanwhile."""
        named, now = BundleVersion(name=self.name, version=version, digest=manifest.digest), self._clock()
        text = await asyncio.to_thread(zlib.compress, manifest.content)
        missing = await self._store.begin_bundle_version(named, text, list(manifest.blobs), now)
        if not await self._upload(manifest, missing):
            return False
        await self._store.set_bundle_version(named, self._unparsed(manifest), now)
        self._stored = (version, manifest)
        self._metrics.versions.labels(self.name).inc()
        self._log.info("bundle.stored", version=version, digest=manifest.digest, files=len(manifest.files))
        return True

    async def _upload(self, manifest: Manifest, missing: Sequence[str]) -> bool:
        by_digest = {file.digest: file for file in manifest.files.values()}
        batch: dict[str, tuple[int, bytes]] = {}
        for digest in missing:
            blob = await asyncio.to_thread(self._compressed, by_digest[digest])
            if blob is None:
                return False
            batch[digest] = blob
            if sum(len(content) for _, content in batch.values()) >= UPLOAD_BATCH_BYTES:
                await self._write(batch)
                batch = {}
        await self._write(batch)
        return True

    async def _write(self, batch: Mapping[str, tuple[int, bytes]]) -> None:
        if batch:
            await self._store.write_bundle_blobs(batch)
            self._metrics.uploaded.labels(self.name).inc(sum(size for size, _ in batch.values()))

    def _compressed(self, file: BundleFile) -> tuple[int, bytes] | None:
        content = self._folder.content_of(file)
        return None if content is None else (len(content), zlib.compress(content))

    def _unparsed(self, manifest: Manifest) -> list[str]:
        """Files whose last parse read something else than this."""
        before = None if self._stored is None else self._stored[1]
        found: list[str] = []
        for name, row in self._index.files.items():
            if not self._owns(name):
                continue
            read = self._read(name, row.file_digest, row.dependencies)
            if name.removeprefix(self.prefix) not in manifest.files or not agrees(read, manifest, before):
                found.append(name)
        return found

    async def _give_up(self, error: str) -> None:
        """Attempts run what stands in their workers' folders then; of a repository nobody has any, so that the version
        before stays."""
        self._metrics.failures.labels(self.name).inc()
        if error != self._error:
            self._log.error("bundle.not_stored", error=error)
        if self._source.version is None:
            if error != self._error:
                await self._store.set_bundle_error(self.name, error, self._clock())
            self._stored = None
        self._error = error
        await self._problems.report(self.name, "content", f"The content of {self.name!r} cannot be stored: {error}")

    def _owns(self, name: str) -> bool:
        return name.startswith(self.prefix) if self.prefix else not name.startswith(".")

    def _read(self, name: str, digest: str, dependencies: Mapping[str, str]) -> dict[str, str]:
        read = {name.removeprefix(self.prefix): digest}
        for dependency, fingerprint in dependencies.items():
            is_file = is_about_files(dependency) and not dependency.startswith("/") and not dependency.endswith("/")
            if is_file and self._owns(dependency):
                read[dependency.removeprefix(self.prefix)] = fingerprint
        return read
