"""What children answer; services read it without loading what children need."""

from dataclasses import dataclass, field

from tradewind.core.partitions.asked import MappedEvent
from tradewind.core.timetables.values import NextRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a question."""

    next_run: NextRun | None = None
    mapped: dict[int, MappedEvent] = field(default_factory=dict[int, MappedEvent])
    """Of events, by their ids: which partitions they count for."""
    weights: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    """Task → the weights of its first tries in the run."""
    error: str | None = None
    """The author's code failed: a traceback, or what is wrong with what it gave."""
