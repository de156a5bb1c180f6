"""Tests of connections: asked for by people, taken and answered by whoever runs hooks. What is tested is encrypted."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tradewind.db.pool import Database, Row, Session
from tradewind.db.statements import statement

WAITING: Final = timedelta(minutes=10)
"""A test that nobody takes for so long is over."""
RUNNING: Final = timedelta(seconds=90)
"""One that was taken is over after this: whoever took it is gone, for hooks get a minute."""
KEPT: Final = timedelta(days=1)

NOT_TAKEN: Final = (
    "No DAG processor took the test within 10 minutes: is one running, with core.test_connection Enabled?"
)
LOST: Final = "The DAG processor that ran the test was lost"


async def enqueue(
    database: Database,
    *,
    test_id: UUID,
    token_digest: bytes,
    connection_id: str,
    connection: bytes,
    commit_on_success: bool,
    now: datetime,
) -> bool:
    """False if a test of this connection is under way."""
    await _expire(database, now)
    values = (test_id, token_digest, connection_id, connection, commit_on_success, now, now + WAITING)
    return await database.fetch_row(statement("api_insert_connection_test"), *values) is not None


async def find(database: Database, token_digest: bytes, now: datetime) -> Row | None:
    """`connection_id`, `state`, `result_message` and `created_at` of the test."""
    await _expire(database, now)
    return await database.fetch_row(statement("api_get_connection_test"), token_digest)


async def take(database: Database, now: datetime) -> Row | None:
    """`id` and `connection` of a test that is the caller's from now on; None if there is none."""
    return await database.fetch_row(statement("api_take_connection_test"), now, now + RUNNING)


async def locked(session: Session, test_id: UUID) -> Row | None:
    """`connection` and `commit_on_success` of a test that is running."""
    return await session.fetch_row(statement("api_lock_connection_test"), test_id)


async def finish(session: Session, test_id: UUID, state: str, message: str, now: datetime) -> None:
    """A locked test is over."""
    await session.fetch(statement("api_finish_connection_test"), test_id, state, message, now)


async def _expire(database: Database, now: datetime) -> None:
    await database.fetch(statement("api_expire_connection_tests"), now, now - KEPT, NOT_TAKEN, LOST)
