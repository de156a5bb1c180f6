"""Numbers, times and names as people read them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from tradewind.core.explain.values import NAMED_MAX
from tradewind.core.instances import UNMAPPED

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def span(seconds: float) -> str:
    """A length of time by its two largest units."""
    if abs(seconds) < 10:
        return f"{max(seconds, 0.0):.1f} s"
    left, parts = round(abs(seconds)), list[str]()
    for size, unit in (*_UNITS, (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def moment(at: datetime) -> str:
    """A moment to the second, in UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(at: datetime, now: datetime) -> str:
    """How long ago it was."""
    return f"{span((now - at).total_seconds())} ago"


def ahead(at: datetime, now: datetime) -> str:
    """A moment to come, and how long that is."""
    return f"{moment(at)}, in {span((at - now) / timedelta(seconds=1))}"


def instance(task_id: str, map_index: int) -> str:
    """The name of a task instance in its run."""
    return f"'{task_id}'" if map_index == UNMAPPED else f"'{task_id}' [{map_index}]"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 worker`, `3 workers`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
