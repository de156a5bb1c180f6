"""What people's requests ask an author's own timetable, and for how long."""

from enum import StrEnum
from typing import Final

ANSWER_SECONDS: Final = 15.0
"""How long the author's code may take, the import of its file included: somebody waits for it."""
PATIENCE_SECONDS: Final = 20.0
"""How long whoever asked waits, the way there and back included."""


class Asked(StrEnum):
    """Which of the timetable's methods is asked."""

    MANUAL_INTERVAL = "manual_interval"
    """`infer_manual_data_interval`"""
    PAST_RUNS = "past_runs"
    """`next_dagrun_info`, again and again"""
