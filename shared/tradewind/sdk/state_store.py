"""What tasks keep: JSON values by key, of a task instance over its tries, or of an asset over all runs.

`[workers] state_store_backend` may name a class derived from BaseStoreBackend, which keeps the values elsewhere; the
store then holds a reference. `[state_store] default_retention_days` says how long values of task instances are kept.
"""

import asyncio
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, cast

from tradewind.sdk.assets.asset import Asset, AssetAlias, AssetNameRef, AssetUriRef
from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import AirflowConfigException, AirflowRuntimeError
from tradewind.sdk.runtime import Runtime, current_runtime

NEVER_EXPIRE: Final = timedelta.max
"""As `retention`: keep the value for as long as the task instance exists."""

DEFAULT_RETENTION_DAYS: Final = 30
MAX_VALUE_BYTES: Final = 65_535
REFERENCE: Final = "__airflow_state_ref__"

log = logging.getLogger("tradewind.task")


@dataclass(frozen=True)
class TaskScope:
    """Whose values: a task instance, over its tries."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


@dataclass(frozen=True)
class AssetScope:
    """Whose values: an asset, by its name or URI. Raises ValueError without either."""

    asset_id: int | None = None
    name: str | None = None
    uri: str | None = None

    def __post_init__(self) -> None:
        if self.asset_id is None and self.name is None and self.uri is None:
            raise ValueError("AssetScope requires at least one of: asset_id, name, or uri")


class BaseStoreBackend(ABC):
    """Keeps values elsewhere. A reference must follow from scope and key alone, so that it can be found again."""

    @abstractmethod
    def delete(self, scope: TaskScope | AssetScope, key: str) -> None:
        """Remove what is kept under a key, if anything is."""

    @abstractmethod
    def clear(self, scope: TaskScope | AssetScope) -> None:
        """Remove everything of a scope."""

    def serialize_task_state_store_to_ref(self, *, value: Any, key: str, scope: TaskScope) -> str:
        """Keep the value; the reference to it. Without an override, the value itself as JSON."""
        return json.dumps(value)

    def deserialize_task_state_store_from_ref(self, stored: str) -> Any:
        """The value behind a reference."""
        return json.loads(stored)

    def serialize_asset_state_store_to_ref(self, *, value: Any, key: str, scope: AssetScope) -> str:
        """Keep the value; the reference to it. Without an override, the value itself as JSON."""
        return json.dumps(value)

    def deserialize_asset_state_store_from_ref(self, stored: str) -> Any:
        """The value behind a reference."""
        return json.loads(stored)


class TaskStateStore:
    """`context["task_state_store"]`. Methods raise AirflowRuntimeError if the execution API cannot be reached."""

    def __init__(self, *, dag_id: str, run_id: str, task_id: str, map_index: int) -> None:
        self._scope = TaskScope(dag_id, run_id, task_id, map_index)

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default."""
        _check_key(key)
        found, value = _runtime().get_task_state(key)
        if not found:
            return default
        backend, reference = _backend(), _reference_of(value)
        if backend is None or reference is None:
            return value
        return backend.deserialize_task_state_store_from_ref(reference)

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Keep a JSON value for so long; None: as `[state_store] default_retention_days` says. Raises ValueError for
        the value None, TypeError for one that is not JSON."""
        stored = _check_value(key, value)
        expires_at = _expires_at(retention)
        backend = _backend()
        if backend is not None:
            stored = {REFERENCE: backend.serialize_task_state_store_to_ref(value=value, key=key, scope=self._scope)}
        _warn_if_large(key, stored)
        _runtime().set_task_state(key, stored, expires_at)

    def delete(self, key: str) -> None:
        """Forget a value, if there is one."""
        _check_key(key)
        _runtime().delete_task_state(key)
        if (backend := _backend()) is not None:
            backend.delete(self._scope, key)

    def clear(self) -> None:
        """Forget all values of this task instance."""
        _runtime().delete_task_state(None)
        if (backend := _backend()) is not None:
            backend.clear(self._scope)


class AssetStateStore:
    """Of one asset: `context["asset_state_store"][asset]`."""

    def __init__(self, *, name: str | None = None, uri: str | None = None) -> None:
        self._scope = AssetScope(name=name, uri=uri)

    def __repr__(self) -> str:
        return f"AssetStateStore(name={self._scope.name!r}, uri={self._scope.uri!r})"

    @property
    def _names(self) -> dict[str, str | None]:
        return {"name": self._scope.name, "uri": self._scope.uri}

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default."""
        _check_key(key)
        found, value = _runtime().get_asset_state(key=key, **self._names)
        if not found:
            return default
        backend, reference = _backend(), _reference_of(value)
        if backend is None or reference is None:
            return value
        return backend.deserialize_asset_state_store_from_ref(reference)

    def set(self, key: str, value: Any) -> None:
        """Keep a JSON value. Raises ValueError for the value None, TypeError for one that is not JSON."""
        stored = _check_value(key, value)
        backend = _backend()
        if backend is not None:
            stored = {REFERENCE: backend.serialize_asset_state_store_to_ref(value=value, key=key, scope=self._scope)}
        _warn_if_large(key, stored)
        _runtime().set_asset_state(key=key, value=stored, **self._names)

    def delete(self, key: str) -> None:
        """Forget a value, if there is one."""
        _check_key(key)
        _runtime().delete_asset_state(key=key, **self._names)
        if (backend := _backend()) is not None:
            backend.delete(self._scope, key)

    def clear(self) -> None:
        """Forget all values of this asset."""
        _runtime().delete_asset_state(key=None, **self._names)
        if (backend := _backend()) is not None:
            backend.clear(self._scope)

    async def aget(self, key: str, default: Any = None) -> Any:
        """As `get`, without blocking the event loop."""
        return await asyncio.to_thread(self.get, key, default)

    async def aset(self, key: str, value: Any) -> None:
        """As `set`, without blocking the event loop."""
        await asyncio.to_thread(self.set, key, value)

    async def adelete(self, key: str) -> None:
        """As `delete`, without blocking the event loop."""
        await asyncio.to_thread(self.delete, key)

    async def aclear(self) -> None:
        """As `clear`, without blocking the event loop."""
        await asyncio.to_thread(self.clear)


class AssetStateStores:
    """`context["asset_state_store"]`: by inlet or outlet, an asset or a reference to one; an alias among the inlets
    stands for its assets. With only one of them, its methods can be called directly."""

    def __init__(self, inlets: Sequence[object], outlets: Sequence[object]) -> None:
        self._by_name: dict[str, AssetStateStore] = {}
        self._by_uri: dict[str, AssetStateStore] = {}
        for asset in (*inlets, *outlets):
            match asset:
                case Asset(name=name) | AssetNameRef(name=name):
                    self._by_name[name] = AssetStateStore(name=name)
                case AssetUriRef(uri=uri):
                    self._by_uri[uri] = AssetStateStore(uri=uri)
                case _:
                    pass
        for alias in inlets:
            if isinstance(alias, AssetAlias):
                found = [asset["name"] for asset in _runtime().get_assets_of_alias(alias.name)]
                self._by_name.update((name, AssetStateStore(name=name)) for name in found)

    def __getitem__(self, asset: object) -> AssetStateStore:
        """Of an asset. Raises KeyError for one that is neither inlet nor outlet, TypeError for anything else."""
        match asset:
            case Asset(name=name) | AssetNameRef(name=name):
                found = self._by_name.get(name)
            case AssetUriRef(uri=uri):
                found = self._by_uri.get(uri)
            case _:
                raise TypeError(f"expected an asset, or a reference to one by name or URI, not {asset!r}")
        if found is None:
            raise KeyError(f"{asset!r} is not among the inlets and outlets of the task")
        return found

    def __repr__(self) -> str:
        return f"AssetStateStores(names={list(self._by_name)}, uris={list(self._by_uri)})"

    def __getattr__(self, method: str) -> Any:
        """A method of the only asset's store. Raises ValueError if there is not exactly one."""
        if method not in ("get", "set", "delete", "clear", "aget", "aset", "adelete", "aclear"):
            raise AttributeError(method)
        stores = [*self._by_name.values(), *self._by_uri.values()]
        if len(stores) != 1:
            raise ValueError(f"the task has {len(stores)} assets: say which, as asset_state_store[asset]")
        return getattr(stores[0], method)


def _reference_of(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    return fields[REFERENCE] if list(fields) == [REFERENCE] else None


def _check_key(key: object) -> None:
    if not isinstance(key, str) or not key:
        raise TypeError(f"the key of a kept value should be a text that is not empty, not {key!r}")


def _check_value(key: str, value: Any) -> Any:
    _check_key(key)
    if value is None:
        raise ValueError(f"the value of {key!r} cannot be None")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as exc:
        raise TypeError(f"the value of {key!r} cannot be kept, as it is not JSON: {exc}") from exc
    return value


def _warn_if_large(key: str, stored: Any) -> None:
    limit = conf.getint("state_store", "max_value_storage_bytes", fallback=MAX_VALUE_BYTES)
    if 0 < limit < (size := len(json.dumps(stored))):
        log.warning("The value of %r is %d bytes long, more than max_value_storage_bytes=%d", key, size, limit)


def _expires_at(retention: timedelta | None) -> datetime | None:
    if retention is NEVER_EXPIRE:
        return None
    if retention is None:
        days = conf.getint("state_store", "default_retention_days", fallback=DEFAULT_RETENTION_DAYS)
        if days < 0:
            raise ValueError(f"[state_store] default_retention_days must not be negative: {days}")
        return None if days == 0 else datetime.now(UTC) + timedelta(days=days)
    return datetime.now(UTC) + retention


def _backend() -> BaseStoreBackend | None:
    path = conf.get("workers", "state_store_backend", fallback=None)
    return _imported(path) if path else None


@lru_cache(maxsize=4)
def _imported(path: str) -> BaseStoreBackend:
    module, _, name = path.rpartition(".")
    try:
        return cast("BaseStoreBackend", getattr(import_module(module), name)())
    except (ImportError, AttributeError, ValueError) as exc:
        raise AirflowConfigException(f"[workers] state_store_backend: {path!r} cannot be used: {exc}") from exc


def _runtime() -> Runtime:
    runtime = current_runtime()
    if runtime is None:
        raise AirflowRuntimeError("kept values can only be used while a task executes")
    return runtime
