"""Aware datetimes: Airflow's `timezone` module, in the part that DAG files use."""

from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pendulum import DateTime

utc: Final = UTC


def utcnow() -> datetime:
    """The present, aware, UTC."""
    return datetime.now(UTC)


def is_localized(value: datetime) -> bool:
    """Whether the datetime knows its offset."""
    return value.utcoffset() is not None


def is_naive(value: datetime) -> bool:
    """Whether the datetime does not know its offset."""
    return value.utcoffset() is None


def make_aware(value: datetime, timezone: tzinfo | None = None) -> datetime:
    """A naive datetime taken as local time of `timezone` (default UTC); raises ValueError if it is aware already."""
    if is_localized(value):
        raise ValueError(f"make_aware expects a naive datetime, got {value!r}")
    return value.replace(tzinfo=timezone or UTC)


def make_naive(value: datetime, timezone: tzinfo | None = None) -> datetime:
    """The local time of an aware datetime in `timezone` (default UTC), without its zone."""
    if is_naive(value):
        raise ValueError(f"make_naive expects an aware datetime, got {value!r}")
    return value.astimezone(timezone or UTC).replace(tzinfo=None)


def as_utc(value: datetime) -> datetime:
    """As a plain aware UTC datetime; a naive one is taken as UTC."""
    aware = value if is_localized(value) else value.replace(tzinfo=UTC)
    moved = aware.astimezone(UTC)
    return datetime(
        moved.year, moved.month, moved.day, moved.hour, moved.minute, moved.second, moved.microsecond, tzinfo=UTC
    )


def convert_to_utc(value: datetime | None) -> datetime | None:
    """In UTC; pendulum's datetimes stay pendulum's, None stays None. A naive one is taken as UTC."""
    if value is None:
        return None
    aware = value if is_localized(value) else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC)


def coerce_datetime(value: datetime | None) -> "DateTime | None":
    """As a pendulum datetime in its own zone (UTC if it had none); None stays None."""
    if value is None:
        return None
    import pendulum

    if isinstance(value, pendulum.DateTime):
        return value if value.tzinfo else value.in_timezone("UTC")
    return pendulum.instance(value if is_localized(value) else value.replace(tzinfo=UTC))


def datetime_(*args: int) -> datetime:
    """Airflow's `timezone.datetime(…)`: an aware datetime in UTC."""
    year, month, day, *rest = args
    return datetime(year, month, day, *rest, tzinfo=UTC)


def parse(text: str, timezone: tzinfo | None = None) -> datetime:
    """An ISO 8601 text as an aware datetime; without an offset it is taken in `timezone` (default UTC)."""
    import pendulum

    parsed = pendulum.parse(text, tz="UTC", strict=False)
    if not isinstance(parsed, datetime):
        raise ValueError(f"{text!r} is not a date and time")
    return parsed.replace(tzinfo=timezone) if timezone is not None and _has_no_offset(text) else parsed


def _has_no_offset(text: str) -> bool:
    try:
        return is_naive(datetime.fromisoformat(text))
    except ValueError:
        return False
