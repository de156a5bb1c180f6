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
    """Medians of the first and the last third of the samples after the warm-up."""

    before: float
    after: float
    is_flat: bool


def trend(samples: Sequence[float], tolerance: Tolerance) -> Trend:
    """Raises `ValueError` for fewer than ten samples, which say nothing."""
    if len(samples) < 10:
        raise ValueError(f"{len(samples)} samples are too few to speak of a trend")
    warm = samples[int(len(samples) * WARM_UP_SHARE) :]
    third = len(warm) // 3
    before, after = statistics.median(warm[:third]), statistics.median(warm[-third:])
    growth = after - before
    return Trend(before, after, growth <= max(tolerance.absolute, tolerance.share * before))
