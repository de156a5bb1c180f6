"""Tests of connections."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from tradewind.api.models.base import ApiModel, StrictBody
from tradewind.api.models.connections import ConnectionBody


class ConnectionTestRequestBody(ConnectionBody):
    """A connection to test. Which executor and queue it is for has no influence: DAG processors test."""

    commit_on_success: bool = Field(default=False, description="Keep the connection if the test succeeds.")
    executor: str | None = None
    queue: str | None = None


class ConnectionTestQueuedResponse(ApiModel):
    """A test that waits, and the token to ask for its answer with."""

    token: str
    connection_id: str
    state: str


class AsyncConnectionTestResponse(ApiModel):
    """What became of a test: `pending`, `running`, `success` or `failed`."""

    token: str
    connection_id: str
    state: str
    result_message: str | None = None
    created_at: datetime


class TakenConnectionTest(ApiModel):
    """A test for whoever took it."""

    id: UUID
    connection: dict[str, Any]
    """By the names of `Connection`'s parameters."""


class ConnectionTestAnswer(StrictBody):
    """What the hook said."""

    status: bool
    message: str
