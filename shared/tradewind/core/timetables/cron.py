"""Cron expressions over time zones."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final, cast
from zoneinfo import ZoneInfo

from croniter import CroniterBadCronError, CroniterBadDateError, croniter

from tradewind.core.timetables.values import NoSuchMoment

PRESETS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
HOUR_FIELD: Final = 1


class InvalidCron(ValueError):
    """Neither a cron expression nor a preset."""


@dataclass(frozen=True, slots=True)
class Cron:
    """The moments of an expression in a zone. Raises `InvalidCron`."""

    expression: str
    zone: tzinfo
    has_every_hour: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "expression", PRESETS.get(self.expression, self.expression))
        object.__setattr__(self, "has_every_hour", _has_every_hour(self.expression))

    def next(self, after: datetime) -> datetime:
        """The first moment after this one."""
        return self._step(after, 1)

    def previous(self, before: datetime) -> datetime:
        """The last moment before this one."""
        return self._step(before, -1)

    def at_or_after(self, moment: datetime) -> datetime:
        """This moment if it is one of the schedule, otherwise the next."""
        following = self.next(moment)
        return moment if self._is_between(moment, following) else following

    def at_or_before(self, moment: datetime) -> datetime:
        """This moment if it is one of the schedule, otherwise the previous."""
        try:
            following = self.next(moment)
        except NoSuchMoment:
            return self.previous(moment)
        return moment if self._is_between(moment, following) else self.previous(moment)

    def _is_between(self, moment: datetime, following: datetime) -> bool:
        """Whether the moment itself is the one before `following`."""
        try:
            return self.previous(following) == moment
        except NoSuchMoment:
            return False

    def _step(self, start: datetime, direction: int) -> datetime:
        found = self._hourly_moments if self.has_every_hour else self._moments
        wall = start.astimezone(self.zone).replace(tzinfo=None)
        while True:
            wall = _neighbour(self.expression, wall, direction)
            beyond = [moment for moment in found(wall, start, direction) if (moment - start) * direction > timedelta(0)]
            if beyond:
                return min(beyond) if direction > 0 else max(beyond)

    def _moments(self, wall: datetime, _start: datetime, _direction: int) -> list[datetime]:
        return [_localized(wall, self.zone)]

    def _hourly_moments(self, wall: datetime, start: datetime, direction: int) -> list[datetime]:
        """Both moments of a repeated wall time, none of a skipped one; and, where the offset changes on the way, the
        neighbour by the other offset: it may lie in the repeated hour."""
        moments = [wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
        offset = moments[0].astimezone(self.zone).utcoffset()
        assert offset is not None
        by_offset = _neighbour(self.expression, (start + offset).replace(tzinfo=None), direction)
        moments.append((by_offset - offset).replace(tzinfo=UTC))
        walls = (wall, wall, by_offset)
        return [
            moment
            for moment, expected in zip(moments, walls, strict=True)
            if moment.astimezone(self.zone).replace(tzinfo=None) == expected
        ]


def check_cron(expression: str) -> None:
    """Raises `InvalidCron` naming the value."""
    _has_every_hour(PRESETS.get(expression, expression))


def zone_named(name: str | int) -> tzinfo:
    """A zone by its IANA name, or by its offset in seconds or as `+02:00`; raises ValueError."""
    if isinstance(name, int):
        return timezone(timedelta(seconds=name))
    if name in ("UTC", "utc", "Z"):
        return UTC
    if name.startswith(("+", "-")):
        offset = datetime.fromisoformat(f"2000-01-01T00:00{name}").tzinfo
        assert offset is not None
        return offset
    return ZoneInfo(name)


@lru_cache(maxsize=4096)
def _has_every_hour(expression: str) -> bool:
    try:
        return croniter(expression).expanded[HOUR_FIELD] == ["*"]
    except (CroniterBadCronError, CroniterBadDateError, AttributeError, TypeError) as exc:
        raise InvalidCron(f"{expression!r} is not a valid cron expression or preset: {exc}") from exc


def _neighbour(expression: str, wall: datetime, direction: int) -> datetime:
    """The first wall time of the expression in this direction, by a clock that never changes."""
    cron = croniter(expression, wall)
    step = cast("Callable[[type[datetime]], datetime]", cron.get_next if direction > 0 else cron.get_prev)
    try:
        return step(datetime).replace(tzinfo=None)
    except (CroniterBadDateError, OverflowError) as exc:
        raise NoSuchMoment(f"{expression!r} has no moment beyond {wall.isoformat()}") from exc


def _localized(wall: datetime, zone: tzinfo) -> datetime:
    """The moment of a wall time: the second one of two; as much later as the clocks are if it does not exist."""
    moment = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
