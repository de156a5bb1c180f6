"""Provider packages that are installed beside Tradewind: which hook serves a connection type, which dialects and
`@task.<name>` decorators they add. They say so through the entry points `apache_airflow_provider`."""

import logging
from collections.abc import Mapping
from functools import cache, cached_property
from importlib import metadata
from typing import Any, Final, NamedTuple

from tradewind.sdk.module_loading import import_string

GROUP: Final = "apache_airflow_provider"

log = logging.getLogger("tradewind.providers")


_STANDARD: Final = "apache-airflow-providers-standard"
_OWN_HOOKS: Final = {
    kind: (_STANDARD, {"connection-type": kind, "hook-class-name": f"tradewind.sdk.hooks.{path}"})
    for kind, path in (("fs", "filesystem.FSHook"), ("package_index", "package_index.PackageIndexHook"))
}
"""Hooks of the standard provider, which is a part of Tradewind."""


class ProviderInfo(NamedTuple):
    """One installed provider package."""

    version: str
    data: Mapping[str, Any]
    """What its `get_provider_info()` says."""


class HookInfo(NamedTuple):
    """The hook of a connection type."""

    hook_class_name: str
    connection_id_attribute_name: str
    package_name: str
    hook_name: str
    connection_type: str


class DialectInfo(NamedTuple):
    """The class that knows a database's dialect."""

    name: str
    dialect_class_name: str
    provider_name: str


class ProvidersManager:
    """The provider packages that this process can import. One per process; packages are looked for on first use."""

    _made: "ProvidersManager | None" = None

    def __new__(cls) -> "ProvidersManager":
        if cls._made is None:
            cls._made = super().__new__(cls)
        return cls._made

    @cached_property
    def providers(self) -> dict[str, ProviderInfo]:
        """By package name, sorted. One whose description cannot be had is logged and left out."""
        found: dict[str, ProviderInfo] = {}
        for entry in metadata.entry_points(group=GROUP):
            try:
                data: dict[str, Any] = entry.load()()
                version = entry.dist.version if entry.dist is not None else "unknown"
                found[str(data.get("package-name", entry.name))] = ProviderInfo(version, data)
            except Exception:
                log.exception("provider package %s cannot be used", entry.value)
        return dict(sorted(found.items()))

    def _listed(self, key: str) -> list[tuple[str, dict[str, Any]]]:
        return [(name, item) for name, info in self.providers.items() for item in info.data.get(key, ())]

    @cached_property
    def hooks(self) -> "_Hooks":
        """Connection type → HookInfo; None for a hook that cannot be imported."""
        installed = {item["connection-type"]: (name, item) for name, item in self._listed("connection-types")}
        return _Hooks({**_OWN_HOOKS, **installed})

    @cached_property
    def dialects(self) -> dict[str, DialectInfo]:
        """Name of a dialect → the class that knows it."""
        return {
            item["dialect-type"]: DialectInfo(item["dialect-type"], item["dialect-class-name"], name)
            for name, item in self._listed("dialects")
        }

    @cached_property
    def asset_factories(self) -> dict[str, str]:
        """Scheme of a URI → import path of what makes an asset of it."""
        return {
            scheme: item["factory"]
            for _, item in self._listed("asset-uris")
            for scheme in item["schemes"]
            if item.get("factory")
        }

    @cached_property
    def taskflow_decorators(self) -> dict[str, str]:
        """`<name>` of `@task.<name>` → import path of the decorator."""
        return {item["name"]: item["class-name"] for _, item in self._listed("task-decorators")}


class _Hooks(Mapping[str, HookInfo | None]):
    """Hooks by connection type, each imported when it is asked for."""

    def __init__(self, known: Mapping[str, tuple[str, dict[str, Any]]]) -> None:
        self._known = known

    def __getitem__(self, connection_type: str) -> HookInfo | None:
        return _hook_info(*self._known[connection_type][1:], package=self._known[connection_type][0])

    def __iter__(self) -> Any:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def _hook_info(item: Mapping[str, Any], *, package: str) -> HookInfo | None:
    path = item["hook-class-name"]
    try:
        hook = import_string(path)
    except ImportError as exc:
        log.warning("hook %s of %s cannot be imported: %s", path, package, exc)
        return None
    return HookInfo(
        path, hook.conn_name_attr, package, getattr(hook, "hook_name", hook.__name__), item["connection-type"]
    )


@cache
def provided_decorator(name: str) -> Any:
    """The decorator that a provider package adds as `@task.<name>`; None if none does."""
    path = ProvidersManager().taskflow_decorators.get(name)
    return None if path is None else import_string(path)
