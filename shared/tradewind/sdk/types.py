"""Small values shared by the authoring modules."""

from enum import StrEnum
from typing import Final, TypeVar

ValueT = TypeVar("ValueT")


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
