"""Loaders for authors' code that never run stale bytecode.

Python takes a `.pyc` for current if the source's time, in whole seconds, and size are what they were. A file that is
edited twice within a second at equal size would run as it was before; a service that reacts to edits within
milliseconds meets this every day. So DAG files are always compiled from their source, and modules beside them keep
bytecode that is compared in nanoseconds.
"""

import sys
from collections.abc import Mapping
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any


class DagFileLoader(SourceFileLoader):
    """Compiles the source at each load, and writes nothing beside it."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class ModuleLoader(SourceFileLoader):
    """Uses and writes bytecode as usual, but stamps it with the source's time in nanoseconds."""

    def path_stats(self, path: str | bytes) -> Mapping[str, Any]:
        status = Path(str(path)).stat()
        return {"mtime": status.st_mtime_ns, "size": status.st_size}


def use_for_modules_in(folder: Path) -> None:
    """Have modules under this folder imported by `ModuleLoader` in this process."""
    prefix = str(folder)

    def hook(path: str) -> FileFinder:
        is_inside = path == prefix or path.startswith(f"{prefix}/")
        if not is_inside or not Path(path).is_dir():  # but a place in an archive, which others know how to read
            raise ImportError(path=path)
        return FileFinder(path, (ExtensionFileLoader, EXTENSION_SUFFIXES), (ModuleLoader, [".py"]))

    sys.path_hooks.insert(0, hook)
    for known in [known for known in sys.path_importer_cache if known == prefix or known.startswith(f"{prefix}/")]:
        del sys.path_importer_cache[known]
