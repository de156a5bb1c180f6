"""The pool: what goes wrong becomes one of our errors, and passes when the server is back."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from tests.polling import poll_until
from tests.servers.postgres import PostgresServer
from tradewind.core.errors import ConfigError, Conflict
from tradewind.db.pool import Database, InvalidValue, open_pool
from tradewind.db.store import StoreUnavailable

END_MY_CONNECTION = "SELECT pg_terminate_backend(pg_backend_pid())"


async def test_times_are_utc_and_json_is_values(database: Database) -> None:
    row = await database.fetch_row("SELECT now() AS now, $1::json AS json, $2::jsonb AS jsonb", {"a": [1]}, None)
    assert row is not None
    assert row["now"].utcoffset() == timedelta(0)
    assert abs(row["now"] - datetime.now(UTC)) < timedelta(minutes=1)
    assert (row["json"], row["jsonb"]) == ({"a": [1]}, None)


async def test_a_lost_connection_is_unavailable_once(database: Database) -> None:
    with pytest.raises(StoreUnavailable):
        await database.fetch(END_MY_CONNECTION)
    assert await database.fetch_value("SELECT 1") == 1


async def test_a_connection_lost_within_a_transaction_rolls_back(database: Database) -> None:
    async def lose_it() -> None:
        async with database.transaction() as transaction:
            await transaction.fetch("UPDATE parallelism SET slots = 99")
            await transaction.fetch(END_MY_CONNECTION)

    with pytest.raises(StoreUnavailable):
        await lose_it()
    assert await database.fetch_value("SELECT slots FROM parallelism") == 32


async def test_an_exception_rolls_back(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as transaction:
            await transaction.fetch("UPDATE parallelism SET slots = 99")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await database.fetch_value("SELECT slots FROM parallelism") == 32


async def test_a_deadlock_is_unavailable_for_one_of_the_two(database: Database) -> None:
    met = asyncio.Barrier(2)
    await database.fetch("INSERT INTO slot_pool (pool, slots) VALUES ('a', 1), ('b', 1)")

    async def lock(first: str, second: str) -> None:
        async with database.transaction() as transaction:
            await transaction.fetch("UPDATE slot_pool SET slots = 2 WHERE pool = $1", first)
            await met.wait()
            await transaction.fetch("UPDATE slot_pool SET slots = 2 WHERE pool = $1", second)

    async def cross() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(lock("a", "b"), name="a then b")
            group.create_task(lock("b", "a"), name="b then a")

    with pytest.raises(ExceptionGroup) as caught:
        await cross()
    (error,) = caught.value.exceptions
    assert isinstance(error, StoreUnavailable)
    assert error.retryable


async def test_what_is_there_already_is_a_conflict(database: Database) -> None:
    with pytest.raises(Conflict, match="slot_pool_pkey"):
        await database.fetch("INSERT INTO slot_pool (pool, slots) VALUES ('default_pool', 1)")


@pytest.mark.parametrize("value", ["a\x00b", 2**40])
async def test_a_value_that_no_column_holds_is_invalid(database: Database, value: object) -> None:
    column = "description" if isinstance(value, str) else "slots"
    with pytest.raises(InvalidValue):
        await database.fetch(f"UPDATE slot_pool SET {column} = $1", value)


async def test_defects_of_ours_are_not_disguised(database: Database) -> None:
    with pytest.raises(Exception, match="nothing_of_this_name") as caught:
        await database.fetch("SELECT nothing_of_this_name")
    assert not isinstance(caught.value, StoreUnavailable)


@pytest.mark.parametrize("url", ["mysql://root@localhost/x", "localhost:5432", "postgresql://[::1"])
async def test_what_is_no_address_names_the_setting(url: str) -> None:
    with pytest.raises(ConfigError, match="TRADEWIND__DATABASE__URL"):
        async with open_pool(url, 1):
            pass


@pytest.mark.parametrize("wrong", ["database", "server"])
async def test_a_wrong_address_is_retried_and_logged_with_the_setting(postgres_url: str, wrong: str) -> None:
    url = "postgresql://user:secret@127.0.0.1:1/x"
    if wrong == "database":
        url = postgres_url.replace("/postgres?", "/absent?")
    with structlog.testing.capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            opening = group.create_task(_open(url), name="open")
            await poll_until(lambda: len(logs) >= 3)
            opening.cancel()
    assert [entry["event"] for entry in logs[:3]] == ["database.unavailable"] * 3
    assert [entry["delay_seconds"] for entry in logs[:3]] == [0.1, 0.2, 0.4]
    assert "TRADEWIND__DATABASE__URL" in logs[0]["hint"]
    assert "secret" not in str(logs)


async def _open(url: str) -> None:
    async with open_pool(url, 1):
        pass


async def test_a_pool_outlives_its_server(mortal_postgres: PostgresServer) -> None:
    async with open_pool(mortal_postgres.url, 2) as database:
        assert await database.fetch_value("SELECT 1") == 1
        await asyncio.to_thread(mortal_postgres.kill)
        with pytest.raises(StoreUnavailable):
            await database.fetch("SELECT 1")
        with pytest.raises(StoreUnavailable):
            await database.fetch("SELECT 1")
        await asyncio.to_thread(mortal_postgres.start)

        async def is_back() -> bool:
            try:
                return await database.fetch_value("SELECT 1") == 1
            except StoreUnavailable:
                return False

        await poll_until(is_back)
