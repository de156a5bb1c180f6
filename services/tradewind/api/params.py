"""Params in answers, and values that people give for them."""

from collections.abc import Mapping
from typing import cast

from tradewind.api.errors import BadRequest
from tradewind.core.json_schemas import SchemaMismatchError, check_value
from tradewind.core.spec import DagSpec


def presented(params: Mapping[str, object], *, source: str | None = None) -> dict[str, object]:
    """Each with a `value`: null if it has none, or one that does not fit its schema."""
    return {name: {**_fields(param), "value": _value(param), "source": source} for name, param in params.items()}


def check_conf(spec: DagSpec, conf: Mapping[str, object]) -> None:
    """Raises `BadRequest` if a param has no value, or one that its schema does not allow."""
    for name, declared in spec.params.items():
        param = _fields(declared)
        if name not in conf and "value" not in param:
            raise BadRequest(f"Invalid input for param {name}: no value was given, and it has no default")
        try:
            check_value(conf[name] if name in conf else param["value"], _schema(param))
        except SchemaMismatchError as exc:
            raise BadRequest(f"Invalid input for param {name}: {exc}") from exc


def _value(declared: object) -> object:
    param = _fields(declared)
    try:
        check_value(param.get("value"), _schema(param))
    except SchemaMismatchError:
        return None
    return param.get("value")


def _fields(declared: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", declared) if isinstance(declared, Mapping) else {"value": declared}


def _schema(param: Mapping[str, object]) -> Mapping[str, object]:
    return cast("Mapping[str, object]", param.get("schema") or {})
