"""Small values shared by the authoring modules."""

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeGuard

TaskStateChangeCallback = Callable[[Any], None]
"""What `on_…_callback` of a task takes; called with the context."""


class ArgNotSet:
    """Type of `NOTSET`, the mark of an argument that was not given where None is a value."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "NOTSET"

    def __reduce__(self) -> str:
        return "NOTSET"


class SetDuringExecution(ArgNotSet):
    """Type of `SET_DURING_EXECUTION`, the mark of an argument whose value is known once the task runs."""

    @staticmethod
    def serialize() -> str:
        """What people are shown."""
        return "DYNAMIC (set during execution)"

    def __repr__(self) -> str:
        return self.serialize()

    def __reduce__(self) -> str:
        return "SET_DURING_EXECUTION"


NOTSET: Final = ArgNotSet()
SET_DURING_EXECUTION: Final = SetDuringExecution()


class TaskInstanceKey(NamedTuple):
    """What names a try of a task instance."""

    dag_id: str
    task_id: str
    run_id: str
    try_number: int = 1
    map_index: int = -1

    @property
    def primary(self) -> tuple[str, str, str, int]:
        """dag_id, task_id, run_id, map_index: what names the task instance."""
        return self.dag_id, self.task_id, self.run_id, self.map_index

    @property
    def key(self) -> "TaskInstanceKey":
        """Itself, as a task instance has one."""
        return self

    def with_try_number(self, try_number: int) -> "TaskInstanceKey":
        """The key of another try."""
        return self._replace(try_number=try_number)

    @classmethod
    def from_dict(cls, dictionary: Mapping[str, Any]) -> "TaskInstanceKey":
        """From its fields by name."""
        return cls(**dictionary)


def is_arg_set(value: object) -> bool:
    """Whether an argument was given."""
    return not isinstance(value, ArgNotSet)


NO_SLA: Final = "SLAs are no more, in Airflow since 3.0: a DAG's `deadline` says by when a run should be over"
"""Said where somebody gives one; it is not heeded."""


class DagRunType(StrEnum):
    """How a DAG run came to be."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    BACKFILL = "backfill"
    BACKFILL_JOB = "backfill"
    OPERATOR_TRIGGERED = "operator_triggered"
    ASSET_TRIGGERED = "asset_triggered"
    ASSET_MATERIALIZATION = "asset_materialization"


class DagRunTriggeredByType(StrEnum):
    """Who made a DAG run."""

    CLI = "cli"
    OPERATOR = "operator"
    REST_API = "rest_api"
    UI = "ui"
    TEST = "test"
    TIMETABLE = "timetable"
    ASSET = "asset"
    BACKFILL = "backfill"


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
