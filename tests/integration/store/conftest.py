"""Every test of this folder runs on both stores."""

import pytest

from tests.store_driver import Driver, memory_driver, postgres_driver
from tradewind.db.pool import Database


@pytest.fixture(params=["memory", "postgres"])
def driver(request: pytest.FixtureRequest) -> Driver:
    """A driver in front of an empty store."""
    if request.param == "memory":
        return memory_driver()
    database: Database = request.getfixturevalue("database")
    return postgres_driver(database)
