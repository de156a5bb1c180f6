"""What the in-memory store writes of assets: references of DAGs, and events."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from tradewind.core.assets import AssetKey, QueuedEvent
from tradewind.core.spec import DagSpec
from tradewind.db.assets.events import EventBody, GivenEvent, NamedAsset, WrittenEvents
from tradewind.db.assets.memory_tables import AssetEventTableRow, AssetTableRow
from tradewind.db.assets.references import Reference, references_of
from tradewind.db.memory.tables import MemoryTables


def write_references(tables: MemoryTables, specs: Sequence[DagSpec], gone: Sequence[str], now: datetime) -> None:
    """As `references.write_references`."""
    held = tables.assets.references
    wanted = {row.key: row for spec in specs for row in references_of(spec)}
    dag_ids = [*(spec.dag_id for spec in specs), *gone]
    dropped = [key for key, (row, _) in held.items() if row.dag_id in dag_ids and key not in wanted]
    for key in dropped:
        del held[key]
    for key in sorted(wanted):
        row = wanted[key]
        held[key] = (row, held[key][1] if key in held else now)
        if row.ref.kind == "asset":
            asset = _asset(tables, AssetKey(row.ref.name, row.ref.uri), row.ref.group)
            asset.group, asset.extra = row.ref.group, dict(row.ref.extra)
        elif row.ref.kind == "alias":
            tables.assets.aliases.setdefault(row.ref.name, {})
    for dag_id in dag_ids:
        tables.assets.seen.pop(dag_id, None)
    if dropped or wanted:
        _settle(tables)


def _asset(tables: MemoryTables, key: AssetKey, group: str) -> AssetTableRow:
    assets = tables.assets.assets
    return assets.setdefault(key, AssetTableRow(id=len(assets) + 1, key=key, group=group, extra={}))


def _settle(tables: MemoryTables) -> None:
    references = list(tables.assets.references.values())
    named = [AssetKey(row.ref.name, row.ref.uri) for row, _ in references]
    aliased = [key for keys in tables.assets.aliases.values() for key in keys]
    wanted = [row for key, row in tables.assets.assets.items() if key in named or key in aliased]
    written = [AssetKey(row.ref.name, row.ref.uri) for row, _ in references if row.role == "outlet"]
    wanted.sort(key=lambda row: (row.key not in written, not row.is_active, row.id))
    active = [row for place, row in enumerate(wanted) if not any(_clash(row, better) for better in wanted[:place])]
    for row in tables.assets.assets.values():
        row.is_active = any(row is each for each in active)


def _clash(row: AssetTableRow, other: AssetTableRow) -> bool:
    return row.key.name == other.key.name or row.key.uri == other.key.uri


def _is_taken(tables: MemoryTables, key: AssetKey) -> bool:
    active = [row.key for row in tables.assets.assets.values() if row.is_active]
    return any(other.name == key.name or other.uri == key.uri for other in active)


def write_events(tables: MemoryTables, events: Sequence[GivenEvent], now: datetime) -> WrittenEvents:
    """As `events.write_events`."""
    event_ids: list[int] = []
    dag_ids: dict[str, None] = {}
    for given in events:
        asset = _resolved(tables, given.body)
        if asset is not None:
            row = _event(tables, given, asset, now)
            event_ids.append(row.id)
            dag_ids.update(dict.fromkeys(_queue(tables, row, asset.key)))
    return WrittenEvents(event_ids=tuple(event_ids), dag_ids=tuple(sorted(dag_ids)))


def _resolved(tables: MemoryTables, body: EventBody) -> AssetTableRow | None:
    name, uri = body.asset.name, body.asset.uri
    if body.aliases:
        return _made(tables, body.asset, body.aliases)
    for key, row in tables.assets.assets.items():
        if row.is_active and (not name or key.name == name) and (not uri or key.uri == uri):
            return row
    return None


def _made(tables: MemoryTables, given: NamedAsset, aliases: Iterable[str]) -> AssetTableRow:
    key = AssetKey(given.name, given.uri)
    asset = tables.assets.assets.get(key)
    if asset is None:
        is_active = not _is_taken(tables, key)
        asset = _asset(tables, key, given.group)
        asset.extra, asset.is_active = dict(given.extra), is_active
    for alias in aliases:
        tables.assets.aliases.setdefault(alias, {})[key] = None
    return asset


def _event(tables: MemoryTables, given: GivenEvent, asset: AssetTableRow, now: datetime) -> AssetEventTableRow:
    run = None if given.source is None else tables.dag_runs[given.source.dag_run_id]
    own_key = given.body.partition_key
    run_key = None if run is None else run.partition_key
    row = AssetEventTableRow(
        id=len(tables.assets.events) + 1,
        asset_id=asset.id,
        timestamp=now,
        extra=dict(given.body.extra),
        partition_key=run_key if own_key is None else own_key,
        partition_date=run.partition_date if run is not None and own_key in (None, run_key) else None,
        aliases=given.body.aliases,
        source=None
        if run is None or given.source is None
        else (run.dag_id, run.run_id, given.source.task_id, given.source.map_index),
    )
    tables.assets.events[row.id] = row
    return row


def _queue(tables: MemoryTables, event: AssetEventTableRow, key: AssetKey) -> list[str]:
    """Queue an event for the DAGs that wait for it; returns their ids."""
    dag_ids = dict.fromkeys(
        row.dag_id
        for row, _ in tables.assets.references.values()
        if row.role == "schedule"
        and row.is_partitioned == (event.partition_key is not None)
        and refers_to(row, key, event.aliases)
        and row.dag_id in tables.dags
        and not tables.dags[row.dag_id].is_paused
    )
    queued = QueuedEvent(
        event_id=event.id,
        asset=key,
        queued_at=event.timestamp,
        partition_key=event.partition_key,
        partition_date=event.partition_date,
    )
    for dag_id in dag_ids:
        tables.assets.queue.setdefault(dag_id, {})[event.id] = queued
    return list(dag_ids)


def refers_to(reference: Reference, key: AssetKey, aliases: Sequence[str]) -> bool:
    """Whether an event of this asset, through these aliases, is meant."""
    ref = reference.ref
    match ref.kind:
        case "asset":
            return (ref.name, ref.uri) == key
        case "alias":
            return ref.name in aliases
        case "name_ref":
            return ref.name == key.name
        case _:
            return ref.uri == key.uri
