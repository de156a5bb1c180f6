"""Plugins: what a deployment adds for all DAG files. `AirflowPlugin` subclasses in modules of the plugins folder."""

import logging
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Final

from tradewind.sdk.configuration import conf
from tradewind.sdk.entry_points import entry_points_of

FOLDER_VARIABLE = "TRADEWIND__CORE__PLUGINS_FOLDER"
GROUP: Final = "airflow.plugins"
MACRO_PACKAGES: Final = ("airflow.macros", "airflow.sdk.execution_time.macros")
"""Where DAG files import macros of plugins from."""

log = logging.getLogger("tradewind.plugins")


class AirflowPlugin:
    """What a plugin brings along. Acted on here: `macros` (as `macros.<plugin name>.<function>` in templates) and
    `listeners`, and links of operators. Timetables and priority strategies need no registration: they are found by
    their import path. What adds to Airflow's web server is accepted and left alone."""

    name: ClassVar[str | None] = None
    macros: ClassVar[list[Any]] = []
    listeners: ClassVar[list[Any]] = []
    timetables: ClassVar[list[Any]] = []
    priority_weight_strategies: ClassVar[list[Any]] = []
    operator_extra_links: ClassVar[list[Any]] = []
    global_operator_extra_links: ClassVar[list[Any]] = []
    partition_mappers: ClassVar[list[Any]] = []
    hook_lineage_readers: ClassVar[list[Any]] = []
    deadline_references: ClassVar[list[Any]] = []
    windows: ClassVar[list[Any]] = []
    source: ClassVar[Any] = None
    admin_views: ClassVar[list[Any]] = []
    flask_blueprints: ClassVar[list[Any]] = []
    fastapi_apps: ClassVar[list[Any]] = []
    fastapi_root_middlewares: ClassVar[list[Any]] = []
    external_views: ClassVar[list[Any]] = []
    react_apps: ClassVar[list[Any]] = []
    menu_links: ClassVar[list[Any]] = []
    appbuilder_views: ClassVar[list[Any]] = []
    appbuilder_menu_items: ClassVar[list[Any]] = []

    @classmethod
    def validate(cls) -> None:
        """Raises ValueError for a plugin without a name."""
        if not cls.name:
            raise ValueError(f"plugin {cls.__module__}.{cls.__qualname__} needs a name")

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Override to be told when the plugin is loaded."""


def plugins_folder(dags_folder: Path) -> Path:
    """`core.plugins_folder`; by default `plugins` beside the DAGs folder."""
    given = conf.get("core", "plugins_folder", fallback=None)
    return Path(given) if given else dags_folder.parent / "plugins"


def load_plugins(folder: Path) -> list[type[AirflowPlugin]]:
    """Import the modules of a folder (those further in too, but for what `.airflowignore` names) and take in their
    plugins, then those of installed packages (entry points of the group `airflow.plugins`). One that cannot be used is
    logged and left out."""
    found: dict[type[AirflowPlugin], None] = {}
    for path in _files(folder):
        try:
            found.update(dict.fromkeys(_plugins_in(_import(path, folder))))
        except Exception:
            log.exception("plugin file %s cannot be used", path)
    for entry in entry_points_of(GROUP):
        try:
            plugin: type[AirflowPlugin] = entry.load()
            plugin.validate()
            found[plugin] = None
        except Exception:
            log.exception("plugin %s cannot be used", entry.value)
    new = [plugin for plugin in found if plugin not in _loaded]
    for plugin in new:
        _take_in(plugin)
    return new


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    # Imported here: most deployments have no plugins, and every process that runs tasks pays for what it imports.
    from tradewind.service.dag_files import iterate_dag_files

    return sorted(path for path in iterate_dag_files(folder, safe_mode=False) if path.suffix == ".py")


def _import(path: Path, folder: Path) -> ModuleType:
    """The file as a module, under the name by which DAG files import it."""
    name = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
    module = import_module(name)
    if Path(module.__file__ or "").resolve() != path.resolve():
        raise ImportError(f"the name {name!r} is taken by {module.__file__}")
    return module


def _plugins_in(module: ModuleType) -> list[type[AirflowPlugin]]:
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    found = [each for each in classes if issubclass(each, AirflowPlugin) and each is not AirflowPlugin]
    for plugin in found:
        plugin.validate()
    return found


_loaded: Final[dict[type[AirflowPlugin], None]] = {}
"""The process's own: one process serves one folder of plugins."""


def loaded_plugins() -> tuple[type[AirflowPlugin], ...]:
    """The plugins of this process, in the order in which they were loaded."""
    return tuple(_loaded)


def _take_in(plugin: type[AirflowPlugin]) -> None:
    from tradewind.sdk import macros
    from tradewind.sdk.listeners import LISTENERS

    plugin.on_load()
    _loaded[plugin] = None
    if plugin.macros:
        module = ModuleType(f"{macros.__name__}.{plugin.name}")
        vars(module).update({each.__name__: each for each in plugin.macros})
        setattr(macros, str(plugin.name), module)
        for package in MACRO_PACKAGES:
            sys.modules[f"{package}.{plugin.name}"] = module
    for listener in plugin.listeners:
        LISTENERS.add(listener)
