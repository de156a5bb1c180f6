"""`ObjectStoragePath`: a path in an object store, or on a disk, used as `pathlib` paths are."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from tradewind.sdk.io.names import NamedPath
from tradewind.sdk.io.stat import StatResult
from tradewind.sdk.io.store import get_fs

LOCAL: Final = "file"


class ObjectStoragePath(NamedPath):
    """`protocol://[conn_id@]bucket/key`; without a protocol, a path on the disk. Raises ValueError for a protocol that
    nothing serves when it is first used."""

    __version__: ClassVar[int] = 1

    def __init__(
        self,
        *parts: "str | ObjectStoragePath",
        protocol: str | None = None,
        conn_id: str | None = None,
        **storage_options: Any,
    ) -> None:
        first, *rest = parts or (".",)
        if isinstance(first, ObjectStoragePath):
            self._protocol, self._conn_id = protocol or first.protocol, conn_id or first.conn_id
            path, options = first.path, first.storage_options
        else:
            self._protocol, found, path = _split(first, protocol)
            self._conn_id, options = conn_id or found, {}
        self._path = _joined(path, [str(part) for part in rest])
        self.storage_options: dict[str, Any] = {**options, **storage_options}

    @property
    def protocol(self) -> str:
        """The scheme: `s3`, `gs`, `file` …; empty for a path on the disk that was given without one."""
        return self._protocol

    @property
    def conn_id(self) -> str | None:
        """The connection by which the store is reached."""
        return self._conn_id

    @property
    def fs(self) -> Any:
        """The fsspec filesystem."""
        return get_fs(self.protocol or LOCAL, self.conn_id, self.storage_options)

    @property
    def is_local(self) -> bool:
        """Whether it is on the disk."""
        return self.protocol in ("", LOCAL)

    @property
    def bucket(self) -> str:
        """The first part of the path; empty on a disk."""
        return "" if self.is_local else self.path.lstrip("/").partition("/")[0]

    @property
    def container(self) -> str:
        """As `bucket`."""
        return self.bucket

    @property
    def key(self) -> str:
        """The path without the bucket."""
        return self.path.lstrip("/") if self.is_local else self.path.lstrip("/").partition("/")[2]

    @property
    def namespace(self) -> str:
        """Protocol and bucket."""
        return f"{self.protocol}://{self.bucket}" if self.bucket else self.protocol

    def with_rendered_path(self, render: Callable[[str], str]) -> Self:
        """The same place in the same store, its path as `render` returns it: paths may be templates."""
        return self._at(render(self.path))

    def joinpath(self, *parts: "str | ObjectStoragePath") -> Self:
        """A path further in; from a part on that is a path in a store itself, that path."""
        whole = [place for place, part in enumerate(parts) if isinstance(part, ObjectStoragePath)]
        if whole:
            first, *rest = parts[whole[-1] :]
            return type(self)(first, *rest)
        return self._at(_joined(self.path, [str(part) for part in parts]))

    def __truediv__(self, part: "str | ObjectStoragePath") -> Self:
        return self.joinpath(part)

    @classmethod
    def cwd(cls) -> Self:
        """The process's folder."""
        return cls(str(Path.cwd()))

    @classmethod
    def home(cls) -> Self:
        """The user's folder."""
        return cls(str(Path.home()))

    def expanduser(self) -> Self:
        """With the user's folder for a leading `~`."""
        return self._at(str(Path(self.path).expanduser())) if self.is_local else self

    def absolute(self) -> Self:
        """The whole path: on a disk, from its root."""
        return self._at(str(Path(self.path).absolute())) if self.is_local else self

    def resolve(self, strict: bool = False) -> Self:
        """The whole path; on a disk, without links and `..`."""
        return self._at(str(Path(self.path).resolve(strict))) if self.is_local else self

    def as_uri(self) -> str:
        """As a URI, without the connection."""
        return f"{self.protocol or LOCAL}://{self.path}"

    def exists(self) -> bool:
        """Whether there is anything."""
        return self.fs.exists(self.path)

    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return self.fs.isdir(self.path)

    def is_file(self) -> bool:
        """Whether it is a file."""
        return self.fs.isfile(self.path)

    def iterdir(self) -> Iterator[Self]:
        """What is in the folder."""
        return (self._at(name) for name in sorted(self.fs.ls(self.path, detail=False)))

    def glob(self, pattern: str) -> Iterator[Self]:
        """What matches a pattern in the folder."""
        return (self._at(name) for name in sorted(self.fs.glob(_joined(self.path, [pattern]))))

    def rglob(self, pattern: str) -> Iterator[Self]:
        """What matches a pattern, at any depth."""
        return self.glob(f"**/{pattern}")

    def walk(self, top_down: bool = True) -> Iterator[tuple[Self, list[str], list[str]]]:
        """Each folder, with the names of the folders and files in it."""
        folders, files = list[str](), list[str]()
        for inner in self.iterdir():
            (folders if inner.is_dir() else files).append(inner.name)
        if top_down:
            yield self, folders, files
        for name in folders:
            yield from (self / name).walk(top_down)
        if not top_down:
            yield self, folders, files

    def open(self, mode: str = "r", **options: Any) -> Any:
        """The file, opened; options are those of fsspec."""
        buffering = options.pop("buffering", None)
        if buffering is not None:
            options.setdefault("block_size", buffering)
        return self.fs.open(self.path, mode=mode, **options)

    def read_bytes(self) -> bytes:
        """All bytes."""
        with self.open("rb") as file:
            return file.read()

    def read_text(self, encoding: str = "utf-8") -> str:
        """The whole text."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, data: bytes) -> int:
        """Write all bytes; how many."""
        with self.open("wb") as file:
            return file.write(data)

    def write_text(self, data: str, encoding: str = "utf-8") -> int:
        """Write the whole text; how many characters."""
        self.write_bytes(data.encode(encoding))
        return len(data)

    def touch(self, mode: int = 0o666, exist_ok: bool = True, *, truncate: bool = False) -> None:
        """Make an empty file; one that exists stays as it is unless `truncate`. Raises FileExistsError, unless it may
        exist."""
        if truncate or not self.exists():
            self.fs.touch(self.path, truncate=True)
        elif not exist_ok:
            raise FileExistsError(str(self))

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Make the folder. Raises FileExistsError, unless it may exist."""
        if self.exists():
            if exist_ok and self.is_dir():
                return
            raise FileExistsError(str(self))
        self.fs.mkdir(self.path, create_parents=parents)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the file. Raises FileNotFoundError, unless it may be missing."""
        if not self.exists():
            if missing_ok:
                return
            raise FileNotFoundError(str(self))
        self.fs.rm_file(self.path)

    def rmdir(self, recursive: bool = True) -> None:
        """Remove the folder, by default with what is in it."""
        self.fs.rm(self.path, recursive=recursive)

    def rename(self, target: "str | ObjectStoragePath") -> Self:
        """Move within the store."""
        place = _as_path(target, self)
        self.fs.mv(self.path, place.path, recursive=True)
        return self._at(place.path)

    def replace(self, target: "str | ObjectStoragePath") -> Self:
        """Move within the store, over what is there."""
        return self.rename(target)

    def stat(self) -> StatResult:
        """What the filesystem tells of it, with `protocol` and `conn_id`."""
        return StatResult({**self.fs.stat(self.path), "protocol": self.protocol, "conn_id": self.conn_id})

    def size(self) -> int:
        """Its size in bytes."""
        return self.fs.size(self.path)

    def ukey(self) -> str:
        """Changes when the file does."""
        return self.fs.ukey(self.path)

    def checksum(self) -> int:
        """Of the content, as far as the filesystem has one."""
        return self.fs.checksum(self.path)

    def read_block(self, offset: int, length: int | None, delimiter: bytes | None = None) -> bytes:
        """So many bytes from a place on, both ends moved to a delimiter if one is given."""
        return self.fs.read_block(self.path, offset=offset, length=length, delimiter=delimiter)

    def sign(self, expiration: int = 100, **options: Any) -> str:
        """A URL that gives access for so many seconds, where the store has such."""
        return self.fs.sign(self.path, expiration=expiration, **options)

    def samestore(self, other: object) -> bool:
        """Whether both are in one store."""
        if not isinstance(other, ObjectStoragePath) or self.conn_id != other.conn_id:
            return False
        return (self.protocol or LOCAL) == (other.protocol or LOCAL)

    def samefile(self, other: object) -> bool:
        """Whether both are one file."""
        return isinstance(other, ObjectStoragePath) and self.samestore(other) and self.path == other.path

    def copy(self, dst: "str | ObjectStoragePath", recursive: bool = False, **options: Any) -> None:
        """Copy the file, or with `recursive` the folder, also to another store. A copy into an existing folder keeps
        the name."""
        target = _as_path(dst, None)
        if self.samestore(target):
            self.fs.copy(self.path, target.path, recursive=recursive, **options)
        elif self.is_local:
            target.fs.put(self.path, target.path, recursive=recursive, **options)
        elif target.is_local:
            self.fs.get(self.path, target.path, recursive=recursive, **options)
        elif self.is_dir():
            self._copy_folder(target)
        else:
            self._copy_file(target / self.name if target.is_dir() else target)

    def copy_into(self, target_dir: "str | ObjectStoragePath", recursive: bool = False, **options: Any) -> None:
        """Copy into a folder, under the same name. Raises NotADirectoryError."""
        self.copy(_folder(target_dir) / self.name, recursive=recursive, **options)

    def move(self, path: "str | ObjectStoragePath", recursive: bool = False, **options: Any) -> None:
        """Copy, then remove here."""
        target = _as_path(path, None)
        if self.samestore(target):
            self.fs.move(self.path, target.path, recursive=recursive, **options)
            return
        self.copy(target, recursive=recursive, **options)
        self.fs.rm(self.path, recursive=recursive)

    def move_into(self, target_dir: "str | ObjectStoragePath", recursive: bool = False, **options: Any) -> None:
        """Move into a folder, under the same name. Raises NotADirectoryError."""
        self.move(_folder(target_dir) / self.name, recursive=recursive, **options)

    def _copy_folder(self, target: "ObjectStoragePath") -> None:
        if target.is_file():
            raise ValueError(f"cannot copy the folder {self} to the file {target}")
        inside = len(self.path.strip("/"))
        for name in sorted(self.fs.find(self.path)):
            self._at(name)._copy_file(target / name.strip("/")[inside:].lstrip("/"))

    def _copy_file(self, target: "ObjectStoragePath") -> None:
        target.fs.makedirs(target.parent.path, exist_ok=True)
        with self.open("rb") as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink)

    def serialize(self) -> dict[str, Any]:
        """As an XCom."""
        return {"path": str(self), "conn_id": self.conn_id, "kwargs": self.storage_options}

    @classmethod
    def deserialize(cls, data: dict[str, Any], version: int) -> "ObjectStoragePath":
        """Of an XCom. Raises ValueError for one of a later version."""
        if version > cls.__version__:
            raise ValueError(f"cannot read version {version} of a path with version {cls.__version__}")
        return ObjectStoragePath(data["path"], conn_id=data.get("conn_id"), **data.get("kwargs", {}))

    def _at(self, path: str) -> Self:
        other = object.__new__(type(self))
        other._protocol, other._conn_id, other.storage_options = self._protocol, self._conn_id, self.storage_options
        other._path = path
        return other

    def __fspath__(self) -> str:
        if not self.is_local:
            raise TypeError(f"{self} is not on a disk")
        return self.path

    def __eq__(self, other: object) -> bool:
        return self.samefile(other)

    def __hash__(self) -> int:
        return hash((self.protocol or LOCAL, self.conn_id, self.path))

    def __lt__(self, other: object) -> bool:
        return str(self) < str(other) if isinstance(other, ObjectStoragePath) else NotImplemented

    def __le__(self, other: object) -> bool:
        return str(self) <= str(other) if isinstance(other, ObjectStoragePath) else NotImplemented

    def __str__(self) -> str:
        if not self.protocol:
            return self.path
        return f"{self.protocol}://{f'{self.conn_id}@' if self.conn_id else ''}{self.path}"

    def __repr__(self) -> str:
        return f"ObjectStoragePath({str(self)!r})"


def _split(text: str, protocol: str | None) -> tuple[str, str | None, str]:
    """Protocol, connection and path of a text."""
    scheme, separator, place = text.partition("://")
    if not separator:
        return protocol or "", None, text or "."
    host, slash, key = place.partition("/")
    conn_id, _, bucket = host.rpartition("@")
    return protocol or scheme, conn_id or None, f"{bucket}{slash}{key}" or "/"


def _joined(path: str, parts: list[str]) -> str:
    for part in parts:
        path = f"{path.rstrip('/')}/{part.lstrip('/')}" if path else part
    return path


def _as_path(target: "str | ObjectStoragePath", near: ObjectStoragePath | None) -> ObjectStoragePath:
    """The target as a path; a text without protocol is in the store of `near`."""
    if isinstance(target, ObjectStoragePath):
        return target
    if near is not None and "://" not in target:
        return ObjectStoragePath(target, protocol=near.protocol, conn_id=near.conn_id, **near.storage_options)
    return ObjectStoragePath(target)


def _folder(target: "str | ObjectStoragePath") -> ObjectStoragePath:
    folder = _as_path(target, None)
    if not folder.is_dir():
        raise NotADirectoryError(f"Destination {folder} is not a directory.")
    return folder
