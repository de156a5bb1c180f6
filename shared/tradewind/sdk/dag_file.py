"""Loading a DAG file: importing it and finding the DAGs that it makes."""

import binascii
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Final

from tradewind.core.errors import DomainError
from tradewind.sdk import aliases
from tradewind.sdk.active import registering_dags
from tradewind.sdk.dags import DAG
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.plugins import load_plugins, plugins_folder
from tradewind.sdk.policies import Policies, add_config_folders, policies
from tradewind.sdk.source_loader import DagFileLoader, use_for_modules_in

ARCHIVE_SUFFIX: Final = ".zip"
LONGEST_IMPORT_SECONDS: Final = 86_400.0

_OWN_SOURCES: Final = tuple(f"{Path(__file__).parents[1] / part}{os.sep}" for part in ("sdk", "task_runner"))


class DagFileError(DomainError):
    """A DAG file cannot be loaded. The text is the author's traceback, without our own frames."""


@dataclass(frozen=True, slots=True)
class LoadedDagFile:
    """A DAG file after its import."""

    path: Path
    dags: dict[str, DAG]
    """By id, in the order in which they were made."""
    module_name: str = ""
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    """DAG → why a policy does not allow it; such a DAG is not among `dags`. Of an archive also module → why it cannot
    be imported."""


def load_dag_file(path: Path, dags_folder: Path) -> LoadedDagFile:
    """Import the file and collect its DAGs: those whose `with` block (or `@dag` function) ran during the import, and
    those held by top-level names; what policies make of them. Raises DagFileError. Call it only in a process that is
    meant to run user code."""
    aliases.install()
    _extend_path(dags_folder)
    rules = _policies()
    module_name = module_name_of(path)
    broken: dict[str, str] = {}
    with registering_dags() as registered:
        modules = _import_archive(path, broken) if path.suffix == ARCHIVE_SUFFIX else [_import(path, module_name)]
    dags, refused = _allowed(_collect(path, registered, modules), rules, path.name)
    return LoadedDagFile(path, dags, module_name, {**broken, **refused})


def import_from(dags_folder: Path) -> None:
    """Have modules of the DAGs and plugins folders importable in this process, as DAG files have them."""
    aliases.install()
    _extend_path(dags_folder)


def import_timeout_of(path: Path, dags_folder: Path) -> float | None:
    """How many seconds a policy of this deployment lets the file take; None if none says anything. One that says 0 or
    less means as long as it wants: a day. What goes wrong here is found when the file is loaded."""
    import_from(dags_folder)
    try:
        seconds = policies().import_timeout(str(path))
    except (Exception, SystemExit):
        return None
    return seconds if seconds is None or seconds > 0 else LONGEST_IMPORT_SECONDS


def _policies() -> Policies:
    try:
        return policies()
    except (Exception, SystemExit) as exc:
        raise DagFileError(f"the policies of this deployment cannot be loaded:\n{user_traceback(exc)}") from exc


def _allowed(dags: dict[str, DAG], rules: Policies, file: str) -> tuple[dict[str, DAG], dict[str, str]]:
    """The DAGs that policies let pass, as they have changed them, and why others are refused."""
    allowed: dict[str, DAG] = {}
    refused: dict[str, str] = {}
    for dag_id, dag in dags.items():
        try:
            if rules.apply(dag):
                allowed[dag_id] = dag
        except AirflowException as exc:
            refused[dag_id] = f"{file}: DAG {dag_id!r}: {type(exc).__name__}: {exc}"
    return allowed, refused


def _extend_path(dags_folder: Path) -> None:
    """Of the deployment, whose DAGs folder the environment names, and of this folder, which may be a copy of it."""
    deployment = Path(os.environ.get("TRADEWIND__CORE__DAGS_FOLDER") or dags_folder)
    add_config_folders(deployment)
    plugins = plugins_folder(deployment)
    for folder in (dags_folder, plugins):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.append(str(folder))
            use_for_modules_in(folder)
            if folder == plugins:
                load_plugins(folder)


def module_name_of(path: Path) -> str:
    """What a DAG file's module is called: unique to the file, so that files of one name in different folders do not
    replace each other."""
    checksum = binascii.crc32(str(path.absolute()).encode())
    return f"tradewind_dag_{checksum:08x}_{path.stem.replace('.', '_')}"


def _import(path: Path, module_name: str) -> ModuleType:
    loader = DagFileLoader(module_name, str(path))
    spec = importlib.util.spec_from_loader(module_name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as exc:
        sys.modules.pop(module_name, None)
        raise DagFileError(user_traceback(exc)) from exc
    return module


def _import_archive(path: Path, broken: dict[str, str]) -> list[ModuleType]:
    """The modules of an archive; one that cannot be imported does not take the others with it."""
    from tradewind.sdk.zipped_files import UnreadableArchive, import_modules

    try:
        modules, errors = import_modules(path)
    except UnreadableArchive as exc:
        raise DagFileError(f"{path.name} cannot be read as an archive: {exc}") from exc
    broken.update({f"{path.name}/{name}.py": user_traceback(error) for name, error in errors.items()})
    return modules


def _collect(path: Path, registered: list[DAG], modules: Iterable[ModuleType]) -> dict[str, DAG]:
    dags: dict[str, DAG] = {}
    for value in [*registered, *(value for module in modules for value in vars(module).values())]:
        if not isinstance(value, DAG):
            continue
        known = dags.setdefault(value.dag_id, value)
        if known is not value:
            raise DagFileError(f"{path.name}: two different DAGs have the id {value.dag_id!r}")
    return dags


def user_traceback(error: BaseException) -> str:
    """The traceback as Python prints it, without frames of Tradewind and of the import system."""
    return "".join(stripped_traceback(error).format())


def stripped_traceback(error: BaseException) -> traceback.TracebackException:
    """The traceback without frames of Tradewind and of the import system."""
    formatted = traceback.TracebackException.from_exception(error)
    _strip(formatted)
    return formatted


def _strip(formatted: traceback.TracebackException | None) -> None:
    while formatted is not None:
        kept = [frame for frame in formatted.stack if not _is_own(frame.filename)]
        formatted.stack = traceback.StackSummary.from_list(kept)
        for inner in getattr(formatted, "exceptions", None) or ():
            _strip(inner)
        _strip(formatted.__context__)
        formatted = formatted.__cause__


def _is_own(filename: str) -> bool:
    return filename.startswith((*_OWN_SOURCES, "<frozen importlib"))
