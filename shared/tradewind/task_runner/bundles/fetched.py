"""Code by content: the DAGs folder while it holds what a grant names, else a version in the cache."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tradewind.core.bundles import BundleLimits, BundleTooLarge, Manifest, prefix_of
from tradewind.core.errors import NotFound
from tradewind.service.bundle_folder import BundleFolder
from tradewind.service.dag_roots import DagFileLocation, DagRoot, resolve_dag_file
from tradewind.service.logging import get_logger
from tradewind.task_runner.bundles.cache import BundleCache
from tradewind.task_runner.bundles.port import Wanted, location_in

LOOK_SECONDS: Final = 0.2
"""How long a look at the DAGs folder counts; the DAG file itself is looked at for each attempt."""
LOOK_SHARE: Final = 50
"""A look that takes longer counts for so many times its duration: looking takes at most a fiftieth of one core."""
REMEMBERED_FILES: Final = 1_000
_NO_LIMITS: Final = BundleLimits(file_bytes=1 << 62, bundle_bytes=1 << 62, files=1 << 62)


class FetchedBundles:
    """`Bundles` of a machine of its own; close it at the end."""

    def __init__(
        self, *, roots: tuple[DagRoot, ...], cache: BundleCache, execution_api_url: str, uses_folders: bool
    ) -> None:
        self._roots = roots
        self._cache = cache
        self._execution_api_url = execution_api_url
        self._folders = {root.bundle_name: _OwnFolder(root.folder) for root in roots}
        self._uses_folders = uses_folders
        self._laid_out: dict[str, Manifest] = {}
        self._in_use: dict[str, int] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._evictions = asyncio.Lock()
        self._expected: OrderedDict[str, DagFileLocation] = OrderedDict()
        self._log = get_logger(component="bundles")

    def expected(self, relative_fileloc: str) -> DagFileLocation | None:
        known = self._expected.get(relative_fileloc)
        if known is not None:
            return known
        try:
            found = resolve_dag_file(self._roots, relative_fileloc)
        except NotFound:
            return None
        return found if found.path.exists() else None

    async def locate(self, grant: Wanted) -> DagFileLocation:
        location = await self._located(grant)
        self._expected[grant.relative_fileloc] = location
        self._expected.move_to_end(grant.relative_fileloc)
        if len(self._expected) > REMEMBERED_FILES:
            self._expected.popitem(last=False)
        return location

    def release(self, grant: Wanted) -> None:
        digest = grant.bundle_digest
        if digest is None or digest not in self._in_use:
            return
        self._in_use[digest] -= 1
        if not self._in_use[digest]:
            del self._in_use[digest]

    def close(self) -> None:
        """Let go of the cache."""
        self._cache.close()

    async def _located(self, grant: Wanted) -> DagFileLocation:
        digest, prefix = grant.bundle_digest, prefix_of(grant.bundle_name)
        if digest is None:
            return resolve_dag_file(self._roots, grant.relative_fileloc)
        own = self._folders.get(grant.bundle_name)
        inside = grant.relative_fileloc.removeprefix(prefix)
        self._in_use[digest] = self._in_use.get(digest, 0) + 1
        try:
            may_share = own is not None and self._uses_folders and digest not in self._laid_out
            if own is not None and may_share and await own.holds(digest, inside):
                return location_in(own.folder, grant.relative_fileloc, prefix)
            manifest = await self._in_cache(digest, grant.token, own)
            if inside not in manifest.files:
                raise NotFound(f"the bundle {grant.bundle_name!r} has no file {inside!r} in its version {digest}")
        except BaseException:
            self.release(grant)
            raise
        return location_in(self._cache.files_of(digest), grant.relative_fileloc, prefix)

    async def _in_cache(self, digest: str, token: str, own: "_OwnFolder | None") -> Manifest:
        """One attempt fetches, in its own name; the others of the version wait for it, and try themselves if it
        fails."""
        known = self._laid_out.get(digest)
        if known is not None:
            return known
        turn = self._turns.setdefault(digest, asyncio.Lock())
        async with turn:
            known = self._laid_out.get(digest)
            if known is None:
                known = await asyncio.to_thread(self._fetch, digest, token, None if own is None else own.folder)
                self._laid_out[digest] = known
                self._log.info("bundle.ready", digest=digest, files=len(known.files))
                await self._make_room()
        self._turns.pop(digest, None)
        return known

    def _fetch(self, digest: str, token: str, folder: Path | None) -> Manifest:
        # Here, not above: a worker that shares the DAGs folder never fetches, and does not pay for the client.
        from tradewind.task_runner.bundles.fetching import fetch
        from tradewind.task_runner.execution_api.client import ExecutionClient

        own = None if folder is None else BundleFolder(folder, _NO_LIMITS)
        return fetch(self._cache, digest, ExecutionClient(self._execution_api_url, token), own)

    async def _make_room(self) -> None:
        async with self._evictions:
            # What nobody runs is forgotten first: whoever wants it again holds and checks it anew.
            for digest in [digest for digest in self._laid_out if digest not in self._in_use]:
                del self._laid_out[digest]
            kept = dict.fromkeys(self._laid_out)
            await asyncio.to_thread(self._cache.evict, lambda digest: digest in kept or digest in self._in_use)


class _OwnFolder:
    """A folder of DAG files of this machine, which others may write to at any time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._folder = BundleFolder(folder, _NO_LIMITS)
        self._digest: str | None = None
        self._counts_until = 0.0
        self._turn = asyncio.Lock()

    async def holds(self, digest: str, inside: str) -> bool:
        """Whether the folder's content has this digest, as far as a look that is hardly old can say."""
        loop = asyncio.get_running_loop()
        if not self._is_fresh(loop.time(), inside):
            async with self._turn:
                if not self._is_fresh(loop.time(), inside):
                    self._digest, seconds = await asyncio.to_thread(self._look)
                    self._counts_until = loop.time() + max(LOOK_SECONDS, seconds * LOOK_SHARE)
        return self._digest == digest

    def _is_fresh(self, now: float, inside: str) -> bool:
        return now < self._counts_until and self._folder.is_unchanged(inside)

    def _look(self) -> tuple[str | None, float]:
        began = time.monotonic()
        try:
            digest = self._folder.look().digest
        except (OSError, BundleTooLarge):
            digest = None
        return digest, time.monotonic() - began


@asynccontextmanager
async def open_bundles(
    roots: tuple[DagRoot, ...], *, cache_folder: Path, max_bytes: int, execution_api_url: str, uses_folders: bool
) -> AsyncGenerator[FetchedBundles]:
    """`FetchedBundles` that lets go of its cache at the end."""
    bundles = FetchedBundles(
        roots=roots,
        cache=BundleCache(cache_folder, max_bytes=max_bytes),
        execution_api_url=execution_api_url,
        uses_folders=uses_folders,
    )
    try:
        yield bundles
    finally:
        bundles.close()
