"""What a bundle's folder holds now. Blocks on the file system: called in a thread, one call at a time."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG, S_IXUSR
from typing import TYPE_CHECKING, Final, NamedTuple

from tradewind.core.bundles import (
    EXECUTABLE_MODE,
    PATH_MAX_BYTES,
    PLAIN_MODE,
    BundleFile,
    BundleLimits,
    BundleTooLarge,
    Manifest,
    manifest_of,
    too_large,
    too_much,
)
from tradewind.service.dag_files import is_visible
from tradewind.service.logging import get_logger

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

BUNDLE_IGNORE_FILE: Final = ".bundleignore"
"""In the root of a bundle, in the syntax of .gitignore: what does not travel. What `.airflowignore` names is no DAG
file, but may well be imported by one, so it travels."""
_LEFT_OUT_SUFFIXES: Final = (".pyc", ".pyo")


class _Signature(NamedTuple):
    modified_ns: int
    size: int
    inode: int


@dataclass(slots=True)
class _Remembered:
    signature: _Signature
    digest: str
    is_settled: bool = False
    """Read twice with the same result: a change within one tick of the file system's clock would have shown."""


@dataclass(slots=True)
class BundleFolder:
    """The folder of one bundle. Files and folders that symbolic links lead to travel under the links' names."""

    folder: Path
    limits: BundleLimits
    _remembered: dict[str, _Remembered] = field(default_factory=dict[str, _Remembered])
    _reported: dict[str, None] = field(default_factory=dict[str, None])

    def look(self) -> Manifest:
        """What it holds. Raises `BundleTooLarge`; OSError if the folder itself cannot be read. What else cannot be
        read is reported once and left out."""
        ignored = self._ignore_rules()
        files: list[BundleFile] = []
        for inside, path in self._walk(self.folder, "", {}, is_root=True):
            if ignored is not None and ignored.match_file(inside):
                continue
            found = self._file(inside, path)
            if found is not None:
                files.append(found)
        found_paths = {file.path: None for file in files}
        for gone in [inside for inside in self._remembered if inside not in found_paths]:
            del self._remembered[gone]
        if reason := too_much(files, self.limits):
            raise BundleTooLarge(reason)
        return manifest_of(files)

    def content_of(self, file: BundleFile) -> bytes | None:
        """The content that the manifest names; None if the file has changed since, and is to be looked at again."""
        try:
            content = (self.folder / file.path).read_bytes()
        except OSError:
            content = b""
        if hashlib.sha256(content).hexdigest() == file.digest:
            return content
        self._remembered.pop(file.path, None)
        return None

    def is_unchanged(self, inside: str) -> bool:
        """Whether a file looks as it did when the folder was last looked at."""
        known = self._remembered.get(inside)
        try:
            status = (self.folder / inside).stat()
        except OSError:
            return False
        return known is not None and known.signature == (status.st_mtime_ns, status.st_size, status.st_ino)

    def _ignore_rules(self) -> "GitIgnoreSpec | None":
        try:
            text = (self.folder / BUNDLE_IGNORE_FILE).read_text()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as exc:
            self._report(BUNDLE_IGNORE_FILE, str(exc))
            return None
        from pathspec import GitIgnoreSpec  # here, not above: hardly any folder has such a file

        return GitIgnoreSpec.from_lines(text.splitlines())

    def _walk(self, folder: Path, inside: str, above: dict[str, None], *, is_root: bool) -> Iterator[tuple[str, Path]]:
        try:
            real = os.path.realpath(folder)
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as exc:
            if is_root:
                raise
            self._report(inside, str(exc))
            return
        if real in above:
            return
        for entry in entries:
            path = f"{inside}{entry.name}"
            if not is_visible(entry.name):
                continue
            if entry.is_dir():
                yield from self._walk(Path(entry.path), f"{path}/", {**above, real: None}, is_root=False)
            elif not entry.name.endswith(_LEFT_OUT_SUFFIXES):
                yield path, Path(entry.path)

    def _file(self, inside: str, path: Path) -> BundleFile | None:
        try:
            if len(inside.encode()) > PATH_MAX_BYTES or "\\" in inside:
                self._report(inside, "its name is too long, or has a backslash")
                return None
            status = path.stat()
            if not S_ISREG(status.st_mode):
                return None
            if reason := too_large(inside, status.st_size, self.limits):
                raise BundleTooLarge(reason)
            signature = _Signature(status.st_mtime_ns, status.st_size, status.st_ino)
            digest = self._digest(inside, path, signature)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeEncodeError) as exc:
            self._report(inside, str(exc))
            return None
        mode = EXECUTABLE_MODE if status.st_mode & S_IXUSR else PLAIN_MODE
        return BundleFile(inside, digest, mode, status.st_size)

    def _digest(self, inside: str, path: Path, signature: _Signature) -> str:
        known = self._remembered.get(inside)
        if known is not None and known.signature == signature and known.is_settled:
            return known.digest
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        is_settled = known is not None and known.signature == signature and known.digest == digest
        self._remembered[inside] = _Remembered(signature, digest, is_settled)
        return digest

    def _report(self, inside: str, error: str) -> None:
        if inside not in self._reported:
            self._reported[inside] = None
            get_logger().warning("bundle_file.left_out", folder=str(self.folder), path=inside, error=error)
