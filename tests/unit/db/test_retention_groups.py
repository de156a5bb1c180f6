"""Runs are deleted in groups that are small, whatever the runs are."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tradewind.db.retention.runs import grouped


@given(st.dictionaries(st.integers(1, 1000), st.integers(0, 50)), st.integers(1, 60))
def test_groups_hold_all_runs_in_order_and_none_is_larger_than_it_must_be(sizes: dict[int, int], limit: int) -> None:
    groups = list(grouped(sizes, limit))
    assert [run for group in groups for run in group] == list(sizes)
    for group in groups:
        assert len(group) == 1 or sum(sizes[run] for run in group) <= limit
    for group, following in pairwise(groups):
        assert sum(sizes[run] for run in group) + sizes[following[0]] > limit
