"""Fixtures of more than one integration test."""

import pytest

from tests.integration.bus_stations import BrokerStation, RabbitMQStation, RedisStation


@pytest.fixture(params=["rabbitmq", "redis"])
def broker_station(request: pytest.FixtureRequest) -> BrokerStation:
    """A place of the test's own on each kind of broker that is a process."""
    make = RabbitMQStation if request.param == "rabbitmq" else RedisStation
    return make(request.getfixturevalue(request.param))
