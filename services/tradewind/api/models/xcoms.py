"""XComs."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, cast

from pydantic import AfterValidator, Field, JsonValue

from tradewind.api.models.base import ApiModel, StrictBody

RESERVED: Final = ("__classname__", "__version__", "__data__", "__id__", "__cache__", "__type", "__source", "__var")
"""Names under which objects are kept: what people send must not pass for one, which tasks would make."""
MAP_INDEX_MAX: Final = 2**31 - 1


def _without_reserved_names(value: JsonValue) -> JsonValue:
    for found in _objects(value):
        reserved = [name for name in RESERVED if name in found]
        if reserved:
            raise ValueError(f"the names {', '.join(reserved)} are reserved: they stand for objects")
    return value


def _objects(value: object) -> list[Mapping[str, object]]:
    """All JSON objects in a value, also in texts that are JSON themselves."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return []
    if isinstance(value, Mapping):
        found = cast("Mapping[str, object]", value)
        return [found, *(inner for element in found.values() for inner in _objects(element))]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [inner for element in cast("Sequence[object]", value) for inner in _objects(element)]
    return []


XComValue = Annotated[JsonValue, AfterValidator(_without_reserved_names)]


class XComUpdateBody(StrictBody):
    """Another value for an XCom."""

    value: XComValue
    map_index: int = Field(-1, ge=-1, le=MAP_INDEX_MAX)


class XComCreateBody(XComUpdateBody):
    """An XCom to write."""

    key: str = Field(min_length=1, max_length=512)


class XComResponse(ApiModel):
    """An XCom without its value."""

    key: str
    timestamp: datetime
    logical_date: datetime | None
    map_index: int
    task_id: str
    dag_id: str
    run_id: str
    dag_display_name: str
    task_display_name: str
    run_after: datetime


class XComResponseNative(XComResponse):
    """An XCom with its value as JSON."""

    value: object


class XComResponseString(XComResponse):
    """An XCom with its value as text."""

    value: str | None


class XComCollectionResponse(ApiModel):
    """A page of XComs."""

    xcom_entries: list[XComResponse]
    total_entries: int
