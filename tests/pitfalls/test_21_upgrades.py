"""Row 21: an upgrade needs everything stopped, in an order that only a hook of the chart knows."""

import asyncio

import pytest

from tradewind.db.migrate import SCHEMA, wait_for_schema
from tradewind.db.pool import Database

LONG_SECONDS = 30.0
"""Who goes on does so at once, where the machine has time for it."""
STILL_SECONDS = 0.5
"""For so long somebody has waited who would wait for ever."""


async def goes_on(database: Database, within_seconds: float = LONG_SECONDS) -> bool:
    """Whether a service of this code works with the database as it stands."""
    try:
        async with asyncio.timeout(within_seconds):
            await wait_for_schema(database)
    except TimeoutError:
        return False
    return True


async def _migrated_to(database: Database, oldest: int, newest: int) -> None:
    await database.fetch("UPDATE schema_range SET oldest = $1, newest = $2", oldest, newest)


async def test_old_services_go_on_while_a_newer_schema_is_there(database: Database) -> None:
    await _migrated_to(database, SCHEMA - 1, SCHEMA + 1)
    assert await goes_on(database)


async def test_new_services_wait_for_their_schema_and_then_go_on(database: Database) -> None:
    await _migrated_to(database, SCHEMA - 2, SCHEMA - 1)
    assert not await goes_on(database, STILL_SECONDS)
    await _migrated_to(database, SCHEMA - 2, SCHEMA)
    assert await goes_on(database)


@pytest.mark.parametrize("step", [1])
async def test_contracted_at_once_the_old_ones_would_stand_still(database: Database, step: int) -> None:
    await _migrated_to(database, SCHEMA + step, SCHEMA + step)
    assert not await goes_on(database, STILL_SECONDS)
