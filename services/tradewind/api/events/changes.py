"""One change as clients see it."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, Literal

import msgspec

from tradewind.api.events.position import id_of
from tradewind.db.api.changes import ChangePage, Place
from tradewind.db.pool import Row

Kind = Literal["dag_run", "task_instance"]
NONE: Final = "none"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A run or a task instance has come into a state."""

    place: Place
    """How far who has read it has come."""
    run_key: int
    dag_id: str
    dag_run_id: str
    run_type: str
    task_id: str | None
    """None: the run itself."""
    map_index: int | None
    try_number: int | None
    state: str
    changed_at: datetime

    @property
    def kind(self) -> Kind:
        return "dag_run" if self.task_id is None else "task_instance"

    @cached_property
    def frame(self) -> bytes:
        """The whole server-sent event, made once for all who get it."""
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (id_of(self.place).encode(), self.kind.encode(), self._data())

    def _data(self) -> bytes:
        state = None if self.state == NONE else self.state
        names = {"kind": self.kind, "dag_id": self.dag_id, "dag_run_id": self.dag_run_id}
        if self.task_id is None:
            what: dict[str, object] = {"run_type": self.run_type}
        else:
            what = {"task_id": self.task_id, "map_index": self.map_index, "try_number": self.try_number}
        return msgspec.json.encode({**names, **what, "state": state, "when": self.changed_at})


def changes_of(page: ChangePage, start: Place) -> list[Change]:
    """The page's changes; those of runs that are gone are left out."""
    return [_change(row, _place(row, page, start)) for row in page.rows if row["dag_id"] is not None]


def end_of(page: ChangePage, start: Place) -> Place:
    """How far who has read the page has come."""
    if page.rows and not page.is_last:
        return _place(page.rows[-1], page, start)
    floor = max(start.floor, page.rows[-1]["seq"]) if page.rows else max(start.floor, start.seq)
    return Place(page.upto, floor)


def _place(row: Row, page: ChangePage, start: Place) -> Place:
    return Place(start.since, start.floor, page.upto, row["seq"])


def _change(row: Row, place: Place) -> Change:
    return Change(
        place=place,
        run_key=row["run_key"],
        dag_id=row["dag_id"],
        dag_run_id=row["dag_run_id"],
        run_type=row["run_type"],
        task_id=row["task_id"],
        map_index=row["map_index"],
        try_number=row["try_number"],
        state=row["state"],
        changed_at=row["changed_at"],
    )
