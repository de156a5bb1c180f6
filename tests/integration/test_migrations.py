"""Migrations: one schema whichever way it was reached, and safe from many processes at once."""

import asyncio
import sys
from pathlib import Path

import pytest

from tradewind.core.errors import ConfigError
from tradewind.db.migrate import MIGRATIONS, SCHEMA, migrate, migrations, set_parallelism, wait_for_schema
from tradewind.db.pool import Database, InvalidValue, open_pool
from tradewind.db.schema_dump import dump_schema

MIGRATE = "import asyncio, sys; from tradewind.db.migrate import migrate; print(asyncio.run(migrate(sys.argv[1])))"


async def test_schema_file_is_what_all_migrations_make(database: Database) -> None:
    expected = (MIGRATIONS / "schema.sql").read_text(encoding="utf-8")
    assert await dump_schema(database) == expected, "run `python -m tradewind.db.schema_dump` after a new migration"


def test_migrations_are_numbered_without_gaps_and_known_to_the_code() -> None:
    assert [migration.number for migration in migrations()] == list(range(1, SCHEMA + 1))


async def test_each_migration_is_a_transaction(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that fails leaves nothing of itself, and all that ran before it; mended, it goes on from there."""
    monkeypatch.setattr("tradewind.db.migrate.MIGRATIONS", tmp_path)
    (tmp_path / "versions").mkdir()
    second = tmp_path / "versions" / "0002_pre_b.sql"
    (tmp_path / "versions" / "0001_pre_a.sql").write_text("CREATE TABLE a (x int); CREATE INDEX a_x ON a (x);")
    second.write_text("CREATE TABLE b (x int); SELECT 1 / 0;")
    with pytest.raises(InvalidValue, match="division by zero"):
        await migrate(empty_database_url)
    async with open_pool(empty_database_url, 1) as database:
        assert await database.fetch_value("SELECT version_num FROM alembic_version") == "0001"
        assert await database.fetch_value("SELECT to_regclass('a') IS NOT NULL AND to_regclass('b') IS NULL")
        second.write_text("CREATE TABLE b (x int)")
        assert await migrate(empty_database_url) == 2
        assert await database.fetch_value("SELECT string_agg(version_num, ',') FROM alembic_version") == "0002"


async def test_ten_processes_migrate_at_once(empty_database_url: str) -> None:
    command = (sys.executable, "-c", MIGRATE, empty_database_url)
    pipe = asyncio.subprocess.PIPE
    processes = [await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe) for _ in range(10)]
    outputs = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 10, outputs
    assert sum(b"schema.migrated" in out for out, _ in outputs) == 1
    async with open_pool(empty_database_url, 1) as database:
        await wait_for_schema(database)
        assert await database.fetch_value("SELECT count(*) FROM slot_pool") == 1


async def test_migrating_again_changes_nothing(database_url: str, database: Database) -> None:
    before = await dump_schema(database)
    assert await migrate(database_url) == SCHEMA
    assert await dump_schema(database) == before


async def test_first_rows(database: Database) -> None:
    pool = await database.fetch_row("SELECT pool, slots, used FROM slot_pool")
    assert pool is not None
    assert tuple(pool) == ("default_pool", 128, 0)
    assert await database.fetch_value("SELECT count(*) FROM lease_clock") == 1


async def test_parallelism_follows_the_settings(database: Database) -> None:
    await set_parallelism(database, 7)
    assert await database.fetch_value("SELECT slots FROM parallelism") == 7


async def test_services_wait_for_their_schema(empty_database_url: str) -> None:
    async with open_pool(empty_database_url, 2) as database, asyncio.TaskGroup() as group:
        waiting = group.create_task(wait_for_schema(database), name="wait")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await asyncio.shield(waiting)
        await migrate(empty_database_url)


async def test_a_database_that_has_moved_on_is_not_served(database: Database) -> None:
    await database.fetch("UPDATE schema_range SET oldest = $1, newest = $1", SCHEMA + 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await wait_for_schema(database)
    await database.fetch("UPDATE schema_range SET oldest = $1", SCHEMA)
    await wait_for_schema(database)


@pytest.mark.parametrize("url", ["mysql://root@localhost/x", "not an address", "localhost:5432"])
async def test_wrong_address_names_the_setting(url: str) -> None:
    with pytest.raises(ConfigError, match="TRADEWIND__DATABASE__URL"):
        await migrate(url)
