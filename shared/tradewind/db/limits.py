"""Bounds that both stores keep to."""

from datetime import timedelta
from typing import Final

REPUBLISH_AFTER_MAX: Final = timedelta(minutes=30)
"""The longest time between two publications of one attempt's message."""

TOMBSTONES_KEPT: Final = timedelta(days=1)
"""How long an expired worker's or scheduler's row remains, to refuse it should it come back."""

WORKERS_EXPIRED_MAX: Final = 16
"""Workers reaped per call: each may hold many attempts, and one transaction ends them all."""

CLOCK_STEP_MAX_SECONDS: Final = 1.0
"""What one tick adds to the lease clock at most."""

CLOCK_GAP_SECONDS: Final = 3.0
"""Ticks further apart than this mean that nobody was receiving."""

LOST_AFTER_BEATS: Final = 2
"""Heartbeats in a row that must miss an attempt before it is taken for lost."""

HEARTBEATS_KEPT: Final = timedelta(days=1)
"""Rows of services that are gone."""


def republish_after(first_after: timedelta, publish_count: int) -> timedelta:
    """How long after its latest publication an unclaimed attempt's message is published again: doubled each time."""
    return min(first_after * 2 ** min(max(publish_count - 1, 0), 20), REPUBLISH_AFTER_MAX)
