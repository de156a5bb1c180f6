"""How a person wants a task instance run; kept with its row, for an attempt that is lost is sent out again likewise."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class RunByHand:
    """The flags in the words of Airflow's `tasks run`."""

    mark_success: bool = False
    """It ends as success without its code being run."""
    ignore_all_deps: bool = False
    """It is queued whatever stands against it, beyond the size of its pool if need be."""
    ignore_depends_on_past: bool = False
    ignore_task_deps: bool = False
    """What the task itself asks for: its upstream, its past, the time of a retry, limits of its own."""
    ignore_ti_state: bool = False
    """It is queued although it has ended; a run that has ended goes on then."""
    pool: str | None = None
    """Slots of this pool are taken instead of the task's own; of the first attempt only."""
    queue: str | None = None
    """None = as the task says, here and of the executor."""
    executor: str | None = None


NO_WISHES: Final = RunByHand()
