"""Moments and durations inside JSON values, between Airflow's serialisation and Tradewind's. All else is the same in
both, or opens in one of them only, and stays as it is.

    datetime.datetime, pendulum's      Airflow {"timestamp": seconds, "tz": [name or offset, class, 1, true] or null}
                                       here    {"iso": ISO 8601, "zone": IANA name or null, "fold": 0 or 1}
    datetime.timedelta                 Airflow seconds
                                       here    [days, seconds, microseconds]
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

CLASSNAME: Final = "__classname__"
DATA: Final = "__data__"
MARK: Final = b'"__classname__"'
MOMENTS: Final = ("datetime.datetime", "pendulum.datetime.DateTime")
DURATION: Final = "datetime.timedelta"
FIXED: Final = "pendulum.tz.timezone.FixedTimezone"
NAMED: Final = "pendulum.tz.timezone.Timezone"

Json = Any


def in_airflows_form(text: bytes) -> bytes:
    """The JSON text with what is written here, as Airflow's SDK reads it."""
    return _translated(text, _moment_for_airflow, _duration_for_airflow)


def in_own_form(text: bytes) -> bytes:
    """The JSON text with what Airflow's SDK has written, as it is read here. Raises ValueError for what is no JSON."""
    return _translated(text, _moment_of_airflow, _duration_of_airflow)


def _translated(text: bytes, moment: Callable[[Json], Json], duration: Callable[[Json], Json]) -> bytes:
    if MARK not in text:
        return text

    def walked(value: Json) -> Json:
        if isinstance(value, list):
            return [walked(each) for each in cast("list[Json]", value)]
        if not isinstance(value, dict):
            return value
        plain = cast("dict[str, Json]", value)
        kind = plain.get(CLASSNAME)
        change = moment if kind in MOMENTS else duration if kind == DURATION else None
        if change is None:
            return {key: walked(each) for key, each in plain.items()}
        try:
            return {**plain, **change(plain.get(DATA))}
        except (TypeError, ValueError, KeyError, IndexError, OverflowError, ZoneInfoNotFoundError):
            return plain  # in the other form already, or nobody's: whoever reads it will say so

    return json.dumps(walked(json.loads(text)), separators=(",", ":")).encode()


def _moment_of_airflow(data: Json) -> Json:
    zone = None if data["tz"] is None else _zone_of(data["tz"])
    moment = datetime.fromtimestamp(float(data["timestamp"]), UTC).astimezone(zone or UTC)
    if zone is None:
        moment = moment.replace(tzinfo=None)
    name = zone.key if isinstance(zone, ZoneInfo) else None
    return {"__version__": 1, DATA: {"iso": moment.isoformat(), "zone": name, "fold": moment.fold}}


def _zone_of(given: Json) -> tzinfo:
    """From (name or offset in seconds, class, version, true), with or without the tuple's own tags."""
    parts: Json = cast("dict[str, Json]", given)[DATA] if isinstance(given, dict) else given
    name: Json = cast("list[Json]", parts)[0] if isinstance(parts, list) else parts
    if name == "UTC":
        return ZoneInfo("UTC")
    return timezone(timedelta(seconds=name)) if isinstance(name, int | float) else ZoneInfo(name)


def _moment_for_airflow(data: Json) -> Json:
    moment = datetime.fromisoformat(data["iso"])
    zone = None
    if data["zone"] is not None:
        moment = moment.replace(tzinfo=ZoneInfo(data["zone"]), fold=data["fold"])
        zone = (data["zone"], NAMED)
    elif moment.tzinfo is not None:
        offset = moment.utcoffset() or timedelta()
        zone = (int(offset.total_seconds()) or "UTC", FIXED)
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return {"__version__": 2, DATA: {"timestamp": seconds, "tz": None if zone is None else _tuple(*zone, 1, True)}}


def _tuple(*elements: Json) -> Json:
    return {CLASSNAME: "builtins.tuple", "__version__": 1, DATA: list(elements)}


def _duration_of_airflow(data: Json) -> Json:
    if isinstance(data, list):
        raise ValueError("in our form already")
    length = timedelta(seconds=float(data))
    return {"__version__": 1, DATA: [length.days, length.seconds, length.microseconds]}


def _duration_for_airflow(data: Json) -> Json:
    days, seconds, microseconds = data
    length = timedelta(days=days, seconds=seconds, microseconds=microseconds)
    return {"__version__": 2, DATA: length.total_seconds()}
