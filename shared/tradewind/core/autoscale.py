"""How many slots a worker has that may have more or fewer of them: a rule over what runs and what waits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRange:
    """The fewest and the most slots, at least 1 each."""

    fewest: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotLoad:
    """What a worker is asked for now."""

    busy: int
    """Slots in use."""
    waiting: int
    """Attempts that have arrived and wait for one."""
    spare_seconds: float
    """For how long fewer slots than there are would have been enough."""


def next_slots(slots: int, allowed: SlotRange, load: SlotLoad, keep_seconds: float) -> int:
    """The slots to have from now on: at once more if something waits, fewer only after `keep_seconds` of too many."""
    wanted = min(max(load.busy + load.waiting, allowed.fewest), allowed.most)
    if wanted > slots:
        return wanted
    within = min(max(slots, allowed.fewest), allowed.most)
    return wanted if load.spare_seconds >= keep_seconds else within
