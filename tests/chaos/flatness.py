"""Whether a figure that is looked at again and again grows: pure arithmetic."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WARM_UP_SHARE: Final = 0.3
"""Of the samples: caches fill, files are imported, connections are opened."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much of a difference is noise: what is within either counts as flat."""

    share: float
    absolute: float


@dataclass(frozen=True, slots=True)
class Trend:
    """Lowest tenths of the first and the last third of the samples after the warm-up: what a process holds at rest.
    A task that runs while it is looked at takes memory on top, and gives it back; what leaks is there at rest, too."""

    before: float
    after: float
    is_flat: bool


def trend(samples: Sequence[float], tolerance: Tolerance) -> Trend:
    """Raises `ValueError` for fewer than ten samples, which say nothing."""
    if len(samples) < 10:
        raise ValueError(f"{len(samples)} samples are too few to speak of a trend")
    warm = samples[int(len(samples) * WARM_UP_SHARE) :]
    third = len(warm) // 3
    before, after = (statistics.quantiles(part, n=10, method="inclusive")[0] for part in (warm[:third], warm[-third:]))
    growth = after - before
    return Trend(before, after, growth <= max(tolerance.absolute, tolerance.share * before))
