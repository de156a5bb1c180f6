"""What the execution API does for an attempt: each function is one statement that checks the attempt and acts.

An attempt that is not current or not running reads, writes and deletes nothing, and the function raises: `StaleAttempt`
if another attempt has taken its place, `AttemptNotRunning` if it has ended or is being stopped. For an attempt that was
deferred its trigger speaks, as long as the task waits.

A success is committed before its callbacks are called, so for ten minutes more its attempt may read everything, log,
and write variables. What others build on stands: XComs, kept values and runs it writes no more. Afterwards it is as
stale as one whose place was taken, lest its token open secrets for ever.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from tradewind.core.errors import DomainError
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement

SPEAKING_STATES: Final = ("running", "deferred", "success")


class StaleAttempt(DomainError):
    """Another attempt of the task instance is current, or the task instance is gone."""


class AttemptNotRunning(DomainError):
    """The attempt is current but does not run: it has ended, or is being stopped."""


async def set_xcom(database: Database, attempt_id: UUID, key: str, value: bytes, now: datetime) -> None:
    """Write an XCom of the attempt's own task instance."""
    running(attempt_id, await database.fetch_row(statement("api_set_attempt_xcom"), attempt_id, key, value, now))


async def delete_xcom(database: Database, attempt_id: UUID, key: str) -> None:
    """Remove an XCom of the attempt's own task instance, if there is one."""
    running(attempt_id, await database.fetch_row(statement("api_delete_attempt_xcom"), attempt_id, key))


async def get_xcom(
    database: Database,
    attempt_id: UUID,
    *,
    dag_id: str,
    run_id: str,
    task_id: str,
    map_index: int,
    key: str,
    include_prior_dates: bool = False,
) -> bytes | None:
    """Any task's XCom, as JSON text; None if there is none."""
    row = await database.fetch_row(
        statement("api_get_attempt_xcom"), attempt_id, dag_id, run_id, task_id, map_index, key, include_prior_dates
    )
    return speaking(attempt_id, row)["value"]


async def get_variable(database: Database, attempt_id: UUID, key: str) -> bytes | None:
    """A variable's encrypted value; None if there is none."""
    return speaking(attempt_id, await database.fetch_row(statement("api_get_attempt_variable"), attempt_id, key))[
        "value"
    ]


async def list_variable_keys(database: Database, attempt_id: UUID, prefix: str, after: str, limit: int) -> list[str]:
    """Keys that begin so and follow another, in order, at most so many."""
    row = await database.fetch_row(statement("api_list_attempt_variable_keys"), attempt_id, prefix, after, limit)
    return list(speaking(attempt_id, row)["keys"])


async def set_variable(database: Database, attempt_id: UUID, key: str, value: bytes, description: str | None) -> None:
    """Create or change a variable; without a description an existing one stays."""
    row = await database.fetch_row(statement("api_set_attempt_variable"), attempt_id, key, value, description)
    speaking(attempt_id, row)


async def delete_variable(database: Database, attempt_id: UUID, key: str) -> None:
    """Remove a variable, if there is one."""
    speaking(attempt_id, await database.fetch_row(statement("api_delete_attempt_variable"), attempt_id, key))


async def get_connection(database: Database, attempt_id: UUID, conn_id: str) -> Row | None:
    """A connection with its secrets encrypted; None if there is none."""
    row = speaking(attempt_id, await database.fetch_row(statement("api_get_attempt_connection"), attempt_id, conn_id))
    return None if row["conn_id"] is None else row


async def append_log(database: Database, attempt_id: UUID, sequence: int, lines: bytes, now: datetime) -> None:
    """Store a chunk of the attempt's log once; a replay changes nothing and succeeds, even after the attempt's end."""
    row = await database.fetch_row(statement("api_append_attempt_log"), attempt_id, sequence, lines, now)
    if row is None or not row["is_replay"]:
        speaking(attempt_id, row)


def running(attempt_id: UUID, row: Row | None) -> Row:
    """The row, whose `state` is the attempt's; raises for an attempt that is not current or does not run."""
    if row is not None and row["state"] == "success":
        raise AttemptNotRunning(
            f"attempt {attempt_id} does not run: its task instance is success, and what it wrote stands. Callbacks of "
            "a success come after it: they may read, log and write variables, but no XComs, kept values or runs"
        )
    return speaking(attempt_id, row)


def speaking(attempt_id: UUID, row: Row | None) -> Row:
    """As `running`, but callbacks that come after a success may still do this."""
    if row is None:
        raise StaleAttempt(f"attempt {attempt_id} is not the current one of its task instance: stop, nothing is kept")
    if row["state"] not in SPEAKING_STATES:
        raise AttemptNotRunning(f"attempt {attempt_id} does not run: its task instance is {row['state']}")
    return row
