"""Moments and durations between Airflow's serialisation and Tradewind's."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.api.execution.values import in_airflows_form, in_own_form
from tradewind.sdk import serde

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = st.sampled_from([UTC, ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York"), timezone(timedelta(hours=-7))])
SECONDS = st.floats(0, 4_000_000_000).map(lambda seconds: round(seconds, 3))
MOMENTS = st.tuples(SECONDS, ZONES).map(lambda pair: datetime.fromtimestamp(pair[0], tz=pair[1]))
UNZONED = MOMENTS.map(lambda moment: moment.replace(tzinfo=None))
DURATIONS = st.timedeltas(timedelta(days=-999), timedelta(days=999))
LEAVES: st.SearchStrategy[Any] = st.one_of(st.none(), st.integers(), st.text(max_size=5), MOMENTS, UNZONED, DURATIONS)
VALUES: st.SearchStrategy[Any] = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=8) | (
    st.dictionaries(st.text(max_size=3), LEAVES, max_size=3)
)


def airflows(classname: str, data: object) -> bytes:
    """As Airflow's SDK writes it."""
    return json.dumps({"a": [{"__classname__": classname, "__version__": 2, "__data__": data}]}).encode()


def tuple_of(*elements: object) -> object:
    return {"__classname__": "builtins.tuple", "__version__": 1, "__data__": list(elements)}


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        (tuple_of("UTC", "pendulum.tz.timezone.FixedTimezone", 1, True), NEW_YEAR),
        (["Europe/Paris", "zoneinfo.ZoneInfo", 1, True], NEW_YEAR.astimezone(ZoneInfo("Europe/Paris"))),
        ([3600, "pendulum.tz.timezone.FixedTimezone", 1, True], NEW_YEAR.astimezone(timezone(timedelta(hours=1)))),
        (None, NEW_YEAR.replace(tzinfo=None)),
    ],
    ids=["utc", "named", "offset", "none"],
)
def test_a_moment_that_airflow_wrote_is_read_here(zone: object, expected: datetime) -> None:
    data = {"timestamp": NEW_YEAR.timestamp(), "tz": zone}
    (read,) = serde.from_json(in_own_form(airflows("datetime.datetime", data)))["a"]
    assert (read, read.utcoffset()) == (expected, expected.utcoffset())


def test_a_duration_and_a_day_that_airflow_wrote_are_read_here() -> None:
    (length,) = serde.from_json(in_own_form(airflows("datetime.timedelta", 90061.5)))["a"]
    (day,) = serde.from_json(in_own_form(airflows("datetime.date", "2026-01-01")))["a"]
    assert (length, day) == (timedelta(1, 3661, 500_000), NEW_YEAR.date())


@given(VALUES)
def test_there_and_back(value: Any) -> None:
    text = serde.to_json(value)
    there = in_airflows_form(text)
    assert serde.from_json(in_own_form(there)) == serde.from_json(text)


@pytest.mark.parametrize(
    "text",
    [
        b"1",
        b' { "a" : "b" } ',
        b'{"__classname__": "datetime.datetime", "__data__": {}}',
        b'{"__classname__": "datetime.datetime", "__data__": {"timestamp": 1e300, "tz": null}}',
        b'{"__classname__": "datetime.datetime", "__data__": {"timestamp": 1, "tz": ["Nowhere/At_All"]}}',
        b'{"__classname__": "datetime.timedelta", "__data__": null}',
        b'{"__classname__": "my.Own", "__version__": 3, "__data__": {"x": 1}}',
    ],
)
def test_what_is_neithers_stays(text: bytes) -> None:
    for translate in (in_own_form, in_airflows_form):
        assert json.loads(translate(text)) == json.loads(text)


def test_what_is_in_the_wanted_form_stays() -> None:
    moment = serde.to_json([NEW_YEAR, timedelta(1)])
    assert json.loads(in_own_form(moment)) == json.loads(moment)
    there = in_airflows_form(moment)
    assert json.loads(in_airflows_form(there)) == json.loads(there)
