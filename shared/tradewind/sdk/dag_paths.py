"""Which files hold DAGs, and files in archives, as authors' tests ask."""

import os
import re
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile, is_zipfile

from tradewind.sdk.configuration import conf
from tradewind.sdk.dag_file import module_name_of
from tradewind.service.dag_files import iterate_dag_files, may_contain_dag

_IN_ARCHIVE = re.compile(rf"((.*\.zip){re.escape(os.sep)})?(.*)")


def list_py_file_paths(directory: str | os.PathLike[str] | None, safe_mode: bool | None = None) -> list[str]:
    """The files that the DAG processor would parse; a file itself for a file."""
    if directory is None:
        return []
    place = Path(directory)
    return [str(directory)] if place.is_file() else find_dag_file_paths(place, safe_mode)


def find_dag_file_paths(directory: str | os.PathLike[str], safe_mode: bool | None = None) -> list[str]:
    """The files of a folder that the DAG processor would parse."""
    safe = conf.getboolean("core", "dag_discovery_safe_mode", fallback=True) if safe_mode is None else safe_mode
    syntax: Any = conf.get("core", "dag_ignore_file_syntax", fallback="glob")
    return [str(path) for path in iterate_dag_files(Path(directory), syntax=syntax, safe_mode=safe)]


def might_contain_dag(file_path: str, safe_mode: bool, zip_file: ZipFile | None = None) -> bool:
    """Whether safe mode would have the file parsed."""
    return not safe_mode or might_contain_dag_via_default_heuristic(file_path, zip_file)


def might_contain_dag_via_default_heuristic(file_path: str, zip_file: ZipFile | None = None) -> bool:
    """Whether its text speaks of DAGs."""
    if zip_file is not None:
        return may_contain_dag(zip_file.read(file_path))
    return is_zipfile(file_path) or may_contain_dag(Path(file_path).read_bytes())


def correct_maybe_zipped(fileloc: Any) -> Any:
    """The archive of a path into one; any other path itself."""
    archive = _archive_of(str(fileloc))[0] if fileloc else None
    return archive if archive and is_zipfile(archive) else fileloc


def open_maybe_zipped(fileloc: str, mode: str = "r") -> IO[Any]:
    """The file open to be read, from within an archive where the path leads into one."""
    archive, inside = _archive_of(fileloc)
    if archive and is_zipfile(archive):
        return TextIOWrapper(ZipFile(archive).open(inside))
    return Path(fileloc).open(mode=mode)


def _archive_of(path: str) -> tuple[str | None, str]:
    match = _IN_ARCHIVE.search(path)
    assert match is not None, "any text matches"
    return match[2], match[3]


def get_unique_dag_module_name(file_path: str) -> str:
    """The name under which the file's module is imported."""
    return module_name_of(Path(file_path))
