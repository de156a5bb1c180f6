"""The test servers themselves: each can be had, is empty for each test, and survives being killed."""

import asyncio
import socket
from urllib.parse import urlsplit

import asyncpg

from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitMQServer


async def _tables(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        count = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert isinstance(count, int)
        return count
    finally:
        await connection.close()


async def test_each_test_has_its_own_database(postgres: PostgresServer, database_url: str) -> None:
    with postgres.new_database() as other:
        assert other != database_url
        assert await _tables(database_url) == await _tables(other) > 0


async def test_empty_database_is_empty(empty_database_url: str) -> None:
    assert await _tables(empty_database_url) == 0


async def test_killed_postgres_comes_back_with_its_data(mortal_postgres: PostgresServer) -> None:
    with mortal_postgres.new_database() as url:
        before = await _tables(url)
        await asyncio.to_thread(mortal_postgres.kill)
        await asyncio.to_thread(mortal_postgres.start)
        assert await _tables(url) == before


def test_virtual_hosts_are_never_given_twice(rabbitmq: RabbitMQServer) -> None:
    urls = [rabbitmq.new_url() for _ in range(40)]
    assert len(set(urls)) == 40


def test_redis_answers(redis_url: str) -> None:
    parts = urlsplit(redis_url)
    with socket.create_connection((parts.hostname or "", parts.port or 6379), timeout=5) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(16).startswith(b"+PONG")
