"""XCom values as JSON, and back.

Plain JSON values (None, booleans, numbers, texts, lists, dicts with text keys) stand for themselves. Anything else is
an object with Airflow's three keys, so that a reader sees what it is:

    {"__classname__": "datetime.date", "__version__": 1, "__data__": "2021-01-01"}

    class                                   __data__
    builtins.tuple, set, frozenset          list of elements (named tuples become tuples)
    builtins.dict                           list of [key, value] pairs: a dict with a key that JSON text cannot hold
    builtins.bytes                          base64
    builtins.float                          "nan", "inf" or "-inf"
    builtins.str                            base64 of the UTF-8 form: texts with NUL or lone surrogates
    datetime.datetime, pendulum's DateTime  {"iso": ISO 8601, "zone": IANA name or null, "fold": 0 or 1}
    datetime.date, time; pendulum's Date    ISO 8601
    datetime.timedelta                      [days, seconds, microseconds]
    decimal.Decimal, uuid.UUID, a Path      text
    zoneinfo.ZoneInfo, pendulum's Timezone  IANA name
    numpy's numbers, pandas' DataFrame      see `serde_libraries`
    dataclasses, attrs classes              the fields
    pydantic models                         what `model_dump(mode="json")` gives
    classes with serialize()                what it gives; read back by the class's deserialize(data, version)

Authors' classes are read back only if `[core] allowed_deserialization_classes` (patterns, separated by spaces) or
`allowed_deserialization_classes_regexp` (regular expressions) admits them. `__version__` is the class's own, else 0.
The store keeps JSON as Postgres does: key order, and NUL inside a plain text, would be lost or refused there.
"""

import base64
import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import PurePath
from typing import Any, Final, cast

from tradewind.sdk import serde_libraries
from tradewind.sdk.configuration import conf
from tradewind.sdk.types import is_tuple

CLASSNAME: Final = "__classname__"
VERSION: Final = "__version__"
DATA: Final = "__data__"
OWN: Final = "tradewind.sdk."
"""Classes of the authoring API are always admitted."""
MAX_DEPTH: Final = 200
"""Deeper values are refused: neither the reader nor the store could be relied on."""


def to_json(value: Any) -> bytes:
    """The value as JSON text; raises TypeError naming the type that has no JSON form, ValueError if nested too deep."""
    return json.dumps(serialize(value), allow_nan=False, separators=(",", ":")).encode()


def from_json(text: bytes | str) -> Any:
    """The value of a JSON text; raises TypeError or ImportError for an object that cannot be made again."""
    return deserialize(json.loads(text))


def serialize(value: Any, depth: int = 0) -> Any:
    """The value in JSON's own types."""
    if depth > MAX_DEPTH:
        raise ValueError(f"the value is nested more than {MAX_DEPTH} levels deep, or contains itself")
    kind = cast("type[Any]", value.__class__)
    if value is None or kind is bool or kind is int:
        return value
    if kind is str:
        return value if is_storable(value) else _tagged("builtins.str", _base64(value))
    if kind is float:
        return value if math.isfinite(value) else _tagged("builtins.float", str(value))
    if kind is list:
        return [serialize(element, depth + 1) for element in value]
    if isinstance(value, Mapping):
        return _serialize_mapping(cast("Mapping[Any, Any]", value), depth + 1)
    return _serialize_object(value, depth + 1)


def is_storable(text: str) -> bool:
    """Whether Postgres keeps the text as it is, in `jsonb` and `text` alike."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _tagged(classname: str, data: Any, version: int = 1) -> dict[str, Any]:
    return {CLASSNAME: classname, VERSION: version, DATA: data}


def _base64(value: str) -> str:
    return base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()


def _serialize_mapping(value: Mapping[Any, Any], depth: int) -> Any:
    # Keys become texts, as in Airflow.
    keys = {key if isinstance(key, str) else str(key): key for key in value}
    if CLASSNAME not in keys and all(map(is_storable, keys)):
        return {text: serialize(value[key], depth) for text, key in keys.items()}
    pairs = [[serialize(text, depth), serialize(value[key], depth)] for text, key in keys.items()]
    return _tagged("builtins.dict", pairs)


def _serialize_object(value: Any, depth: int) -> Any:
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if (write_data := serde_libraries.WRITERS.get(name)) is not None:
        return _tagged(name, serialize(write_data(value), depth))
    if isinstance(value, str | int | float):
        # Subclasses of plain types, enums of them above all, stand for their plain value.
        return serialize(value.value if isinstance(value, Enum) else _plain(value), depth)
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value, depth)
    for base in type(value).__mro__:
        write = _WRITERS_BY_NAME.get(f"{base.__module__}.{base.__qualname__}")
        if write is not None:
            return write(value, depth)
    return _serialize_by_class(value, depth)


def _plain(value: str | int | float) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    return int(value) if isinstance(value, int) else float(value)


def _serialize_by_class(value: Any, depth: int) -> Any:
    kind = cast("type[Any]", value.__class__)
    name = f"{kind.__module__}.{kind.__qualname__}"
    version = getattr(kind, "__version__", 0)
    if callable(getattr(value, "serialize", None)):
        return _tagged(name, serialize(value.serialize(), depth), version)
    if callable(getattr(value, "model_dump", None)):
        return _tagged(name, serialize(value.model_dump(mode="json"), depth), version)
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _tagged(name, serialize(fields, depth), version)
    if hasattr(kind, "__attrs_attrs__"):
        return _tagged(name, serialize(_attrs_fields(value), depth), version)
    raise TypeError(
        f"a value of type {name} cannot be pushed as XCom: give the class a serialize() method, make it a dataclass,"
        " or push what it consists of"
    )


def _attrs_fields(value: Any) -> dict[str, Any]:
    """What the class's constructor takes."""
    declared: tuple[Any, ...] = cast("Any", type(value)).__attrs_attrs__
    return {field.alias: getattr(value, field.name) for field in declared if field.init}


def _elements(value: Any, depth: int) -> Any:
    name = "tuple" if is_tuple(value) else type(value).__name__
    elements: list[Any] = [serialize(element, depth) for element in value]
    if name != "tuple":
        elements.sort(key=lambda element: json.dumps(element, sort_keys=True))
    return _tagged(f"builtins.{name}", elements)


def _list(value: Any, depth: int) -> Any:
    return [serialize(element, depth) for element in value]


def _moment(value: Any, _depth: int) -> Any:
    zone = getattr(value.tzinfo, "key", None)
    data = {"iso": value.isoformat(), "zone": zone, "fold": value.fold}
    return _tagged(_date_class(value, "datetime.datetime", "pendulum.datetime.DateTime"), data)


def _day(value: Any, _depth: int) -> Any:
    return _tagged(_date_class(value, "datetime.date", "pendulum.date.Date"), value.isoformat())


def _date_class(value: Any, plain: str, pendulums: str) -> str:
    return pendulums if type(value).__module__.startswith("pendulum.") else plain


def _zone(value: Any, _depth: int) -> Any:
    own = type(value).__module__.startswith("pendulum.")
    return _tagged("pendulum.tz.timezone.Timezone" if own else "zoneinfo.ZoneInfo", value.key)


def _text_of(classname: str) -> Callable[[Any, int], Any]:
    return lambda value, _depth: _tagged(classname, str(value))


_WRITERS: Final[tuple[tuple[Any, Callable[[Any, int], Any]], ...]] = (
    ((tuple, set, frozenset), _elements),
    (list, _list),
    (datetime, _moment),
    (date, _day),
    (time, lambda value, _depth: _tagged("datetime.time", value.isoformat())),
    (timedelta, lambda value, _depth: _tagged("datetime.timedelta", [value.days, value.seconds, value.microseconds])),
    (bytes, lambda value, _depth: _tagged("builtins.bytes", base64.b64encode(value).decode())),
    (PurePath, _text_of("pathlib.Path")),
)

_WRITERS_BY_NAME: Final[Mapping[str, Callable[[Any, int], Any]]] = {
    # What is read or made element by element becomes a list.
    "tradewind.sdk.lazy_sequence.LazyXComSequence": lambda value, depth: [serialize(each, depth) for each in value],
    "tradewind.sdk.mapped.sequences.Elements": lambda value, depth: [serialize(each, depth) for each in value],
    "decimal.Decimal": _text_of("decimal.Decimal"),
    "uuid.UUID": _text_of("uuid.UUID"),
    "zoneinfo.ZoneInfo": _zone,
    "pendulum.tz.timezone.Timezone": _zone,
}
"""Classes whose modules are not imported only to be asked about."""


def deserialize(value: Any) -> Any:
    """The value of what `serialize` gave."""
    if isinstance(value, list):
        return [deserialize(element) for element in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    plain = cast("dict[str, Any]", value)
    if CLASSNAME not in plain:
        return {key: deserialize(element) for key, element in plain.items()}
    classname, data = plain[CLASSNAME], deserialize(plain.get(DATA))
    read = _READERS.get(classname)
    return read(data) if read is not None else _make(classname, data, plain.get(VERSION, 1))


def _read_text(data: str) -> str:
    return base64.b64decode(data).decode("utf-8", "surrogatepass")


def _read_datetime(data: Any) -> datetime:
    moment = datetime.fromisoformat(data["iso"])
    if data["zone"] is not None:
        moment = moment.replace(tzinfo=_read_zone(data["zone"]))
    return moment.replace(fold=data["fold"])


def _read_pendulum_datetime(data: Any) -> Any:
    import pendulum

    moment = datetime.fromisoformat(data["iso"])
    zone = cast("Any", pendulum).timezone(data["zone"]) if data["zone"] is not None else moment.tzinfo
    # The constructor, not `instance()`: that would turn an unzoned value into UTC and forget the fold.
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond)
    return pendulum.DateTime(*parts, tzinfo=zone, fold=data["fold"])


def _read_pendulum_date(data: str) -> Any:
    import pendulum

    day = date.fromisoformat(data)
    return pendulum.Date(day.year, day.month, day.day)


def _read_pendulum_zone(data: str) -> Any:
    import pendulum

    return pendulum.timezone(data)


def _read_zone(data: str) -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(data)


def _read_decimal(data: str) -> Any:
    from decimal import Decimal

    return Decimal(data)


def _read_uuid(data: str) -> Any:
    from uuid import UUID

    return UUID(data)


def _read_path(data: str) -> Any:
    from pathlib import Path

    return Path(data)


def _read_object_storage_path(data: Any) -> Any:
    from tradewind.sdk.io.path import ObjectStoragePath

    return ObjectStoragePath.deserialize(data, ObjectStoragePath.__version__)


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "builtins.tuple": tuple,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.dict": dict,
    "builtins.float": float,
    "builtins.str": _read_text,
    "builtins.bytes": base64.b64decode,
    "datetime.datetime": _read_datetime,
    "datetime.date": date.fromisoformat,
    "datetime.time": time.fromisoformat,
    "datetime.timedelta": lambda data: timedelta(*data),
    "decimal.Decimal": _read_decimal,
    "uuid.UUID": _read_uuid,
    "zoneinfo.ZoneInfo": _read_zone,
    "pathlib.Path": _read_path,
    "tradewind.sdk.io.path.ObjectStoragePath": _read_object_storage_path,
    **serde_libraries.READERS,
    "pendulum.datetime.DateTime": _read_pendulum_datetime,
    "pendulum.date.Date": _read_pendulum_date,
    "pendulum.tz.timezone.Timezone": _read_pendulum_zone,
}


def _make(classname: str, data: Any, version: int) -> Any:
    if not _is_allowed(classname):
        raise ImportError(
            f"an XCom holds an object of class {classname}, which [core] allowed_deserialization_classes does not"
            f" admit: set AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES={classname}"
        )
    module, _, name = classname.rpartition(".")
    kind: Any = getattr(import_module(module), name)
    if callable(getattr(kind, "deserialize", None)):
        return kind.deserialize(data, version)
    if callable(getattr(kind, "model_validate", None)):
        return kind.model_validate(data)
    if version > getattr(kind, "__version__", 0):
        raise TypeError(f"an XCom holds an object of version {version} of {classname}, which is newer than the class")
    return kind(**data)


def _is_allowed(classname: str) -> bool:
    patterns = (conf.get("core", "allowed_deserialization_classes", fallback="airflow.*") or "").split()
    if classname.startswith(OWN) or any(fnmatchcase(classname, pattern) for pattern in patterns):
        return True
    expressions = (conf.get("core", "allowed_deserialization_classes_regexp", fallback="") or "").split()
    return any(re.match(expression, classname) for expression in expressions)
