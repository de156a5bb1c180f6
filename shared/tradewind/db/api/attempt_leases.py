"""Attempts that processes run over HTTP: where each stands, and what it says before its end. Starting, ending and the
lease itself are the collector's; see `execution` for what these functions raise.

Such a process is a worker of one attempt, whose row in `worker` is its lease.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from tradewind.db.api.execution import StaleAttempt, running, speaking
from tradewind.db.pool import Database, Row
from tradewind.db.postgres.row_mapping import storable_text
from tradewind.db.statements import statement

UNHELD: Final = UUID(int=0)
ALL_INSTANCES: Final = -1
"""Map index of a task that is skipped in all its instances."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What lets one process run one attempt: the same process, asking again, gets the same, and another in its place,
    under its very name and number even, does not."""

    attempt_id: UUID
    incarnation: UUID

    @classmethod
    def of(cls, attempt_id: UUID, hostname: str, pid: int, started_at: datetime) -> "Lease":
        return cls(attempt_id, uuid5(attempt_id, f"{hostname}\n{pid}\n{started_at.timestamp()}"))

    @property
    def worker_id(self) -> str:
        return f"http@{self.attempt_id}"


async def get_lease(database: Database, attempt_id: UUID, lease: Lease | None) -> Row:
    """Where the attempt stands, with what this lease holds; raises `StaleAttempt`."""
    wanted = lease or Lease(attempt_id, UNHELD)
    row = await database.fetch_row(statement("api_get_attempt_lease"), attempt_id, wanted.worker_id, wanted.incarnation)
    if row is None:
        raise StaleAttempt(f"attempt {attempt_id} is not the current one of its task instance: stop, nothing is kept")
    return row


async def note_attempt(
    database: Database,
    attempt_id: UUID,
    *,
    rendered_fields: bytes | None = None,
    rendered_map_index: str | None = None,
    map_length: int | None = None,
) -> None:
    """Keep what the attempt says of itself; None leaves it as it was."""
    values = (rendered_fields, storable_text(rendered_map_index), map_length)
    running(attempt_id, await database.fetch_row(statement("api_note_attempt"), attempt_id, *values))


async def add_skips(database: Database, lease: Lease, skipped: Sequence[tuple[str, int]]) -> None:
    """Keep what the attempt's end is to skip."""
    values = (lease.attempt_id, lease.worker_id, lease.incarnation, [list(pair) for pair in skipped])
    running(lease.attempt_id, await database.fetch_row(statement("api_add_attempt_skips"), *values))


async def ask(database: Database, attempt_id: UUID, question: Mapping[str, Any], now: datetime) -> None:
    """Keep the attempt's question to a person: `subject`, `body`, `options`, `defaults`, `multiple`, `params`,
    `assigned_users`."""
    names = ("subject", "body", "options", "defaults", "multiple", "params", "assigned_users")
    values = [question[name] for name in names]
    row = await database.fetch_row(statement("api_ask_attempt_question"), attempt_id, *values, now)
    running(attempt_id, row)


async def answer(
    database: Database, attempt_id: UUID, chosen_options: Sequence[str], params_input: Mapping[str, Any], now: datetime
) -> bool | None:
    """Keep the attempt's own answer to its question; False = there is one already, None = it asked nothing."""
    values = (now, list(chosen_options), dict(params_input))
    row = running(attempt_id, await database.fetch_row(statement("api_answer_attempt_question"), attempt_id, *values))
    return row["is_answered"] if row["is_asked"] else None


async def page_variable_keys(
    database: Database, attempt_id: UUID, prefix: str, limit: int, offset: int
) -> tuple[Sequence[str], int]:
    """A page of the keys that begin so, in order, and how many there are."""
    row = await database.fetch_row(statement("api_page_attempt_variable_keys"), attempt_id, prefix, limit, offset)
    found = speaking(attempt_id, row)
    return list(found["keys"]), found["total"]
