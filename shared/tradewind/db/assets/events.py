"""Events of assets, as they are given and written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from tradewind.core.rows import TaskInstanceId
from tradewind.db.pool import InvalidValue, Session
from tradewind.db.postgres.row_mapping import storable_text
from tradewind.db.statements import statement


class NamedAsset(msgspec.Struct, frozen=True, kw_only=True):
    """Whose event it is: by name and URI, or by one of them alone (the other is empty)."""

    name: str = ""
    uri: str = ""
    group: str = "asset"
    extra: dict[str, Any] = {}
    """For an asset that is made because an alias stands for it."""


class EventBody(msgspec.Struct, frozen=True, kw_only=True):
    """An event as a task's end or a person gives it."""

    asset: NamedAsset
    aliases: tuple[str, ...] = ()
    """Aliases through which it was named; then an asset that nobody knows is made."""
    extra: dict[str, Any] = {}
    partition_key: str | None = None
    """None = that of the task's run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenEvent:
    """An event, and which task instance made it (None: nobody's)."""

    body: EventBody
    source: TaskInstanceId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenEvents:
    """Ids of the events that were written (those of assets that are not active are not), and DAGs to look at."""

    event_ids: tuple[int, ...] = ()
    dag_ids: tuple[str, ...] = ()


def event_body(text: bytes) -> EventBody:
    """From JSON; raises `InvalidValue`."""
    try:
        return msgspec.json.decode(text, type=EventBody)
    except msgspec.MsgspecError as exc:
        raise InvalidValue(f"not an asset event: {exc}") from exc


async def write_events(session: Session, events: Sequence[GivenEvent], now: datetime) -> WrittenEvents:
    """Write events and queue them for the DAGs that wait for them."""
    rows = [_values(event) for event in events]
    if not rows:
        return WrittenEvents()
    columns = [list(column) for column in zip(*rows, strict=True)]
    row = await session.fetch_row(statement("write_asset_events"), now, *columns)
    assert row is not None
    return WrittenEvents(event_ids=tuple(row["event_ids"]), dag_ids=tuple(row["dag_ids"]))


def _values(event: GivenEvent) -> tuple[object, ...]:
    """One row of parameters $2 to $11 of write_asset_events.sql."""
    body = event.body
    return (
        *((None, None, None) if event.source is None else event.source),
        *(storable_text(body.asset.name), storable_text(body.asset.uri), storable_text(body.asset.group)),
        *(_json(body.asset.extra), _json(body.extra), storable_text(body.partition_key)),
        _json([storable_text(alias) for alias in body.aliases]),
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
