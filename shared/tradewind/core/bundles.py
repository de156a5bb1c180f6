"""DAG bundles by content: what a folder of DAG files consists of, said so that any machine can check it.

A manifest lists every file that travels by its path inside the bundle, with the digest of its content, its mode and its
size. Two folders with one manifest hold the same code. The digest of the manifest names the content of a whole bundle.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tradewind.core.errors import DomainError

DAGS_FOLDER_BUNDLE: Final = "dags-folder"
"""The bundle of the DAGs folder: its files have no prefix."""
PLAIN_MODE: Final = 0o644
EXECUTABLE_MODE: Final = 0o755
PATH_MAX_BYTES: Final = 4096

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,249}")


class InvalidManifest(DomainError):
    """What claims to be a manifest is none, is not the one that was asked for, or names what no bundle may name."""


class BundleTooLarge(DomainError):
    """A bundle holds more than the settings allow to be stored."""


@dataclass(frozen=True, slots=True, order=True)
class BundleFile:
    """One file of a bundle."""

    path: str
    """Inside the bundle, with slashes."""
    digest: str
    """sha256 of the content, hexadecimal."""
    mode: int
    """`PLAIN_MODE` or `EXECUTABLE_MODE`."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """All files of a bundle, by path, in order; made by `manifest_of` or `decode_manifest`, which check them."""

    files: Mapping[str, BundleFile]
    content: bytes = field(repr=False)
    """The canonical JSON text."""
    digest: str
    """sha256 of `content`, hexadecimal."""

    @property
    def blobs(self) -> Mapping[str, int]:
        """Digest → size of everything that it takes to lay the bundle out."""
        return {file.digest: file.size for file in self.files.values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleLimits:
    """How much of a bundle is stored."""

    file_bytes: int
    bundle_bytes: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleVersion:
    """A version of a bundle. `version` is what people read: the digest itself, or the commit of a Git bundle."""

    name: str
    version: str
    digest: str


def is_bundle_name(name: str) -> bool:
    """Whether a bundle may be called so: it becomes part of names of files."""
    return _NAME.fullmatch(name) is not None


def prefix_of(bundle_name: str) -> str:
    """What the `relative_fileloc` of each file of the bundle begins with. Files of users are never hidden, so that no
    file of one bundle has the name of another's."""
    return "" if bundle_name == DAGS_FOLDER_BUNDLE else f".{bundle_name}/"


def problem_name_of(bundle_name: str) -> str:
    """Under which name people find what is wrong with the bundle as a whole; no file has such a name."""
    return f".{bundle_name}/"


def bundle_of(relative_fileloc: str) -> str:
    """The bundle that a file of this name is in."""
    if not relative_fileloc.startswith("."):
        return DAGS_FOLDER_BUNDLE
    return relative_fileloc[1:].partition("/")[0]


def manifest_of(files: Iterable[BundleFile]) -> Manifest:
    """The manifest of these files; raises `InvalidManifest` for what could not be laid out elsewhere."""
    ordered = sorted(files)
    _check(ordered)
    rows = [(file.path, file.digest, file.mode, file.size) for file in ordered]
    content = msgspec.json.encode({"format": 1, "files": rows})
    return Manifest({file.path: file for file in ordered}, content, hashlib.sha256(content).hexdigest())


def decode_manifest(content: bytes, digest: str) -> Manifest:
    """The manifest with this digest. Raises `InvalidManifest` if the content has another one, or names a file that
    would not stay inside its bundle."""
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise InvalidManifest(f"the manifest of the bundle has the digest {found}, not {digest}")
    try:
        document = msgspec.json.decode(content, type=_Document)
    except msgspec.MsgspecError as exc:
        raise InvalidManifest(f"the manifest {digest} cannot be read: {exc}") from exc
    manifest = manifest_of(BundleFile(*row) for row in document.files)
    if manifest.digest != digest:
        raise InvalidManifest(f"the manifest {digest} is not in its canonical form")
    return manifest


def too_large(path: str, size: int, limits: BundleLimits) -> str | None:
    """Why a file of this size is not stored, with the setting to change; None if it is."""
    if size <= limits.file_bytes:
        return None
    return (
        f"{path} has {size} bytes, and one file of a bundle may have {limits.file_bytes}: leave it out by a line in "
        ".bundleignore, or raise TRADEWIND__DAG_PROCESSOR__BUNDLE_FILE_MAX_BYTES"
    )


def too_much(files: Iterable[BundleFile], limits: BundleLimits) -> str | None:
    """Why a bundle of these files is not stored, naming its largest, with the setting to change; None if it is."""
    found = list(files)
    if len(found) > limits.files:
        return (
            f"the bundle has {len(found)} files, and may have {limits.files}: leave some out by .bundleignore, or "
            "raise TRADEWIND__DAG_PROCESSOR__BUNDLE_MAX_FILES"
        )
    total = sum(file.size for file in found)
    if total <= limits.bundle_bytes:
        return None
    largest = max(found, key=lambda file: file.size)
    return (
        f"the bundle has {total} bytes ({largest.path} alone {largest.size}), and may have {limits.bundle_bytes}: "
        "leave files out by .bundleignore, or raise TRADEWIND__DAG_PROCESSOR__BUNDLE_MAX_BYTES"
    )


def agrees(files: Mapping[str, str], manifest: Manifest, before: Manifest | None) -> bool:
    """Whether a parse that read these files (path inside the bundle → digest, empty: there was none) read what the
    manifest holds. What it does not hold never travelled, unless the manifest before had it."""
    for path, digest in files.items():
        file = manifest.files.get(path)
        if file is None:
            if digest and before is not None and path in before.files:
                return False
        elif file.digest != digest:
            return False
    return True


class _Document(msgspec.Struct):
    format: int
    files: list[tuple[str, str, int, int]]


def _check(files: Sequence[BundleFile]) -> None:
    folders: dict[str, None] = {}
    before: str | None = None
    for file in files:
        parts = file.path.split("/")
        if any(part in ("", ".", "..") for part in parts) or "\0" in file.path or "\\" in file.path:
            raise InvalidManifest(f"a bundle cannot hold a file of the name {file.path!r}")
        if not _is_encodable(file.path):
            raise InvalidManifest(f"a bundle cannot hold a file whose name is no text or too long: {file.path[:200]!r}")
        if _DIGEST.fullmatch(file.digest) is None or file.size < 0:
            raise InvalidManifest(f"{file.path!r} has no proper digest or size")
        if file.mode not in (PLAIN_MODE, EXECUTABLE_MODE):
            raise InvalidManifest(f"{file.path!r} has the mode {file.mode:o}")
        if file.path == before:
            raise InvalidManifest(f"{file.path!r} is named twice")
        before = file.path
        folders.update(dict.fromkeys("/".join(parts[:length]) for length in range(1, len(parts))))
    for file in files:
        if file.path in folders:
            raise InvalidManifest(f"{file.path!r} is a file and a folder")


def _is_encodable(path: str) -> bool:
    try:
        return len(path.encode()) <= PATH_MAX_BYTES
    except UnicodeEncodeError:
        return False
