"""How many instances an author's mapping gets, as the scheduler's expression."""

from collections.abc import Sized
from typing import Any

from tradewind.core.spec import LengthKind, MapLength
from tradewind.sdk.mapped.expand_input import DictOfListsExpandInput, ExpandInput
from tradewind.sdk.xcom_arg import XCOM_RETURN_KEY, ConcatXComArg, MapXComArg, XComArg, ZipXComArg


def length_of(expand_input: ExpandInput) -> MapLength:
    """Raises ValueError for what has no length that could be known."""
    if isinstance(expand_input, DictOfListsExpandInput):
        parts = tuple(_length(value) for value in expand_input.value.values())
        return parts[0] if len(parts) == 1 else MapLength(kind=LengthKind.PRODUCT, parts=parts)
    return _length(expand_input.value)


def _length(value: Any) -> MapLength:
    if isinstance(value, MapXComArg):
        return _length(value.arg)
    if isinstance(value, ZipXComArg):
        kind = LengthKind.SHORTEST if value.is_strict else LengthKind.LONGEST
        return MapLength(kind=kind, parts=tuple(map(_length, value.args)))
    if isinstance(value, ConcatXComArg):
        return MapLength(kind=LengthKind.SUM, parts=tuple(map(_length, value.args)))
    if isinstance(value, XComArg):
        if value.key != XCOM_RETURN_KEY:
            raise ValueError(f"cannot map over XCom with custom key {value.key!r} from {value.operator!r}")
        return MapLength(kind=LengthKind.XCOM, task_id=value.operator.task_id)
    if isinstance(value, Sized):
        return MapLength(kind=LengthKind.LITERAL, length=len(value))
    raise ValueError(f"cannot map over {type(value).__name__}: {value!r}")
