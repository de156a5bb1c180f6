"""A batch as one change per row."""

import pytest

from tests.store_driver import START, acknowledged, change, created, number, queued
from tradewind.core.rows import DecisionBatch, TaskInstanceId
from tradewind.core.states import TaskInstanceState
from tradewind.db.decisions import row_changes

S = TaskInstanceState
A, B = TaskInstanceId(1, "a"), TaskInstanceId(1, "b")


def batch(**parts: object) -> DecisionBatch:
    return DecisionBatch(scheduler_id=number(1), now=START, runs=(), **parts)  # pyright: ignore[reportArgumentType]


def test_rows_come_in_key_order_each_once() -> None:
    rows = row_changes(
        batch(created=(created(B),), changes=(queued(A, number(2)),), acknowledged=(acknowledged(A, None),))
    )
    assert [row.id for row in rows] == [A, B]
    assert rows[0].acknowledged is not None
    assert rows[0].final is not None


def test_steps_of_one_row_are_folded() -> None:
    (row,) = row_changes(batch(changes=(change(A, S.NONE, S.SCHEDULED), queued(A, number(2), S.SCHEDULED))))
    assert (row.expected_state, row.expected_attempt_id) == (S.NONE, None)
    assert row.final is not None
    assert (row.final.state, row.final.attempt_id, row.holds_after) == (S.QUEUED, number(2), 1)
    assert (row.enters_scheduled, row.enters_queued, row.finishes, row.resets_losses) == (True, True, False, True)


def test_steps_that_contradict_each_other_are_a_defect() -> None:
    steps = (change(A, S.NONE, S.SCHEDULED), queued(A, number(2), S.NONE))
    with pytest.raises(AssertionError, match="contradict"):
        row_changes(batch(changes=steps))


def test_slots_are_given_back_by_acknowledging_alone() -> None:
    (row,) = row_changes(batch(acknowledged=(acknowledged(A, number(2)),)))
    assert (row.expected_state, row.expected_attempt_id, row.holds_after) == (None, number(2), 0)
