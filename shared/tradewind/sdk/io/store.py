"""Which filesystem serves a protocol: what a provider package offers for it, else fsspec's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from inspect import signature
from typing import Any, Final, cast

from tradewind.sdk.exceptions import AirflowOptionalProviderFeatureException

PROVIDERS: Final = "apache_airflow_provider"
"""Entry points by which provider packages say what they have."""


Properties = dict[str, str]
"""Options of a filesystem, as texts."""


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A filesystem, its protocol, and the connection that it speaks through."""

    protocol: str
    conn_id: str | None
    fs: Any

    @property
    def fsid(self) -> str:
        """What tells stores apart."""
        return f"{self.protocol}-{self.conn_id or 'env'}"


def attach(
    protocol: str | None = None,
    conn_id: str | None = None,
    alias: str | None = None,
    encryption_type: str | None = None,
    fs: Any = None,
    storage_options: Mapping[str, Any] | None = None,
) -> ObjectStore:
    """The store of a protocol and connection. Raises ValueError for a protocol that nothing serves."""
    if protocol is None:
        raise ValueError("the protocol of an object store has to be given")
    found = fs if fs is not None else get_fs(protocol, conn_id, storage_options)
    return ObjectStore(protocol, conn_id, found)


def get_fs(scheme: str, conn_id: str | None = None, storage_options: Mapping[str, Any] | None = None) -> Any:
    """The fsspec filesystem of a scheme; kept for the next time if no options are given."""
    if storage_options:
        return _make(scheme, conn_id, dict(storage_options))
    return _kept(scheme, conn_id)


def has_fs(scheme: str) -> bool:
    """Whether anything serves the scheme."""
    return scheme in _providers() or scheme in _fsspec().available_protocols()


@lru_cache(maxsize=64)
def _kept(scheme: str, conn_id: str | None) -> Any:
    return _make(scheme, conn_id, {})


def _make(scheme: str, conn_id: str | None, options: dict[str, Any]) -> Any:
    make = _providers().get(scheme)
    if make is not None:
        takes_options = len(signature(make).parameters) > 1
        return make(conn_id, options) if takes_options else make(conn_id)
    if not has_fs(scheme):
        raise ValueError(f"no filesystem is registered for the protocol {scheme!r}")
    return _fsspec().filesystem(scheme, **options)


@lru_cache(maxsize=1)
def _providers() -> Mapping[str, Callable[..., Any]]:
    """Scheme → the function of a provider package that makes its filesystem."""
    found: dict[str, Callable[..., Any]] = {}
    for entry in entry_points(group=PROVIDERS):
        info = cast("Mapping[str, Any]", entry.load()())
        for name in info.get("filesystems", ()):
            module = import_module(name)
            found.update(dict.fromkeys(module.schemes, module.get_fs))
    return found


def _fsspec() -> Any:
    try:
        return import_module("fsspec")
    except ImportError as exc:
        raise AirflowOptionalProviderFeatureException(
            "object storage needs fsspec: install tradewind[object-storage]"
        ) from exc
