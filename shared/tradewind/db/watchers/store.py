"""What triggerers ask about watchers: the port, and its Postgres adapter."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from tradewind.core.triggers import WatchedEvent, Watcher
from tradewind.db.assets.events import EventBody, GivenEvent, NamedAsset, write_events
from tradewind.db.pool import Database, Row
from tradewind.db.postgres.row_mapping import first_integers
from tradewind.db.statements import statement


class WatcherStore(Protocol):
    """Every method is one transaction."""

    async def take_watchers(self, triggerer_id: UUID, limit: int) -> Sequence[Watcher]:
        """At most `limit` watchers of active assets that nobody runs become this triggerer's, oldest first. None
        without a lease."""
        ...

    async def keep_watchers(self, triggerer_id: UUID) -> Sequence[int]:
        """Ids of all watchers that are this triggerer's; those of assets that are active no more become nobody's."""
        ...

    async def release_watchers(self, triggerer_id: UUID, watcher_ids: Sequence[int]) -> None:
        """Those of these watchers that are this triggerer's become anybody's."""
        ...

    async def record_watched(self, triggerer_id: UUID, events: Sequence[WatchedEvent], now: datetime) -> Sequence[str]:
        """Write events of watchers that are this triggerer's; others are left out. Returns the DAGs that wait for
        them."""
        ...


class PostgresWatcherStore:
    """`WatcherStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take_watchers(self, triggerer_id: UUID, limit: int) -> Sequence[Watcher]:
        return [_watcher(row) for row in await self._database.fetch(statement("take_watchers"), triggerer_id, limit)]

    async def keep_watchers(self, triggerer_id: UUID) -> Sequence[int]:
        return first_integers(await self._database.fetch(statement("keep_watchers"), triggerer_id))

    async def release_watchers(self, triggerer_id: UUID, watcher_ids: Sequence[int]) -> None:
        await self._database.fetch(statement("release_watchers"), triggerer_id, list(watcher_ids))

    async def record_watched(self, triggerer_id: UUID, events: Sequence[WatchedEvent], now: datetime) -> Sequence[str]:
        async with self._database.transaction() as transaction:
            ids = list(dict.fromkeys(event.watcher_id for event in events))
            rows = await transaction.fetch(statement("lock_watchers"), triggerer_id, ids)
            assets = {row["id"]: NamedAsset(name=row["asset_name"], uri=row["asset_uri"]) for row in rows}
            return (await write_events(transaction, given_events(events, assets), now)).dag_ids


def given_events(events: Sequence[WatchedEvent], assets: Mapping[int, NamedAsset]) -> Sequence[GivenEvent]:
    """What is written of the events, given the assets of the watchers that count."""
    return [
        GivenEvent(
            body=EventBody(
                asset=assets[event.watcher_id],
                extra={"from_trigger": True, "payload": msgspec.json.decode(event.payload)},
            )
        )
        for event in events
        if event.watcher_id in assets
    ]


def _watcher(row: Row) -> Watcher:
    return Watcher(
        id=row["id"],
        name=row["name"],
        asset_name=row["asset_name"],
        asset_uri=row["asset_uri"],
        classpath=row["classpath"],
        kwargs=row["kwargs"],
    )
