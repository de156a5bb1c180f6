"""Slots of a worker that scales itself."""

from hypothesis import given
from hypothesis import strategies as st

from tradewind.core.autoscale import SlotLoad, SlotRange, next_slots

KEEP = 30.0
RANGES = st.tuples(st.integers(1, 50), st.integers(0, 50)).map(lambda pair: SlotRange(fewest=pair[0], most=sum(pair)))
LOADS = st.builds(SlotLoad, busy=st.integers(0, 120), waiting=st.integers(0, 120), spare_seconds=st.floats(0, 100))


@given(st.integers(1, 120), RANGES, LOADS)
def test_slots_stay_in_range_and_follow_the_load(slots: int, allowed: SlotRange, load: SlotLoad) -> None:
    after = next_slots(slots, allowed, load, KEEP)
    wanted = load.busy + load.waiting
    assert allowed.fewest <= after <= allowed.most
    assert after >= min(wanted, allowed.most), "whatever waits has a slot, as far as there may be one"
    if load.spare_seconds < KEEP:
        assert after >= min(slots, allowed.most), "slots are kept for a while"
    else:
        assert after <= max(wanted, allowed.fewest), "and then given up"
    assert next_slots(after, allowed, load, KEEP) == after
