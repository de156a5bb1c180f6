"""XComs as DAG files and XCom backends see them.

`[core] xcom_backend` may name a class derived from BaseXCom, whose `serialize_value` and `deserialize_value` then stand
between tasks and the store: what is stored is, for example, a reference to an object elsewhere.
"""

import json
from functools import lru_cache
from importlib import import_module
from typing import Any, ClassVar, Final, NamedTuple, Protocol

from tradewind.sdk import serde
from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import AirflowConfigException, AirflowRuntimeError
from tradewind.sdk.runtime import Runtime, current_runtime
from tradewind.sdk.xcom_arg import XCOM_RETURN_KEY

DEFAULT_BACKENDS: Final = ("airflow.sdk.execution_time.xcom.BaseXCom", "airflow.models.xcom.BaseXCom")
NOT_MAPPED: Final = -1


class StoredValue(NamedTuple):
    """What `deserialize_value` and `purge` are given: the stored value in JSON form, and its key."""

    value: Any
    key: str = XCOM_RETURN_KEY


class _TaskInstanceKey(Protocol):
    dag_id: str
    run_id: str
    task_id: str
    map_index: int


class BaseXCom:
    """Values that tasks push for other tasks. Every method raises AirflowRuntimeError outside of a task."""

    XCOM_RETURN_KEY: ClassVar[str] = XCOM_RETURN_KEY

    @classmethod
    def set(
        cls,
        key: str,
        value: Any,
        *,
        dag_id: str,
        task_id: str,
        run_id: str,
        map_index: int = NOT_MAPPED,
        **_more: Any,
    ) -> None:
        """Store a value at once; a task may write its own only. Raises TypeError for a key that is no text, ValueError
        for an empty one."""
        _check_key(key)
        place: dict[str, Any] = {
            "key": key,
            "task_id": task_id,
            "dag_id": dag_id,
            "run_id": run_id,
            "map_index": map_index,
        }
        text = stored_text(cls.serialize_value(value, **place))
        _runtime().set_xcom(dag_id, run_id, task_id, key, map_index, text)

    @classmethod
    def get_value(cls, *, ti_key: _TaskInstanceKey, key: str) -> Any:
        """What a task instance pushed under a key."""
        return cls.get_one(
            dag_id=ti_key.dag_id, run_id=ti_key.run_id, task_id=ti_key.task_id, key=key, map_index=ti_key.map_index
        )

    @classmethod
    def get_one(
        cls,
        *,
        dag_id: str,
        run_id: str,
        task_id: str,
        key: str,
        map_index: int | None = None,
        include_prior_dates: bool = False,
    ) -> Any:
        """The value; None if there is none."""
        _check_key(key)
        place = (dag_id, run_id, task_id, key, NOT_MAPPED if map_index is None else map_index)
        found, value = _runtime().get_xcom(*place, include_prior_dates=include_prior_dates)
        return None if not found or value is None else cls.deserialize_value(StoredValue(value, key))

    @classmethod
    def get_all(
        cls, *, dag_id: str, run_id: str, task_id: str, key: str, include_prior_dates: bool = False
    ) -> list[Any] | None:
        """What all instances of a task pushed, in the order of their map indexes; None if they pushed nothing."""
        _check_key(key)
        values = _runtime().get_xcom_slice(
            dag_id, run_id, task_id, key, slice(None), include_prior_dates=include_prior_dates
        )
        return [cls.deserialize_value(StoredValue(value, key)) for value in values] or None

    @classmethod
    def delete(cls, key: str, task_id: str, dag_id: str, run_id: str, map_index: int | None = None) -> None:
        """Remove a value, and what a backend keeps for it elsewhere."""
        place = (dag_id, run_id, task_id, key, NOT_MAPPED if map_index is None else map_index)
        found, value = _runtime().get_xcom(*place)
        if found:
            cls.purge(StoredValue(value, key))
            _runtime().delete_xcom(*place)

    @classmethod
    def purge(cls, xcom: Any, *args: Any) -> None:
        """Override to remove what is kept elsewhere for a stored value."""

    @staticmethod
    def serialize_value(
        value: Any,
        *,
        key: str | None = None,
        task_id: str | None = None,
        dag_id: str | None = None,
        run_id: str | None = None,
        map_index: int | None = None,
    ) -> Any:
        """The value in the JSON form that is stored. Raises TypeError if it has none."""
        return serde.serialize(value)

    @staticmethod
    def deserialize_value(result: Any) -> Any:
        """The value of a stored one, which is `result.value`."""
        return serde.deserialize(result.value)


def backend() -> type[BaseXCom]:
    """The configured class. Raises AirflowConfigException if it cannot be used."""
    path = conf.get("core", "xcom_backend", fallback=None)
    return BaseXCom if not path or path in DEFAULT_BACKENDS else _imported(path)


@lru_cache(maxsize=4)
def _imported(path: str) -> type[BaseXCom]:
    module, _, name = path.rpartition(".")
    try:
        kind: object = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as exc:
        raise AirflowConfigException(f"[core] xcom_backend: {path!r} cannot be imported: {exc}") from exc
    if not (isinstance(kind, type) and issubclass(kind, BaseXCom)):
        raise AirflowConfigException(f"[core] xcom_backend: {path!r} is not derived from BaseXCom")
    return kind


def stored_text(value: Any) -> bytes:
    """The JSON text of a serialised value."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def deserialized(value: Any) -> Any:
    """A stored value as the configured backend reads it."""
    return backend().deserialize_value(StoredValue(value))


def _check_key(key: object) -> None:
    if not isinstance(key, str):
        raise TypeError(f"the key of an XCom should be a text, not {key!r}")
    if not key:
        raise ValueError("the key of an XCom must not be empty")


def _runtime() -> Runtime:
    runtime = current_runtime()
    if runtime is None:
        raise AirflowRuntimeError("XComs can only be read and written while a task executes")
    return runtime


def __getattr__(name: str) -> Any:
    if name == "XCom":
        return backend()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
