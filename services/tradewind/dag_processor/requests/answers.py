"""What children answer; services read it without loading what children need."""

from dataclasses import dataclass

from tradewind.core.timetables.values import NextRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a question."""

    next_run: NextRun | None = None
    error: str | None = None
    """The author's code failed: a traceback, or what is wrong with what it gave."""
