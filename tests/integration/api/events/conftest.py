"""A second process of the API, with little room."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest_asyncio

from tests.integration.api.access.conftest import log_in_as, narrowed
from tests.servers.api import ApiServer, api_server

__all__ = ["log_in_as", "narrowed"]

WAITING_EVENTS = 12
WEBHOOK_BYTES = 100
DELIVERIES = 2


@asynccontextmanager
async def another_api(api: ApiServer, **limits: Any) -> AsyncGenerator[ApiServer]:
    """One more process of the same API."""
    changed = msgspec.structs.replace(api.settings.api_server, **limits)
    async with api_server(
        api.database,
        Path(api.settings.home),
        broker=api.broker,
        change=lambda settings: msgspec.structs.replace(settings, api_server=changed),
    ) as other:
        yield other


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def narrow(api: ApiServer) -> AsyncGenerator[ApiServer]:
    """One client at a time."""
    async with another_api(
        api,
        max_event_clients=1,
        max_waiting_events=WAITING_EVENTS,
        max_webhook_bytes=WEBHOOK_BYTES,
        max_webhook_deliveries=DELIVERIES,
    ) as other:
        yield other
