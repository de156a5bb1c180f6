"""Small values shared by the authoring modules."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Final, TypeGuard


class ArgNotSet(StrEnum):
    """Type of `NOTSET`, the mark of an argument that was not given where None is a value."""

    NOTSET = "NOTSET"

    def __bool__(self) -> bool:
        return False


NOTSET: Final = ArgNotSet.NOTSET


class DagRunType(StrEnum):
    """How a DAG run came to be."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    BACKFILL = "backfill"
    ASSET_TRIGGERED = "asset_triggered"


class WeightRule(StrEnum):
    """How a task's effective priority follows from the weights around it."""

    DOWNSTREAM = "downstream"
    """Its own weight and those of all tasks downstream."""
    UPSTREAM = "upstream"
    """Its own weight and those of all tasks upstream."""
    ABSOLUTE = "absolute"
    """Its own weight only."""


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """A dict or another mapping, of what one does not know."""
    return isinstance(value, Mapping)


def is_collection(value: object) -> TypeGuard[Collection[Any]]:
    """A list, tuple or set."""
    return isinstance(value, list | tuple | set | frozenset)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """A list."""
    return isinstance(value, list)


def is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    """A tuple."""
    return isinstance(value, tuple)


def is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    """A dict."""
    return isinstance(value, dict)
