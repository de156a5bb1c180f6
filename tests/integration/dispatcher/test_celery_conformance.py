"""The CeleryExecutor conforms on real brokers."""

import asyncio

import pytest

from tests.integration.bus_stations import RabbitMQStation, RedisStation
from tests.unit.dispatcher.celery_subject import CelerySubject
from tradewind.dispatcher.executors.conformance import CHECKS


@pytest.mark.parametrize("broker", ["rabbitmq", "redis"])
async def test_the_celery_executor_conforms(broker: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(broker)
    station = RabbitMQStation(server) if broker == "rabbitmq" else RedisStation(server)
    async with asyncio.TaskGroup() as group:
        for check in CHECKS:
            group.create_task(check(CelerySubject(station.connect)), name=check.__name__)
