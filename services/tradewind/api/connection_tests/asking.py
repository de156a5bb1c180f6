"""Has connections tested."""

import asyncio
import json
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final, NamedTuple, cast

from tradewind.api.errors import BadRequest, Conflicting, Forbidden, Unprocessable
from tradewind.api.kept.connections import KIND
from tradewind.api.kept.planning import Values
from tradewind.api.models.connections import ConnectionBody
from tradewind.api.redaction import MASK
from tradewind.api.state import ApiState
from tradewind.bus.port import Message
from tradewind.core.errors import AdapterError
from tradewind.core.executors import configured_executors
from tradewind.db.api import connection_tests as queries
from tradewind.db.api.admin import get_connection
from tradewind.db.pool import Row
from tradewind.service.logging import get_logger
from tradewind.wire.codec import encode
from tradewind.wire.messages import DagRequestsCreated
from tradewind.wire.queues import DAG_REQUESTS

ENABLED: Final = "Enabled"
LOOK_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 75.0
"""Of a request that waits for its answer: longer than a hook may take."""


class Ended(NamedTuple):
    """How a test ended."""

    is_good: bool
    message: str


def check_enabled(state: ApiState) -> None:
    """Raises `Forbidden` where connections are not tested."""
    if state["settings"].core.test_connection != ENABLED:
        raise Forbidden(
            "Testing connections is disabled: TRADEWIND__CORE__TEST_CONNECTION=Enabled allows it, in the API and in the"
            " DAG processors, which run the hooks. A task can always use Connection.get(...).test_connection()"
        )


def check_executor(state: ApiState, executor: str | None) -> None:
    """Raises `Unprocessable` for one that is not configured."""
    core = state["settings"].core
    known = configured_executors(core.executor, core.executor_queues)
    if executor is not None and executor not in known.by_name:
        raise Unprocessable(f"The executor {executor!r} is not configured; there are: {known.listed}")


async def enqueue(state: ApiState, body: ConnectionBody, *, commit_on_success: bool) -> str:
    """The token of a test that waits. Raises `Conflicting` while the connection is being tested, and `BadRequest` if
    stored secrets were to be sent elsewhere."""
    token = token_urlsafe(32)
    text = json.dumps(await _to_test(state, body))
    is_new = await queries.enqueue(
        state["database"],
        test_id=state["new_id"](),
        token_digest=_digest(token),
        connection_id=body.connection_id,
        connection=state["secrets"].encrypt(text),
        commit_on_success=commit_on_success,
        now=state["clock"](),
    )
    if not is_new:
        raise Conflicting(f"The connection {body.connection_id!r} is being tested already")
    try:
        await state["bus"].broadcast(DAG_REQUESTS, Message(body=encode(DagRequestsCreated(count=1))))
    except AdapterError as exc:  # DAG processors look by themselves
        get_logger().warning("bus.unavailable", sending="connection_test", error=str(exc))
    return token


async def find(state: ApiState, token: str) -> Row | None:
    """The test of this token."""
    return await queries.find(state["database"], _digest(token), state["clock"]())


async def ended(state: ApiState, token: str) -> Ended:
    """Waits for the end of a test that was just enqueued."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        row = await find(state, token)
        if row is not None and row["state"] in ("success", "failed"):
            return Ended(row["state"] == "success", row["result_message"])
        await asyncio.sleep(LOOK_SECONDS)
    return Ended(
        is_good=False, message=f"There was no answer within {PATIENCE_SECONDS:g} s: is a DAG processor running?"
    )


async def _to_test(state: ApiState, body: ConnectionBody) -> Values:
    """The fields to test with. Secrets that come masked are the stored ones, which go to no other address."""
    given = KIND.rules.created(body)
    is_masked = any(MASK in str(given[name]) for name in ("password", "extra"))
    row = await get_connection(state["database"], body.connection_id) if is_masked else None
    if row is None:
        return given
    stored = KIND.opened(row, state["secrets"])
    if any((given[name] or None) != (stored[name] or None) for name in ("conn_type", "host", "port")):
        raise BadRequest(
            "The type, host or port to test is not that of the stored connection: give the credentials to test with"
        )
    return KIND.rules.changed(stored, body, None)


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def opened(state: ApiState, connection: bytes) -> Values:
    """What a row holds, in clear."""
    return cast("Values", json.loads(state["secrets"].decrypt(connection)))
