"""XCom values as JSON."""

import json
import math
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import numpy
import pendulum
import pydantic
import pytest

from tradewind.sdk import Asset, AssetAlias, Metadata, Param, Variable, serde


@dataclass
class Point:
    x: int
    when: date


class Model(pydantic.BaseModel):
    name: str


class Own:
    __version__ = 3

    def __init__(self, text: str) -> None:
        self.text = text

    def serialize(self) -> dict[str, str]:
        return {"text": self.text}

    @staticmethod
    def deserialize(data: dict[str, str], version: int) -> "Own":
        assert version == 3
        return Own(data["text"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and other.text == self.text

    __hash__ = None  # pyright: ignore[reportAssignmentType] - compared by value


class Colour(Enum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


@pytest.mark.parametrize(
    "value",
    [
        (1, [2, (3,)]),
        {1, 2},
        frozenset({"a"}),
        b"\x00\xff",
        math.inf,
        "with\0nul",
        "\ud800",
        {"__classname__": "x"},
        {"nul\0key": 1},
        datetime(2021, 1, 1, 12, 30, 1, 5),  # noqa: DTZ001 - a naive one
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2021, 1, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        datetime(2021, 10, 31, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=1),
        pendulum.datetime(2021, 7, 1, 5, tz="America/New_York"),
        pendulum.date(2021, 7, 1),
        date(2021, 1, 1),
        time(5, 6, 7, 8),
        timedelta(days=-1, microseconds=1),
        Decimal("1.100"),
        UUID(int=5),
        Path("/a/b"),
        ZoneInfo("Europe/Paris"),
        {"deep": [{"when": (date(2021, 1, 1),)}]},
    ],
)
def test_round_trip(value: object) -> None:
    text = serde.to_json(value)
    back = serde.from_json(text)
    assert back == value
    assert type(back) is type(value)
    assert b"\\u0000" not in text
    text.decode("ascii")


def test_pendulum_keeps_its_zone() -> None:
    back = serde.from_json(serde.to_json(pendulum.datetime(2021, 7, 1, tz="America/New_York")))
    assert (back.timezone_name, back.add(days=1).day) == ("America/New_York", 2)


def test_nan_comes_back() -> None:
    assert math.isnan(serde.from_json(serde.to_json(math.nan)))


PLAIN: list[tuple[object, object]] = [
    (None, None),
    ({"a": [1, 2.5, True, None, "x"]}, {"a": [1, 2.5, True, None, "x"]}),
    ({1: "x", None: "y"}, {"1": "x", "None": "y"}),
    (OrderedDict(a=1), {"a": 1}),
    (Number.ONE, 1),
]


@pytest.mark.parametrize(("value", "plain"), PLAIN)
def test_plain_values_stay_plain(value: object, plain: object) -> None:
    assert json.loads(serde.to_json(value)) == plain


def test_named_tuple_becomes_a_tuple() -> None:
    pair = namedtuple("pair", "a b")(1, 2)  # pyright: ignore[reportUntypedNamedTuple] - as users have it
    assert serde.from_json(serde.to_json(pair)) == (1, 2)


def test_form_is_as_documented() -> None:
    assert json.loads(serde.to_json(date(2021, 1, 1))) == {
        "__classname__": "datetime.date",
        "__version__": 1,
        "__data__": "2021-01-01",
    }


def test_sets_have_one_form() -> None:
    assert serde.to_json({"b", "a", "c"}) == serde.to_json({"c", "b", "a"})


@pytest.mark.parametrize("value", [Point(1, date(2021, 1, 1)), Model(name="x"), Own("x")])
def test_classes_come_back_if_admitted(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = serde.to_json(value)
    with pytest.raises(ImportError, match=f"{type(value).__qualname__}.*does not admit"):
        serde.from_json(text)
    # Test modules have names that only the import system of the test runner knows.
    monkeypatch.setitem(__import__("sys").modules, type(value).__module__, __import__("sys").modules[__name__])
    monkeypatch.setenv("AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES", "other.* *test_serde*")
    assert serde.from_json(text) == value


@pytest.mark.parametrize("value", [object(), Colour.RED, print, [1, {"x": object()}]])
def test_what_has_no_form_is_named(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be pushed as XCom"):
        serde.to_json(value)


def test_value_that_contains_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(ValueError, match="nested more than 200 levels"):
        serde.to_json(value)


@attrs.define
class Segment:
    __version__ = 2
    _length: int
    name: str = "s"
    made: int = attrs.field(init=False, default=7)


def test_attrs_classes_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES_REGEXP", rf"other\..* {__name__}\.S")
    written = serde.serialize(Segment(3, "x"))
    assert written["__data__"] == {"length": 3, "name": "x"}
    assert serde.deserialize(written) == Segment(3, "x")
    with pytest.raises(TypeError, match=r"of version 3 of .*\.Segment, which is newer"):
        serde.deserialize({**written, "__version__": 3})


@pytest.mark.parametrize("kind", ["int64", "uint8", "float64", "float32", "bool_"])
def test_numbers_of_numpy_keep_their_type(kind: str) -> None:
    number = getattr(numpy, kind)(1)
    read = serde.from_json(serde.to_json({"n": [number]}))["n"][0]
    assert (read, type(read)) == (number, type(number))


def test_complex_numbers_and_nan_of_numpy() -> None:
    assert serde.from_json(serde.to_json(numpy.complex128(1 + 2j))) == numpy.complex128(1 + 2j)
    assert math.isnan(serde.from_json(serde.to_json(numpy.float32("nan"))))


def test_objects_of_the_authoring_api_come_back() -> None:
    asset = Asset("a", "s3://b/c", group="g", extra={"x": 1})
    values = [asset, AssetAlias("al"), Metadata(asset, {"y": 2}), Param(1, type="integer").dump()]
    assert serde.from_json(serde.to_json(values)) == values
    assert not serde.from_json(serde.to_json(Param(type="string"))).has_value
    assert serde.from_json(serde.to_json(Variable("k", "v"))).value == "v"
