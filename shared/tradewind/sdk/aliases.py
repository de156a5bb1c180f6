"""`import airflow` inside Tradewind's own child processes: always Tradewind, whether or not Airflow is installed.

`install` puts a finder first on the import path of the calling process. Nothing is written anywhere, no package named
`airflow` is installed, and no other process is touched.

Finder and loader are made without the base classes of `importlib.abc`, whose import would double what this costs.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

from tradewind.sdk.airflow import names

FOREIGN: Final = ("airflow.providers.", "airflow.example_dags")
"""What others bring along and we do not: looked for on the import path, as folders of that name."""

OWN_PROVIDER: Final = "airflow.providers.standard."
"""Ours, whether or not Airflow's is installed."""

REPLACED: Final = ("airflow.providers.common.compat", "airflow.providers.common.io")
"""Provider packages that we have a part of: installed ones are used instead."""


class _AliasModule(ModuleType):
    """A module whose names are looked up, and kept, on first use: importing it imports nothing else."""

    def __getattr__(self, name: str) -> Any:
        origin = names.origin_of(self.__name__, name)
        if origin is None:
            raise AttributeError(f"module {self.__name__!r} of Tradewind has no attribute {name!r}")
        module = import_module(origin[0])
        value = getattr(module, origin[1]) if origin[1] else module
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *names.names_in(self.__name__)})


class _AliasLoader:
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _AliasModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = names.__file__
        module.__all__ = list(names.names_in(module.__name__))  # pyright: ignore[reportAttributeAccessIssue] - of any module


class _AliasFinder:
    """Answers for `airflow` and everything under it, and for nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "airflow" and not fullname.startswith("airflow."):
            return None
        if f"{fullname}.".startswith(tuple(f"{package}." for package in REPLACED)):
            installed = _installed(fullname, path, target)
            if installed is not None and installed.loader is not None:
                return installed
        if not names.is_known(fullname):
            if fullname.startswith(FOREIGN) and not fullname.startswith(OWN_PROVIDER):
                return _installed(fullname, path, target)
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: this version of Tradewind does not provide it", name=fullname
            )
        return ModuleSpec(fullname, cast("Any", _AliasLoader()), is_package=True)


def _installed(fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    folders = [str(Path(entry or ".", *fullname.split(".")[:-1])) for entry in sys.path]
    return PathFinder.find_spec(fullname, list(path) if path else folders, target)


def install() -> None:
    """Make `airflow` mean Tradewind in this process, from its first import on, and AIRFLOW_HOME (which commands of DAG
    files name) Tradewind's home folder, unless it is set. Calling it again changes nothing."""
    os.environ.setdefault("AIRFLOW_HOME", os.environ.get("TRADEWIND__HOME") or str(Path.home() / "tradewind"))
    if not any(isinstance(finder, _AliasFinder) for finder in sys.meta_path):
        for name in [name for name in sys.modules if name == "airflow" or name.startswith("airflow.")]:
            del sys.modules[name]
        sys.meta_path.insert(0, _AliasFinder())


def uninstall() -> None:
    """Undo `install`: what `airflow` means is decided by the environment again."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _AliasFinder)]
    for name in [name for name, module in sys.modules.items() if isinstance(module, _AliasModule)]:
        del sys.modules[name]
