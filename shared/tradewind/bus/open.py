"""Choosing the bus by its address."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, Literal

from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.port import Bus
from tradewind.core.errors import ConfigError

SETTING_NAME: Final = "TRADEWIND__BROKER__URL"


@asynccontextmanager
async def open_bus(
    url: str | None,
    *,
    broker: MemoryBroker | None = None,
    name: str = "tradewind",
    queue_type: Literal["classic", "quorum"] = "classic",
    max_body_bytes: int = 128 * 1024 * 1024,
) -> AsyncGenerator[Bus]:
    """A connection to the broker at `url`, or to the in-memory `broker` if there is no `url`.

    `name` is what the broker shows for the connection. Entering does not fail because the broker cannot be reached:
    the reason is logged, and the bus connects as soon as it can. Raises `ConfigError` for an address that cannot work.
    """
    if url is None:
        if broker is None:
            raise ConfigError(f"{SETTING_NAME} is not set: only `tradewind standalone` runs without a broker")
        bus = MemoryBus(broker)
        try:
            yield bus
        finally:
            await bus.close()
        return
    # A service need not load the driver of a broker that it does not use.
    scheme = url.partition("://")[0]
    if scheme in ("amqp", "amqps"):
        from tradewind.bus.rabbitmq.bus import open_rabbitmq

        async with open_rabbitmq(
            url, name=name, setting_name=SETTING_NAME, queue_type=queue_type, max_body_bytes=max_body_bytes
        ) as rabbitmq_bus:
            yield rabbitmq_bus
    elif scheme in ("redis", "rediss"):
        from tradewind.bus.redis.bus import open_redis

        async with open_redis(url, name=name, setting_name=SETTING_NAME, max_body_bytes=max_body_bytes) as redis_bus:
            yield redis_bus
    else:
        raise ConfigError(
            f"{SETTING_NAME} begins with {scheme!r}: supported are amqp:// and amqps:// (RabbitMQ), "
            "as in amqp://user:password@host:5672/vhost, and redis:// and rediss:// (Redis), "
            "as in redis://:password@host:6379/0"
        )
