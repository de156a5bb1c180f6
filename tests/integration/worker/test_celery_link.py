"""The connection that Celery's tools are served on is back at once, whatever happened to it and however often."""

import asyncio

import aiormq
import aiormq.abc
import structlog

from tests.integration.bus_stations import RabbitMQStation
from tests.polling import poll_until
from tests.servers.rabbitmq import RabbitMQServer
from tradewind.wire.envelope import Message
from tradewind.worker.celery_control.link import CeleryLink
from tradewind.worker.celery_control.mailbox import REQUESTS

BACK_WITHIN_SECONDS = 8.0
"""The longest wait between two attempts is a second; a busy machine needs some more for the attempt."""


class Served:
    """What a link was asked, and what it has said."""

    def __init__(self, logs: list[structlog.typing.EventDict], operator: aiormq.abc.AbstractChannel) -> None:
        self._logs = logs
        self._operator = operator
        self._heard: list[bytes] = []

    async def hear(self, message: Message) -> None:
        self._heard.append(message.body)

    @property
    def losses(self) -> int:
        """How often it was lost, or could not be had."""
        return sum(log["event"] == "celery_control.interrupted" for log in self._logs)

    async def expect_back(self) -> None:
        """It hears what is asked from now on, within the time."""
        self._heard.clear()

        async def hears() -> bool:
            await self._operator.basic_publish(b"anybody there?", exchange=REQUESTS)
            return bool(self._heard)

        await poll_until(hears, BACK_WITHIN_SECONDS)


async def test_link_is_back_at_once_after_every_kind_of_loss(rabbitmq: RabbitMQServer) -> None:
    station = RabbitMQStation(rabbitmq)
    async with (
        station.new_proxy() as (proxy, url),
        aiormq.connect(station.url) as connection,
        asyncio.TaskGroup() as group,
    ):
        with structlog.testing.capture_logs() as logs:
            operator = await connection.channel()
            await operator.exchange_declare(REQUESTS, exchange_type="fanout", durable=False)
            served = Served(logs, operator)
            serving = group.create_task(CeleryLink(url, name="test").run("mailbox", served.hear))
            await served.expect_back()
            for _ in range(2):
                before = served.losses
                await asyncio.to_thread(rabbitmq.delete_queues, station.url, keep="none")
                await poll_until(lambda before=before: served.losses > before)
                await served.expect_back()
            before = served.losses
            proxy.cut()
            await poll_until(lambda: served.losses > before)
            await served.expect_back()
            before = served.losses
            proxy.is_refusing = True  # as a broker that is away
            proxy.cut()
            await poll_until(lambda: served.losses > before + 3)  # the wait has grown
            proxy.is_refusing = False
            await served.expect_back()
            serving.cancel()
