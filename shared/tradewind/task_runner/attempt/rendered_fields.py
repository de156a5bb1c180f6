"""Templated fields after rendering, as they are shown to people: JSON, masked, and never longer than is useful."""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from tradewind.sdk.masking import redact
from tradewind.sdk.operator import BaseOperator

_ENCODER: Final = msgspec.json.Encoder()
MAX_FIELD_CHARACTERS: Final = 4096
MAX_DEPTH: Final = 20


def rendered_fields(task: BaseOperator) -> bytes:
    """A JSON object: field → its value, or the beginning of its text where it is too long."""
    fields = {field: _shown(getattr(task, field, None), field) for field in task.template_fields}
    return _ENCODER.encode(fields)


def storable(text: str) -> str:
    """A text that Postgres can keep: NUL and lone surrogates are shown as escapes."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def _shown(value: Any, field: str) -> Any:
    shown = redact(_as_json(value, 0), field)
    if not shown or isinstance(shown, bool | int | float):
        return shown
    text = shown if isinstance(shown, str) else _ENCODER.encode(shown).decode()
    return shown if len(text) <= MAX_FIELD_CHARACTERS else f"{text[:MAX_FIELD_CHARACTERS]}... (truncated)"


def _as_json(value: Any, depth: int) -> Any:
    """Numbers, texts, lists and dicts; anything else by its text, or its name where that would be an address."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -(2**53) <= value <= 2**53 else str(value)
    if isinstance(value, str):
        return storable(value)
    if depth >= MAX_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {storable(str(key)): _as_json(inner, depth + 1) for key, inner in items}
    if isinstance(value, list | tuple | set | frozenset):
        elements = [_as_json(inner, depth + 1) for inner in cast("list[Any]", value)]
        return elements if isinstance(value, list | tuple) else sorted(elements, key=str)
    if callable(value):
        return f"<callable {getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__name__)}>"
    if type(value).__str__ is object.__str__ and type(value).__repr__ is object.__repr__:
        return f"<{type(value).__module__}.{type(value).__qualname__} object>"
    return storable(str(value))
