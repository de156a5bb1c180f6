"""Windows: which members one period, or one fixed set of segments, consists of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, cast

Step = Callable[[datetime, int], datetime]

TEMPORAL: Final = ("hour", "day", "week", "month", "quarter", "year")
DAY_ONE: Final = ("month", "quarter", "year")


def shifted_months(start: datetime, months: int) -> datetime:
    """A first of a month, so many months later."""
    total = start.month - 1 + months
    return start.replace(year=start.year + total // 12, month=total % 12 + 1)


_STEPS: Final[Mapping[str, tuple[int, Step]]] = {
    "hour": (60, lambda start, n: start + timedelta(minutes=n)),
    "day": (24, lambda start, n: start + timedelta(hours=n)),
    "week": (7, lambda start, n: start + timedelta(days=n)),
    "quarter": (3, shifted_months),
    "year": (12, shifted_months),
}


class Members(Protocol):
    """What each window can do, those of authors included."""

    @property
    def is_temporal(self) -> bool:
        """Whether members are moments."""
        ...

    def members(self, decoded: Any) -> tuple[Any, ...]:
        """What one period, or one fixed set, consists of; raises ValueError."""
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """Of a kind in `TEMPORAL`, starting at the moment given or, backward, ending there; or `segment`: fixed texts."""

    kind: str
    backward: bool = False
    segments: tuple[str, ...] = ()

    @property
    def is_temporal(self) -> bool:
        """Whether members are moments."""
        return self.kind != "segment"

    def members(self, decoded: Any) -> tuple[Any, ...]:
        """The segments, or the moments of the period at a moment; raises ValueError as `moments`."""
        return self.moments(decoded) if self.is_temporal else self.segments

    def moments(self, start: datetime) -> tuple[datetime, ...]:
        """The members of the period at a moment; raises ValueError if that is not the first of a month and must be."""
        if self.kind in DAY_ONE and start.day != 1:
            raise ValueError(f"a {self.kind} window expects a period that starts on day 1, not {start.isoformat()}")
        if self.kind == "month":
            return self._days_of_month(start)
        count, step = _STEPS[self.kind]
        first = step(start, 1 - count) if self.backward else start
        return tuple(step(first, n) for n in range(count))

    def _days_of_month(self, start: datetime) -> tuple[datetime, ...]:
        if self.backward:
            previous = shifted_months(start, -1)
            return tuple(previous + timedelta(days=n + 1) for n in range((start - previous).days))
        return tuple(start + timedelta(days=n) for n in range((shifted_months(start, 1) - start).days))


def window_of(data: Mapping[str, Any]) -> Window:
    """From `{"kind": …, "direction": "forward" | "backward"}` or `{"kind": "segment", "segments": […]}`; raises
    ValueError."""
    kind = data.get("kind")
    if kind == "segment":
        return Window("segment", segments=_checked_segments(data.get("segments")))
    if kind not in TEMPORAL:
        raise ValueError(f"unknown partition window {kind!r}")
    return Window(kind, backward=data.get("direction") == "backward")


def _checked_segments(segments: object) -> tuple[str, ...]:
    if not isinstance(segments, list | tuple) or not segments:
        raise ValueError("a segment window requires at least one segment key")
    for position, segment in enumerate(cast("list[object]", segments)):
        if not isinstance(segment, str) or not segment:
            raise ValueError(f"segment keys must be non-empty texts, not {segment!r} at index {position}")
    return tuple(sorted(dict.fromkeys(cast("list[str]", segments))))
