"""Row 13: processes and their workers open more connections than the database has."""

import asyncio
import subprocess
import sys
from typing import Any

import asyncpg
import pytest

from tradewind.db.pool import Database, open_pool

POOL_SIZE = 3
STATEMENTS = 60
WITHOUT_DATABASE = ("worker", "dispatcher", "triggerer.child")
_COUNT = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tradewind'"


async def connections(url: str) -> int:
    """How many there are at most while sixty statements are under way at once."""
    most = 0

    async def ask(pool: Database) -> None:
        nonlocal most
        await pool.fetch("SELECT pg_sleep(0.01)")
        most = max(most, int(str(await pool.fetch_value(_COUNT))))

    async with open_pool(url, POOL_SIZE) as pool, asyncio.TaskGroup() as group:
        for number in range(STATEMENTS):
            group.create_task(ask(pool), name=f"statement-{number}")
    return most


async def test_a_service_keeps_to_its_few_connections(database_url: str) -> None:
    assert await connections(database_url) <= POOL_SIZE


async def test_without_a_limit_each_statement_would_open_one(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = asyncpg.create_pool

    def unlimited(*args: Any, max_size: int, **kwargs: Any) -> Any:
        return right(*args, max_size=max_size * 10, **kwargs)

    monkeypatch.setattr(asyncpg, "create_pool", unlimited)
    assert await connections(database_url) > POOL_SIZE


def test_who_runs_tasks_never_connects() -> None:
    modules = ", ".join(f"tradewind.{service}.__main__" for service in WITHOUT_DATABASE)
    program = f"import sys, {modules}; sys.exit('asyncpg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
