"""Finds a trigger's class by its import path: in libraries, modules of the DAGs and plugins folders, and DAG files."""

import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, cast

from tradewind.sdk.dag_file import import_from, load_dag_file, module_name_of
from tradewind.sdk.triggers.base import BaseTrigger
from tradewind.service.dag_roots import DagRoot, resolve_dag_file

_DAG_MODULE: Final = re.compile(r"tradewind_dag_[0-9a-f]{8}(_.+)")


class TriggerClasses:
    """Looks classes up, and keeps them."""

    def __init__(self, roots: Sequence[DagRoot]) -> None:
        self._roots = roots
        self._found: dict[str, type[BaseTrigger]] = {}
        for root in roots[:1]:
            import_from(root.folder)

    def find(self, classpath: str, relative_fileloc: str) -> type[BaseTrigger]:
        """The class; `relative_fileloc` names the DAG file that the task is of, where the trigger may be defined.
        Raises ImportError, or whatever the import of the module raises."""
        found = self._found.get(classpath)
        if found is None:
            found = self._found[classpath] = self._load(classpath, relative_fileloc)
        return found

    def _load(self, classpath: str, relative_fileloc: str) -> type[BaseTrigger]:
        module_name, _, name = classpath.rpartition(".")
        if not module_name:
            raise ImportError(f"{classpath!r} is no import path of a trigger")
        value: Any = self._module(module_name, relative_fileloc)
        value = getattr(value, name, None)
        if not isinstance(value, type) or not callable(getattr(cast("Any", value), "run", None)):
            raise ImportError(f"{module_name!r} has no trigger class {name!r}")
        return cast("type[BaseTrigger]", value)

    def _module(self, module_name: str, relative_fileloc: str) -> Any:
        own = _DAG_MODULE.fullmatch(module_name)
        if own is None:
            return import_module(module_name)
        # The module of the task's own DAG file; its name begins with a checksum of the path that a worker has.
        location = resolve_dag_file(self._roots, relative_fileloc)
        here = module_name_of(location.path)
        if not here.endswith(own[1]):
            raise ImportError(f"{module_name!r} is not the module of {relative_fileloc!r}")
        if here not in sys.modules:
            load_dag_file(location.path, location.root)
        return sys.modules[here]
