"""A decision batch as one change per row: what both stores apply.

A batch may name a task instance several times (its end is acknowledged and it is queued again; it is created and ends
at once). Here these become one `RowChange`, so that a store touches each row once.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tradewind.core.rows import (
    DecisionBatch,
    EndAcknowledged,
    NewTaskInstance,
    TaskInstanceChange,
    TaskInstanceId,
)
from tradewind.core.states import TaskInstanceState

FINISHED: Final = (
    TaskInstanceState.SUCCESS,
    TaskInstanceState.FAILED,
    TaskInstanceState.SKIPPED,
    TaskInstanceState.UPSTREAM_FAILED,
    TaskInstanceState.REMOVED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """All that a batch does to one task instance."""

    id: TaskInstanceId
    created: NewTaskInstance | None
    acknowledged: EndAcknowledged | None
    changes: tuple[TaskInstanceChange, ...]
    """In order; each expects what the one before leaves."""

    @property
    def final(self) -> TaskInstanceChange | None:
        """The change that tells how the row stands in the end."""
        return self.changes[-1] if self.changes else None

    @property
    def expected_state(self) -> TaskInstanceState | None:
        """None: any (the end is acknowledged, and nothing else happens)."""
        return self.changes[0].expected_state if self.changes else None

    @property
    def expected_attempt_id(self) -> UUID | None:
        """The attempt that must be current."""
        if self.changes:
            return self.changes[0].expected_attempt_id
        return self.acknowledged.attempt_id if self.acknowledged else None

    @property
    def enters_queued(self) -> bool:
        """A fresh attempt begins."""
        return any(change.state is TaskInstanceState.QUEUED for change in self.changes)

    @property
    def enters_scheduled(self) -> bool:
        """`scheduled_at` is now: it becomes `scheduled`, or `queued` without having been."""
        return any(
            change.state is TaskInstanceState.SCHEDULED
            or (change.state is TaskInstanceState.QUEUED and change.expected_state is not TaskInstanceState.SCHEDULED)
            for change in self.changes
        )

    @property
    def finishes(self) -> bool:
        """The scheduler itself ends it."""
        return self.final is not None and self.final.state in FINISHED

    @property
    def resets_losses(self) -> bool:
        """A new try begins."""
        return any(change.resets_losses for change in self.changes)

    @property
    def holds_after(self) -> int | None:
        """Slots held afterwards; None = as many as before."""
        if self.final is not None:
            return self.final.held_slots
        return 0 if self.acknowledged or self.created else None

    @property
    def kept_after(self) -> int:
        """Slots that it keeps although no attempt is under way: it is deferred and stays so."""
        return self.acknowledged.kept_slots if self.acknowledged is not None and self.final is None else 0


def row_changes(batch: DecisionBatch) -> list[RowChange]:
    """One entry per task instance that the batch names, in key order."""
    created = {row.id: row for row in batch.created}
    acknowledged = {row.id: row for row in batch.acknowledged}
    changes: dict[TaskInstanceId, list[TaskInstanceChange]] = {}
    for change in batch.changes:
        chain = changes.setdefault(change.id, [])
        assert not chain or _follows(chain[-1], change), f"changes of {change.id} contradict each other"
        chain.append(change)
    ids = sorted(dict.fromkeys([*created, *acknowledged, *changes]))
    return [
        RowChange(
            id=id_,
            created=created.get(id_),
            acknowledged=acknowledged.get(id_),
            changes=tuple(changes.get(id_, ())),
        )
        for id_ in ids
    ]


def _follows(before: TaskInstanceChange, after: TaskInstanceChange) -> bool:
    return after.expected_state is before.state and after.expected_attempt_id == before.attempt_id
