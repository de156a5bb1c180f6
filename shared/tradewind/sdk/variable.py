"""Variables: named texts shared by all DAGs."""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self, overload

from tradewind.sdk.exceptions import AirflowRuntimeError, VariableNotFoundError
from tradewind.sdk.masking import MASKER, should_hide_value_for_key
from tradewind.sdk.runtime import current_runtime, stored_values, whom_to_ask
from tradewind.sdk.secrets.search import find_variable
from tradewind.sdk.types import NOTSET, is_mapping


class Variable:
    """Airflow's Variable. Secrets backends are asked first, then the environment (`AIRFLOW_VAR_<KEY>`), then the
    execution API."""

    def __init__(self, key: str, value: str | None = None, description: str | None = None) -> None:
        self.key, self.value, self.description = key, value, description

    @classmethod
    def get(cls, key: str, default: Any = NOTSET, deserialize_json: bool = False, *, default_var: Any = NOTSET) -> Any:
        """The value, parsed if `deserialize_json`. Without a default, a missing one raises VariableNotFoundError
        (another AirflowRuntimeError if it cannot be looked up at all)."""
        text = find_variable(key)
        if text is None:
            text = _stored(key)
        if text is None:
            default = default if default is not NOTSET else default_var
            if default is NOTSET:
                raise VariableNotFoundError(f"Variable {key} does not exist{whom_to_ask()}")
            MASKER.add(default, key)
            return default
        value: Any = json.loads(text) if deserialize_json else text
        if should_hide_value_for_key(key):
            MASKER.add(text)
            MASKER.add(value, key)
        elif is_mapping(value):
            MASKER.add_named({str(name): inner for name, inner in value.items()})
        return value

    @classmethod
    def set(cls, key: str, value: Any, description: str | None = None, serialize_json: bool = False) -> None:
        """Store a value: as JSON if `serialize_json`, else as text."""
        _runtime_for(key).set_variable(key, json.dumps(value, indent=2) if serialize_json else str(value), description)

    @classmethod
    def delete(cls, key: str) -> None:
        """Remove it, if it exists."""
        _runtime_for(key).delete_variable(key)

    @classmethod
    def keys(cls, prefix: str | None = None) -> Sequence[str]:
        """The keys of stored variables that begin so, in order; asked for when they are first looked at. Secrets
        backends are not asked: most cannot say."""
        return _Keys(prefix)

    @classmethod
    def setdefault(cls, key: str, default: Any, description: str | None = None, deserialize_json: bool = False) -> Any:
        """The value; if there is none, `default`, which is stored."""
        value = cls.get(key, default=None, deserialize_json=deserialize_json)
        if value is None:
            cls.set(key, default, description, serialize_json=deserialize_json)
            return default
        return value

    def serialize(self) -> dict[str, str | None]:
        """As an XCom."""
        return {"key": self.key, "value": self.value, "description": self.description}

    @classmethod
    def deserialize(cls, data: dict[str, Any], version: int) -> Self:
        """From an XCom."""
        return cls(**data)

    def __repr__(self) -> str:
        return f"Variable({self.key!r})"


class _Keys(Sequence[str]):
    """Keys of variables."""

    def __init__(self, prefix: str | None) -> None:
        self._prefix = prefix

    @cached_property
    def _found(self) -> list[str]:
        runtime = current_runtime()
        if runtime is None:
            raise AirflowRuntimeError("Keys of variables can only be listed while a task executes")
        return runtime.get_variable_keys(self._prefix)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._found[index]

    def __len__(self) -> int:
        return len(self._found)

    def __eq__(self, other: object) -> bool:
        return self._found == list(other) if isinstance(other, Sequence) else NotImplemented  # pyright: ignore[reportUnknownArgumentType] - of anything

    __hash__ = None  # pyright: ignore[reportAssignmentType] - as lists

    def __repr__(self) -> str:
        return repr(self._found)


def _stored(key: str) -> str | None:
    values = stored_values()
    return None if values is None else values.get_variable(key)


def _runtime_for(key: str) -> Any:
    runtime = current_runtime()
    if runtime is None:
        raise AirflowRuntimeError(f"Variable {key} can only be written while a task executes")
    return runtime
