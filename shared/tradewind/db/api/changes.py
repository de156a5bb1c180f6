"""What has become of runs and task instances, in the order in which it was noted, each change once.

Commits become visible in another order than numbers are given out, so no number says how far a reader has come: a
snapshot of Postgres does. What was read is what the snapshot sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader has come: it has read what `since` sees and, of what `upto` sees, the changes through `seq`."""

    since: str
    """A snapshot, as Postgres writes it."""
    floor: int
    """The highest number that was read when `since` was taken: beyond it one need not ask by transaction."""
    upto: str | None = None
    seq: int = 0


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes in order, and where the next page begins."""

    rows: Sequence[Row]
    """Those of runs that were deleted meanwhile have no dag_id."""
    upto: str
    is_last: bool
    is_kept: bool
    """False: something between the place and these rows is kept no longer, or the place is of another database."""


async def first_place(database: Database) -> Place:
    """Where somebody begins who wants what comes from now on."""
    row = await database.fetch_row(statement("api_start_state_changes"))
    assert row is not None
    return Place(row["snapshot"], row["floor"])


async def list_changes(database: Database, place: Place, limit: int, upto: str | None = None) -> ChangePage:
    """At most `limit` changes after the place: through the snapshot that the place names, else through `upto`, else
    all that there are. Raises `InvalidValue` for a text that is no snapshot."""
    through = place.upto or upto
    values = (place.since, place.floor, through, place.seq, limit)
    rows = await database.fetch(statement("api_list_state_changes"), *values)
    first = rows[0]
    changes = [row for row in rows if row["seq"] is not None]
    is_kept = first["is_known"] and max(place.floor, place.seq) >= first["removed_through"]
    return ChangePage(changes, first["upto"], is_last=len(changes) < limit, is_kept=is_kept)


async def forget_changes(database: Database, before: datetime, keep: int, limit: int) -> int:
    """Delete at most `limit` that are older or more than `keep` back; how many."""
    row = await database.fetch_row(statement("api_forget_state_changes"), before, keep, limit)
    return 0 if row is None else row["removed"]
