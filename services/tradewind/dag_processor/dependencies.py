"""Which files a parse reads: recorded in the parse child from the interpreter's own audit events.

Names of dependencies: the path inside the root (with the root's prefix), or an absolute path for a module outside of
it; a trailing slash means the names in a folder. Installed libraries and the standard library are left out: the
environment as a whole has one fingerprint (`environment_fingerprint`).
"""

import os
import sys
import sysconfig
from collections.abc import Callable, Sequence
from importlib.util import source_from_cache
from pathlib import Path
from types import TracebackType
from typing import Final

import tradewind
from tradewind.dag_processor.fingerprints import (
    content_fingerprint,
    file_fingerprint,
    folder_fingerprint,
)

MAX_DEPENDENCIES: Final = 5_000
"""Of one file; further ones are not followed."""

ENVIRONMENT: Final = "//environment"
"""The dependency that every file has."""

_LISTING_EVENTS: Final = ("os.listdir", "os.scandir")


def environment_fingerprint() -> str:
    """Of the interpreter and the installed distributions (their folders carry their versions)."""
    folders = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    parts = [sys.version, *(folder_fingerprint(Path(folder)) for folder in folders)]
    return content_fingerprint("\0".join(parts).encode())


def installed_folders() -> tuple[str, ...]:
    """Where the standard library, installed distributions and Tradewind itself are, each with a slash at its end."""
    paths = sysconfig.get_paths()
    named = (paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"])
    return tuple(f"{folder}{os.sep}" for folder in (*named, *tradewind.__path__))


class DependencyRecorder:
    """Takes the fingerprint of each file and folder at the moment that it is opened, before it is read: a change that
    comes later is seen by its event."""

    def __init__(self, root: Path, prefix: str, own_path: Path, installed: Sequence[str]) -> None:
        self._root = f"{root}{os.sep}"
        self._real_root = f"{os.path.realpath(root)}{os.sep}"
        self._prefix = prefix
        self._own_path = str(own_path)
        self._passed_over = tuple(installed)
        self._recording = False
        self.found: dict[str, str] = {}

    def __enter__(self) -> "DependencyRecorder":
        sys.addaudithook(self._on_event)
        self._recording = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recording = False  # a hook cannot be removed

    def add_missing_module(self, module: str) -> None:
        """An import failed: depend on the absence of the files and folders that would have met it."""
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            stem = "/".join(parts[:length])
            for inside in (f"{stem}.py", f"{stem}/__init__.py"):
                self.found.setdefault(self._prefix + inside, file_fingerprint(Path(self._root) / inside))
            self.found.setdefault(f"{self._prefix}{stem}/", folder_fingerprint(Path(self._root) / stem))

    def _on_event(self, event: str, args: tuple[object, ...]) -> None:
        if not self._recording or len(self.found) >= MAX_DEPENDENCIES:
            return
        if event == "open":
            self._guarded(self._on_open, args)
        elif event in _LISTING_EVENTS and sys._getframe(1).f_code.co_name != "_fill_cache":  # pyright: ignore[reportPrivateUsage] - the import system lists every folder of sys.path: that is no wish of the author's
            self._guarded(self._on_listing, args)

    def _guarded(self, handle: Callable[[tuple[object, ...]], None], args: tuple[object, ...]) -> None:
        self._recording = False
        try:
            handle(args)
        finally:
            self._recording = True

    def _on_open(self, args: tuple[object, ...]) -> None:
        path, mode, flags = args
        if isinstance(mode, str):
            writes = mode[:1] in ("w", "a", "x")
        else:
            writes = isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
        text = _text(path)
        if writes or text is None:
            return
        source = _source_of(_absolute(text))
        name = self._name(source)
        if name is not None and source != self._own_path and name not in self.found:
            self.found[name] = file_fingerprint(Path(source))

    def _on_listing(self, args: tuple[object, ...]) -> None:
        text = _text(args[0] if args and args[0] is not None else ".")
        if text is None:
            return
        inside = self._inside_root(f"{_absolute(text)}{os.sep}")
        if inside is not None:
            self.found.setdefault(f"{self._prefix}{inside or './'}", folder_fingerprint(Path(text)))

    def _name(self, path: str) -> str | None:
        inside = self._inside_root(path)
        if inside is not None:
            return self._prefix + inside
        if path.endswith(".py") and not path.startswith(self._passed_over):
            return path
        return None

    def _inside_root(self, path: str) -> str | None:
        for root in (self._root, self._real_root):
            if path.startswith(root):
                return path.removeprefix(root)
        return None


def _text(path: object) -> str | None:
    if isinstance(path, str | bytes | os.PathLike):
        return os.fsdecode(path)  # pyright: ignore[reportUnknownArgumentType] - what a PathLike yields is checked by fsdecode
    return None


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - a link keeps the name that the author used


def _source_of(path: str) -> str:
    if not path.endswith(".pyc"):
        return path
    try:
        return source_from_cache(path)
    except ValueError:
        return path
