"""Plugins as their source says: the classes of a module that derive from `AirflowPlugin`, read and not run."""

import ast
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from tradewind.api.installed.models import PluginImportErrorResponse, PluginResponse
from tradewind.service.dag_files import iterate_dag_files

BASE: Final = "AirflowPlugin"
MADE_OF_FIELDS: Final = frozenset(
    {
        "fastapi_apps",
        "fastapi_root_middlewares",
        "external_views",
        "react_apps",
        "appbuilder_views",
        "appbuilder_menu_items",
    }
)
"""Attributes that list dicts; the others list objects, which are shown by their import paths."""
LISTS: Final = (
    *MADE_OF_FIELDS,
    "macros",
    "flask_blueprints",
    "global_operator_extra_links",
    "operator_extra_links",
    "listeners",
    "timetables",
)


class FoundPlugins(NamedTuple):
    """What a folder and the installed packages hold."""

    plugins: list[PluginResponse]
    errors: list[PluginImportErrorResponse]


def plugins_in(folder: Path) -> FoundPlugins:
    """The plugins of a folder's modules, by name, and which of these are no Python."""
    found = FoundPlugins([], [])
    for path in iterate_dag_files(folder, safe_mode=False) if folder.is_dir() else ():
        if path.suffix != ".py":
            continue
        inside = path.relative_to(folder)
        source = f"$PLUGINS_FOLDER/{inside.as_posix()}"
        module = ".".join(inside.with_suffix("").parts).removesuffix(".__init__")
        try:
            found.plugins.extend(plugins_of(path.read_bytes(), module, source))
        except (OSError, SyntaxError, ValueError) as exc:
            found.errors.append(PluginImportErrorResponse(source=source, error=f"{type(exc).__name__}: {exc}"))
    return found


def installed_plugin(distribution: Distribution, entry: EntryPoint) -> PluginResponse:
    """The plugin of an entry point; of one whose source is not at hand only the name is known."""
    source = f"{distribution.name}=={distribution.version}: {entry.value}"
    bare = PluginResponse.model_validate({"name": entry.name, "source": source, **{each: [] for each in LISTS}})
    path = entry.module.replace(".", "/")
    for candidate in (f"{path}.py", f"{path}/__init__.py"):
        file = Path(str(distribution.locate_file(candidate)))
        if file.is_file():
            named = plugins_of(file.read_bytes(), entry.module, source, only=entry.attr)
            return next(named, bare)
    return bare


def plugins_of(text: bytes, module: str, source: str, only: str | None = None) -> Iterator[PluginResponse]:
    """The plugins of a module, or the one of this class. Raises `SyntaxError`, `ValueError`."""
    tree = ast.parse(text)
    names = _Names(tree, module)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and _is_plugin(node) and only in (None, node.name):
            plugin = _plugin(node, names, source)
            if plugin is not None:
                yield plugin


def _is_plugin(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).rpartition(".")[2] == BASE for base in node.bases)


def _plugin(node: ast.ClassDef, names: "_Names", source: str) -> PluginResponse | None:
    """None for a plugin without a name, or whose lists are not what they should be: nobody could use it."""
    values = dict(_attributes(node))
    name = values.get("name")
    fields = {each: _listed(each, values.get(each), names) for each in LISTS}
    fields["external_views"] += fields["appbuilder_menu_items"]
    try:
        return PluginResponse(name=ast.literal_eval(name), source=source, **fields) if name else None
    except (ValidationError, ValueError):
        return None


def _attributes(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
            case _:
                pass


def _listed(attribute: str, value: ast.expr | None, names: "_Names") -> list[Any]:
    elements = value.elts if isinstance(value, ast.List | ast.Tuple) else []
    if attribute in MADE_OF_FIELDS:
        return [names.fields(element) for element in elements]
    return [names.path(element) for element in elements]


class _Names:
    """Import paths of what a module speaks of."""

    def __init__(self, tree: ast.Module, module: str) -> None:
        self._module = module
        self._imported: dict[str, str] = {}
        self._assigned: dict[str, ast.expr] = {}
        for node in tree.body:
            match node:
                case ast.ImportFrom(module=str(origin), names=names, level=0):
                    self._imported.update({each.asname or each.name: f"{origin}.{each.name}" for each in names})
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._assigned[name] = value
                case _:
                    pass

    def path(self, element: ast.expr) -> str:
        """`module.name` of a name, of a call that of what is called; of anything else its text."""
        match element:
            case ast.Name(id=name):
                return self._imported.get(name, f"{self._module}.{name}")
            case ast.Call(func=ast.expr() as function):
                return self.path(function)
            case _:
                return ast.unparse(element)

    def fields(self, element: ast.expr) -> Mapping[str, Any] | None:
        """A dict as it is written, also under a name; objects in it are shown by their paths."""
        if isinstance(element, ast.Name) and element.id in self._assigned:
            element = self._assigned[element.id]
        if not isinstance(element, ast.Dict):
            return None
        pairs = zip(element.keys, element.values, strict=True)
        return {str(key.value): self._field(value) for key, value in pairs if isinstance(key, ast.Constant)}

    def _field(self, value: ast.expr) -> Any:
        return value.value if isinstance(value, ast.Constant) else self.path(value)
