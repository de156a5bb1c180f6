"""The cache folder of bundles: contents by digest, and versions laid out from them. Blocks on the file system.

blobs/<2>/<digest>          a file's content, read-only
versions/<digest>/          a version: manifest.json, and files/ with hard links to blobs (copies where there are none)
locks/<digest>              locked shared by every process that uses the version, exclusively by who removes it
"""

import errno
import fcntl
import hashlib
import os
import shutil
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final
from uuid import uuid4

from tradewind.core.bundles import BundleFile, InvalidManifest, Manifest, decode_manifest
from tradewind.core.errors import AdapterError
from tradewind.service.logging import get_logger

VERSIONS_MAX: Final = 100
"""Versions that stay laid out, whatever their size: each costs an inode a file."""
_FILES: Final = "files"
_MANIFEST: Final = "manifest.json"


class BundleMismatch(AdapterError):
    """Content that is not what its digest says, or is not there: nothing of it is run."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class BundleCache:
    """One process's way to the folder. One call at a time for each version, in any thread; `evict` at any time."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._turn = Lock()
        self._locks: dict[str, int] = {}
        """Versions that this process uses: digest → descriptor of the lock."""
        self._log = get_logger(component="bundle-cache")

    def files_of(self, digest: str) -> Path:
        """Where the files of a version are."""
        return self._version(digest) / _FILES

    def hold(self, digest: str) -> None:
        """From now on no other process removes the version."""
        with self._turn:
            if digest not in self._locks:
                self._locks[digest] = _locked_shared(self._lock(digest))

    def found(self, digest: str) -> Manifest | None:
        """The manifest of a (held) version that is laid out, all of its files checked; one that is damaged is removed,
        and its bad contents with it."""
        try:
            manifest = decode_manifest((self._version(digest) / _MANIFEST).read_bytes(), digest)
        except FileNotFoundError:
            return None
        except InvalidManifest as exc:
            self._log.error("bundle.damaged", digest=digest, reason=str(exc))
            self._remove(self._version(digest))
            return None
        bad = [file for file in manifest.files.values() if not _holds(self.files_of(digest) / file.path, file.digest)]
        for file in bad:
            self._log.error("bundle.damaged", digest=digest, path=file.path)
            self._blob(file.digest).unlink(missing_ok=True)
        if bad:
            self._remove(self._version(digest))
        return None if bad else manifest

    def missing(self, manifest: Manifest) -> list[str]:
        """Digests of contents that are not here."""
        return [digest for digest in manifest.blobs if not self._blob(digest).exists()]

    def add_compressed(self, digest: str, size: int, content: bytes) -> None:
        """Keep a content as the execution API gives it; raises `BundleMismatch`."""
        decompressor = zlib.decompressobj()
        try:
            plain = decompressor.decompress(content, size + 1)
        except zlib.error as exc:
            raise BundleMismatch(f"the content {digest} of a bundle cannot be decompressed: {exc}") from exc
        self.add(digest, plain)

    def add(self, digest: str, content: bytes) -> None:
        """Keep a content; raises `BundleMismatch`."""
        found = hashlib.sha256(content).hexdigest()
        if found != digest:
            raise BundleMismatch(f"a file of a bundle has the digest {found}, not {digest}: it is refused")
        path = self._blob(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{uuid4().hex}")
        try:
            draft.write_bytes(content)
            draft.chmod(0o444)
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)

    def lay_out(self, manifest: Manifest) -> None:
        """Make the version from contents that are all here; raises `BundleMismatch` if one is not what it is to be."""
        final = self._version(manifest.digest)
        draft = final.with_name(f".{uuid4().hex}")
        try:
            (draft / _FILES).mkdir(parents=True)
            for file in manifest.files.values():
                self._place(file, draft / _FILES / file.path)
            (draft / _MANIFEST).write_bytes(manifest.content)
            draft.rename(final)
        except OSError as exc:
            if exc.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            # Another process has just laid it out.
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def evict(self, is_kept: Callable[[str], bool]) -> int:
        """Remove least recently used versions that no process uses until the contents fit; returns how many. `is_kept`
        says of this process's own."""
        removed = 0
        oldest_first = sorted(self._versions(), key=self._last_use)
        while oldest_first and (len(oldest_first) > VERSIONS_MAX or self._bytes() > self._max_bytes):
            with self._turn:
                removed += self._evict_one(oldest_first.pop(0), is_kept)
        return removed

    def close(self) -> None:
        """Let go of everything."""
        while self._locks:
            os.close(self._locks.popitem()[1])

    def _evict_one(self, digest: str, is_kept: Callable[[str], bool]) -> bool:
        if is_kept(digest):
            return False
        if (held := self._locks.pop(digest, None)) is not None:
            os.close(held)
        path = self._lock(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._remove(self._version(digest))
            path.unlink(missing_ok=True)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        self._drop_unlinked_blobs()
        self._log.info("bundle.evicted", digest=digest)
        return True

    def _place(self, file: BundleFile, path: Path) -> None:
        blob = self._blob(file.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _holds(blob, file.digest):
            blob.unlink(missing_ok=True)
            raise BundleMismatch(f"the content of {file.path} in the cache is damaged: it is fetched anew")
        if file.mode & 0o111:
            shutil.copyfile(blob, path)  # a link would make every file of this content executable
            path.chmod(0o555)
            return
        try:
            path.hardlink_to(blob)
        except OSError:
            shutil.copyfile(blob, path)
            path.chmod(0o444)

    def _remove(self, version: Path) -> None:
        """At once for everybody who looks, however long deleting takes."""
        grave = version.with_name(f".{uuid4().hex}")
        with suppress(FileNotFoundError):
            version.rename(grave)
            shutil.rmtree(grave, ignore_errors=True)

    def _drop_unlinked_blobs(self) -> None:
        for blob in self._blobs():
            with suppress(FileNotFoundError):
                if blob.stat().st_nlink == 1:
                    blob.unlink()

    def _bytes(self) -> int:
        total = 0
        for blob in self._blobs():
            with suppress(FileNotFoundError):
                total += blob.stat().st_size
        return total

    def _blobs(self) -> list[Path]:
        return sorted(path for path in (self._folder / "blobs").glob("*/*") if not path.name.startswith("."))

    def _versions(self) -> list[str]:
        return sorted(path.name for path in (self._folder / "versions").glob("*") if not path.name.startswith("."))

    def _last_use(self, digest: str) -> float:
        try:
            return self._lock(digest).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _blob(self, digest: str) -> Path:
        return self._folder / "blobs" / digest[:2] / digest

    def _version(self, digest: str) -> Path:
        return self._folder / "versions" / digest

    def _lock(self, digest: str) -> Path:
        return self._folder / "locks" / digest


def _locked_shared(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if _is_at(descriptor, path):
            os.utime(path)
            return descriptor
        os.close(descriptor)  # it was removed between our opening and our locking it


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _holds(path: Path, digest: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False
