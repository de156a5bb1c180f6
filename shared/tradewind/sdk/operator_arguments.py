"""What arguments of operators may be, and what becomes of them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tradewind.sdk import timezone as tz
from tradewind.sdk.types import NOTSET, is_collection, is_mapping

if TYPE_CHECKING:
    from tradewind.sdk.resources import Resources
    from tradewind.sdk.trigger_rule import TriggerRule
    from tradewind.sdk.types import WeightRule

EXPECTED_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "email_on_retry": bool,
    "email_on_failure": bool,
    "retry_exponential_backoff": (int, float),
    "depends_on_past": bool,
    "wait_for_downstream": bool,
    "priority_weight": int,
    "queue": str,
    "pool": str,
    "pool_slots": int,
    "run_as_user": str,
    "executor": str,
    "do_xcom_push": bool,
    "multiple_outputs": bool,
    "doc_md": str,
    "task_display_name": str,
    "max_active_tis_per_dag": int,
    "max_active_tis_per_dagrun": int,
    "execution_timeout": timedelta,
}


def as_list(value: Any) -> list[Any]:
    """One or many as a list; an empty one for none."""
    if value is None or value is NOTSET:
        return []
    return list(value) if is_collection(value) else [value]


def as_date(name: str, value: object) -> datetime | None:
    """A moment in UTC; TypeError for anything else."""
    if value is not None and not isinstance(value, datetime):
        raise TypeError(f"{name!r} must be a datetime, not {type(value).__name__}: {value!r}")
    return tz.convert_to_utc(value)


def as_int(name: str, value: object) -> int:
    """A number, also from a text; 0 for None. TypeError for anything else."""
    if isinstance(value, int):
        return value
    if value is None:
        return 0
    try:
        return int(str(value))
    except ValueError:
        raise TypeError(f"{name!r} must be an int, not {type(value).__name__}: {value!r}") from None


def as_timedelta(name: str, value: object) -> timedelta:
    """A duration, also from seconds; TypeError for anything else."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float):
        return timedelta(seconds=value)
    raise TypeError(f"{name!r} must be a timedelta or seconds, not {type(value).__name__}: {value!r}")


def as_dict(name: str, value: object) -> dict[str, Any]:
    """A mapping as a dict, an empty one for None; TypeError for anything else."""
    if value is not None and not is_mapping(value):
        raise TypeError(f"{name!r} must be a mapping, not {type(value).__name__}: {value!r}")
    return dict(value or {})


def as_resources(given: Mapping[str, Any] | None) -> "Resources | None":
    """What a task says it needs."""
    if given is None:
        return None
    from tradewind.sdk.resources import Resources

    return Resources(**given)


def member_of(kind: "type[TriggerRule | WeightRule]", value: str, what: str) -> "TriggerRule | WeightRule":
    """The member of this value; ValueError that lists them for any other."""
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(repr(str(member)) for member in kind)
        raise ValueError(f"{what} must be one of {known}; received {value!r}") from None
