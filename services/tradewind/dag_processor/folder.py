"""One root of DAG files as it stands on disk. All methods block: the service calls them in a thread, one at a time."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tradewind.dag_processor.fingerprints import content_fingerprint, file_fingerprint, folder_fingerprint
from tradewind.service.dag_files import (
    IGNORE_FILE,
    IgnoreRules,
    Syntax,
    is_dag_file_name,
    is_visible,
    may_hold_dags,
)
from tradewind.service.dag_roots import DagRoot
from tradewind.service.logging import get_logger


class _Signature(NamedTuple):
    """While these are unchanged, a file is not read again by a listing (an event always reads it)."""

    modified_ns: int
    size: int
    inode: int


class _Remembered(NamedTuple):
    signature: _Signature
    digest: str
    is_dag_file: bool


@dataclass(slots=True)
class Listing:
    """The DAG files of a root: name → digest. Not `complete`: a folder or file could not be read, so that a file
    which is missing here may well exist."""

    digests: dict[str, str] = field(default_factory=dict[str, str])
    complete: bool = True


class DagFolder:
    """Lists and looks at the files of one root."""

    def __init__(self, root: DagRoot, *, syntax: Syntax, safe_mode: bool) -> None:
        self.root = root
        self._rules = IgnoreRules(syntax)
        self._safe_mode = safe_mode
        self._remembered: dict[Path, _Remembered] = {}

    def owns(self, path: Path) -> bool:
        """Whether the path lies in this root."""
        return path.is_relative_to(self.root.folder)

    def list_files(self) -> Listing:
        """Every DAG file under the root."""
        listing = Listing()
        seen: dict[Path, None] = {}
        for path in self._walk(self.root.folder, PurePosixPath(), self._rules, listing, {}):
            seen[path] = None
            digest = self._digest(path, listing)
            if digest is not None:
                listing.digests[self.root.name_of(path)] = digest
        for path in [path for path in self._remembered if path not in seen]:
            del self._remembered[path]
        return listing

    def forget(self, path: Path) -> None:
        """The file was touched: read it again however its times look."""
        self._remembered.pop(path, None)

    def digest_of(self, path: Path) -> str | None:
        """Digest of one file if it is a DAG file of this root, else None."""
        if not is_dag_file_name(path.name) or not path.is_file() or self._is_ignored(path):
            return None
        return self._digest(path, Listing())

    def fingerprint_of(self, name: str) -> str:
        """Of a dependency inside this root: a file, or with a trailing slash the names in a folder."""
        path = self.path_of(name)
        if name.endswith("/"):
            return folder_fingerprint(path)
        remembered = self._remembered.get(path)
        if remembered is not None and remembered.signature == _signature(path):
            return remembered.digest
        return file_fingerprint(path)

    def path_of(self, name: str) -> Path:
        """The path of a file or folder of this root."""
        return self.root.folder / name.removeprefix(self.root.prefix)

    def _is_ignored(self, path: Path) -> bool:
        rules, folder, inside = self._rules, self.root.folder, PurePosixPath()
        parts = path.relative_to(self.root.folder).parts
        for index, part in enumerate(parts):
            rules = rules.within(folder, inside)
            folder, inside = folder / part, inside / part
            if not is_visible(part) or rules.ignore(inside, is_folder=index < len(parts) - 1):
                return True
        return False

    def _walk(
        self, folder: Path, inside: PurePosixPath, rules: IgnoreRules, listing: Listing, above: dict[str, None]
    ) -> Iterator[Path]:
        """Candidates in order of their names; symbolic links are followed, except round in circles."""
        try:
            real = os.path.realpath(folder)
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as exc:
            listing.complete = False
            get_logger().warning("dags_folder.unreadable", path=str(folder), error=str(exc))
            return
        if real in above:
            get_logger().warning("dags_folder.circular_link", path=str(folder), leads_to=real)
            return
        if any(entry.name == IGNORE_FILE for entry in entries):
            rules = rules.within(folder, inside)
        for entry in entries:
            path = inside / entry.name
            if not is_visible(entry.name):
                continue
            if entry.is_dir():
                if not rules.ignore(path, is_folder=True):
                    yield from self._walk(Path(entry.path), path, rules, listing, {**above, real: None})
            elif is_dag_file_name(entry.name) and not rules.ignore(path, is_folder=False):
                yield Path(entry.path)

    def _digest(self, path: Path, listing: Listing) -> str | None:
        try:
            signature = _signature(path)
            if signature is None:
                return None
            remembered = self._remembered.get(path)
            if remembered is None or remembered.signature != signature:
                content = path.read_bytes()
                is_dag_file = not self._safe_mode or may_hold_dags(path.name, content)
                remembered = _Remembered(signature, content_fingerprint(content), is_dag_file)
                self._remembered[path] = remembered
        except FileNotFoundError:
            return None
        except OSError as exc:
            listing.complete = False
            get_logger().warning("dag_file.unreadable", path=str(path), error=str(exc))
            return None
        return remembered.digest if remembered.is_dag_file else None


def _signature(path: Path) -> _Signature | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return _Signature(status.st_mtime_ns, status.st_size, status.st_ino)
