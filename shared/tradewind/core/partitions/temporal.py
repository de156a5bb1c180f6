"""Mappers of keys that are moments: to the start of the hour, day, week … that holds them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

DEFAULT_INPUT_FORMAT: Final = "%Y-%m-%dT%H:%M:%S"

OUTPUT_FORMATS: Final[Mapping[str, str]] = {
    "start_of_hour": "%Y-%m-%dT%H",
    "start_of_day": "%Y-%m-%d",
    "start_of_week": "%Y-%m-%d (W%V)",
    "start_of_month": "%Y-%m",
    "start_of_quarter": "%Y-Q{quarter}",
    "start_of_year": "%Y",
}
"""Kind → how it writes keys unless told otherwise."""

DIRECTIVES: Final = {"Y": r"\d{4}", **dict.fromkeys("mdHMSVUW", r"\d{2}")}
_OFFSET: Final = re.compile(r"([+-])(\d{2}):?(\d{2})(?::?(\d{2}))?")
_TOKEN: Final = re.compile(r"%([" + "".join(DIRECTIVES) + r"])|\{([^}]*)\}|(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TemporalMapper:
    """Key in `input_format` → start of its period, in the time zone, in `output_format`."""

    kind: str
    timezone: str = "UTC"
    input_format: str = DEFAULT_INPUT_FORMAT
    output_format: str = ""
    max_downstream_keys: int | None = None

    @property
    def is_temporal(self) -> bool:
        """Its keys are moments."""
        return True

    def downstream_keys(self, key: str) -> tuple[str, ...]:
        """The one key; raises ValueError for a key that is not in `input_format`."""
        return (self.format(start_of(self.kind, self._shown(self._read(key, self.input_format)))),)

    def format(self, moment: datetime) -> str:
        """A moment as a key of a run."""
        text = moment.strftime(self.output_format)
        if self.kind != "start_of_quarter":
            return text
        return text.format(quarter=(moment.month - 1) // 3 + 1)

    def decode(self, downstream_key: str) -> datetime:
        """The start of the period that a run's key names; raises ValueError for one that is not in
        `output_format`."""
        if self.kind == "start_of_week":
            parts = self._parsed(downstream_key, ("Y", "m", "d"))
            return datetime(int(parts["Y"]), int(parts["m"]), int(parts["d"]), tzinfo=zone_of(self.timezone))
        if self.kind == "start_of_quarter":
            parts = self._parsed(downstream_key, ("Y", "quarter"))
            return datetime(int(parts["Y"]), int(parts["quarter"]) * 3 - 2, 1, tzinfo=zone_of(self.timezone))
        return self._read(downstream_key, self.output_format)

    def encode(self, moment: datetime) -> str:
        """A moment as a key of an event."""
        return self._shown(moment).strftime(self.input_format)

    def partition_date(self, downstream_key: str) -> datetime | None:
        """The moment that a run's key stands for."""
        return start_of(self.kind, self.decode(downstream_key))

    def _shown(self, moment: datetime) -> datetime:
        """In the time zone, which is that of a moment without any; a time that the clocks jumped over becomes the one
        that they showed."""
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone_of(self.timezone))
        return moment.astimezone(UTC).astimezone(zone_of(self.timezone))

    def _read(self, key: str, key_format: str) -> datetime:
        moment = datetime.strptime(key, key_format)  # noqa: DTZ007 - a key without an offset is in the mapper's zone
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone_of(self.timezone))

    def _parsed(self, key: str, needed: tuple[str, ...]) -> dict[str, str]:
        match = key_pattern(self.output_format).fullmatch(key)
        parts = match.groupdict() if match is not None else {}
        if not all(name in parts for name in needed):
            raise ValueError(f"the key {key!r} cannot be read as {self.output_format!r} with {', '.join(needed)}")
        return parts


def start_of(kind: str, moment: datetime) -> datetime:
    """The start of the hour, day … of a moment, in its own zone."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    match kind:
        case "start_of_hour":
            return hour
        case "start_of_day":
            return day
        case "start_of_week":
            return day - timedelta(days=day.weekday())
        case "start_of_month":
            return day.replace(day=1)
        case "start_of_quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case _:
            return day.replace(month=1, day=1)


@lru_cache(maxsize=256)
def key_pattern(output_format: str) -> re.Pattern[str]:
    """What reads a key back; raises ValueError for a format in which something stands twice, or that cannot be told
    apart."""
    parts: list[str] = []
    seen: set[str] = set()
    after_placeholder = False
    for directive, placeholder, other in _TOKEN.findall(output_format):
        name = directive or placeholder
        is_placeholder = not directive and not other
        if is_placeholder and not placeholder.isidentifier():
            raise ValueError(f"output_format {output_format!r} has the invalid placeholder {{{placeholder}}}")
        if name and name in seen:
            raise ValueError(f"output_format {output_format!r} has {name!r} twice")
        is_open = is_placeholder and name != "quarter"
        if is_open and after_placeholder:
            raise ValueError(f"output_format {output_format!r} has adjacent placeholders, which cannot be told apart")
        after_placeholder = is_open
        seen.update([name] if name else [])
        parts.append(re.escape(other) if other else f"(?P<{name}>{_group(directive, placeholder)})")
    return re.compile("".join(parts))


def _group(directive: str, placeholder: str) -> str:
    if directive:
        return DIRECTIVES[directive]
    return "[1-4]" if placeholder == "quarter" else r"\w+"


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """A zone by its name, or a fixed offset such as `+02:00`; raises ValueError."""
    if match := _OFFSET.fullmatch(name):
        sign, hours, minutes, seconds = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0))
        return timezone(-offset if sign == "-" else offset)
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as exc:
        raise ValueError(f"unknown time zone {name!r}") from exc


def temporal_mapper_of(data: Mapping[str, Any], max_downstream_keys: int | None) -> TemporalMapper:
    """From its JSON form; raises ValueError."""
    kind = data["kind"]
    output_format = data.get("output_format") or OUTPUT_FORMATS[kind]
    zone_of(timezone_name := data.get("timezone") or "UTC")
    if kind in ("start_of_week", "start_of_quarter"):
        key_pattern(output_format)
    return TemporalMapper(
        kind=kind,
        timezone=timezone_name,
        input_format=data.get("input_format") or DEFAULT_INPUT_FORMAT,
        output_format=output_format,
        max_downstream_keys=max_downstream_keys,
    )
