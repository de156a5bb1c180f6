"""Connecting to RabbitMQ, and what can go wrong at that."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeVar

from aiormq.exceptions import AMQPError
from yarl import URL

from tradewind.bus.port import BusUnavailable
from tradewind.bus.rabbitmq.driver import Connection, new_connection
from tradewind.bus.rabbitmq.frames import broker_errors

CONNECT_TIMEOUT_SECONDS: Final = 10.0
_CLOSE_TIMEOUT_SECONDS: Final = 5.0
_HEARTBEAT_SECONDS: Final = 10
"""A broker that is silent for three of these is taken for lost."""
_FAILURES: Final = (AMQPError, OSError, RuntimeError, TimeoutError, EOFError, StopAsyncIteration)
"""What the driver raises when it cannot connect; the last two where the connection ends in the middle of that."""

BegunT = TypeVar("BegunT")


@asynccontextmanager
async def connected_to(
    url: URL, name: str, begin: Callable[[Connection], Awaitable[BegunT]], describe: Callable[[Exception], str]
) -> AsyncGenerator[BegunT]:
    """What `begin` makes of a new connection, which ends with the context. Raises `BusUnavailable`, with what
    `describe` says of the cause, if it cannot be had in time."""
    url = url if "heartbeat" in url.query else url.update_query(heartbeat=_HEARTBEAT_SECONDS)
    connection = new_connection(url, name)
    try:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await connection.connect()
                begun = await begin(connection)
        except _FAILURES as exc:
            raise BusUnavailable(describe(exc)) from exc
        except asyncio.CancelledError:
            with broker_errors():  # tells the driver's from ours
                raise
        yield begun
    finally:
        with suppress(BusUnavailable, RuntimeError, EOFError), broker_errors():
            await connection.close(
                BusUnavailable("the connection to the broker was closed"), timeout=_CLOSE_TIMEOUT_SECONDS
            )
