"""What the API asks of assets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tradewind.db.api.pages import Page, PageRequest, fetch_page
from tradewind.db.assets.events import EventBody, GivenEvent, NamedAsset, WrittenEvents, write_events
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement

ONE: Final = PageRequest(limit=1)
QUEUED_EVENTS_MAX: Final = 10_000


async def list_assets(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    return await fetch_page(database, "api_list_assets", filters, request)


async def get_asset(database: Database, asset_id: int) -> Row | None:
    """Whether or not it is active."""
    page = await list_assets(database, {"id": asset_id}, ONE)
    return page.rows[0] if page.rows else None


async def list_aliases(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    return await fetch_page(database, "api_list_asset_aliases", filters, request)


async def get_alias(database: Database, alias_id: int) -> Row | None:
    page = await list_aliases(database, {"id": alias_id}, ONE)
    return page.rows[0] if page.rows else None


async def list_events(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    return await fetch_page(database, "api_list_asset_events", filters, request)


async def get_event(database: Database, event_id: int) -> Row | None:
    page = await list_events(database, {"id": event_id}, ONE)
    return page.rows[0] if page.rows else None


async def create_event(
    database: Database, asset: Row, extra: Mapping[str, Any], partition_key: str | None, now: datetime
) -> WrittenEvents:
    """An event that a person makes; none is written if the asset is not active."""
    named = NamedAsset(name=asset["name"], uri=asset["uri"])
    body = EventBody(asset=named, extra=dict(extra), partition_key=partition_key)
    return await write_events(database, [GivenEvent(body=body)], now)


async def list_queued_events(
    database: Database, dag_id: str | None, asset_id: int | None, before: datetime | None
) -> Sequence[Row]:
    """`dag_id`, `asset_id`, `created_at`, `dag_display_name`, one row per DAG and asset."""
    sql = statement("api_list_queued_asset_events")
    return await database.fetch(sql, dag_id, asset_id, before, QUEUED_EVENTS_MAX)


async def delete_queued_events(
    database: Database, dag_id: str | None, asset_id: int | None, before: datetime | None
) -> int:
    """Those of a DAG, of an asset, or of both; how many were forgotten."""
    if dag_id is None:
        return len(await database.fetch(statement("api_delete_queued_asset_events"), asset_id, before))
    return len(await database.fetch(statement("api_delete_queued_asset_events_of_dag"), dag_id, asset_id, before))


async def materializing_dags(database: Database, asset_id: int) -> Sequence[str]:
    """DAGs whose tasks write an asset; two at most."""
    return [row["dag_id"] for row in await database.fetch(statement("api_list_materializing_dags"), asset_id)]
