"""What `core.decide` answers: everything that follows for one run, for `core.batches` to make rows of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tradewind.core.instances import Instances
from tradewind.core.rows import EndAcknowledged
from tradewind.core.states import DagRunState, TaskInstanceState

RUN_TIMER: Final = -1
"""Instead of a position: the time is that of the run itself."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An end that the snapshot learns of by this decision."""

    position: int
    state: TaskInstanceState
    next_action_at: datetime | None
    map_length: int | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A task that the scheduler itself ends: by its trigger rule, or because nothing would run."""

    position: int
    before: TaskInstanceState
    state: TaskInstanceState


@dataclass(frozen=True, slots=True)
class Grown:
    """A mapped task that has more instances than the `before` (0 = it had none of its own)."""

    place: int
    before: int


@dataclass(frozen=True, slots=True)
class Timer:
    """When a task is to be looked at again, or the run (`RUN_TIMER`)."""

    at: datetime
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDecision:
    """Everything that follows for one run, slots not yet considered."""

    instances: Instances | None = None
    """All positions, if mapped tasks have grown; None = as in the snapshot."""
    grown: tuple[Grown, ...] = ()
    replaced: tuple[int, ...] = ()
    """Positions of unmapped instances whose rows are to go: mapped ones have taken their place."""
    created: tuple[int, ...] = ()
    """Instances whose rows are to be inserted."""
    acknowledged: tuple[EndAcknowledged, ...] = ()
    ended: tuple[Ended, ...] = ()
    skip_requested: tuple[int, ...] = ()
    settled: tuple[Settled, ...] = ()
    deferred: tuple[Settled, ...] = ()
    """Tasks that begin by waiting for a trigger, without a worker (`start_from_trigger`)."""
    ready: tuple[int, ...] = ()
    """Instances that may start as soon as limits have room."""
    timers: tuple[Timer, ...] = ()
    past: Mapping[int, bool] = field(default_factory=dict[int, bool])
    """Places of tasks that ask for their past, and what was said."""
    asks_past: tuple[int, ...] = ()
    """Places of tasks that would start if their past lets them, which is not known: to be decided again, knowing it."""
    state: DagRunState | None = None
    """The run's end, if it ends."""
    end_reason: str | None = None
    """Why it ends, as callbacks hear it: `success`, `task_failure`, `timed_out`, `all_tasks_deadlocked`."""

    @property
    def writes(self) -> bool:
        """Whether anything is to be committed even if no ready task gets a slot."""
        return bool(self.created or self.acknowledged or self.settled or self.deferred or self.state)


NOTHING: Final = RunDecision()
