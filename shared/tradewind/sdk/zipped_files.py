"""ZIP archives as DAG files: the modules at an archive's top are imported, each under its own name; they import what
else the archive holds, and name the templates in it by their paths.

Imported only where there is an archive.
"""

import sys
import zipimport
from importlib import import_module
from pathlib import Path
from types import ModuleType
from zipfile import BadZipFile, ZipFile

import jinja2

from tradewind.core.errors import DomainError
from tradewind.service.dag_files import ARCHIVE_SUFFIX, may_contain_dag, modules_at_top


class UnreadableArchive(DomainError):
    """It is no ZIP archive, or a broken one."""


def import_modules(path: Path) -> tuple[list[ModuleType], dict[str, BaseException]]:
    """The modules of an archive that may contain DAGs, and those that cannot be imported with what they raised. Raises
    UnreadableArchive."""
    try:
        with ZipFile(path) as archive:
            names = [Path(name).stem for name in modules_at_top(archive) if may_contain_dag(archive.read(name))]
    except (BadZipFile, OSError) as exc:
        raise UnreadableArchive(str(exc)) from exc
    _forget_listing(path)
    modules: list[ModuleType] = []
    errors: dict[str, BaseException] = {}
    for name in names:
        try:
            modules.append(_import(path, name))
        except (Exception, SystemExit) as exc:
            errors[name] = exc
    return modules, errors


def _import(path: Path, name: str) -> ModuleType:
    """A module at the archive's top, whatever modules of this name there are elsewhere."""
    place = str(path)
    if place not in sys.path:
        sys.path.insert(0, place)
    known = sys.modules.get(name)
    if known is not None and not str(getattr(known, "__file__", "")).startswith(f"{place}/"):
        del sys.modules[name]
    return import_module(name)


def _forget_listing(path: Path) -> None:
    """Have the archive's list of files read again: the import system keeps it for the life of the process."""
    finder = sys.path_importer_cache.get(str(path))
    if isinstance(finder, zipimport.zipimporter):
        finder.invalidate_caches()


def template_loader(folders: list[str]) -> jinja2.BaseLoader:
    """Template files of these folders, of the first that has one; a folder may lie in an archive."""
    return jinja2.ChoiceLoader([_loader_of(Path(folder)) for folder in folders])


def _loader_of(folder: Path) -> jinja2.BaseLoader:
    archive = next((place for place in (folder, *folder.parents) if place.suffix == ARCHIVE_SUFFIX), None)
    if archive is None or not archive.is_file():
        return jinja2.FileSystemLoader(folder)
    inside = folder.relative_to(archive).parts

    def load(name: str) -> str | None:
        try:
            with ZipFile(archive) as opened:
                return opened.read("/".join((*inside, *Path(name).parts))).decode()
        except KeyError:
            return None

    return jinja2.FunctionLoader(load)
