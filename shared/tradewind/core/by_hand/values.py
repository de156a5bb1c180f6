"""What a person asks for who has one task instance run, and what is written then."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from tradewind.core.by_hand.flags import NO_WISHES, RunByHand
from tradewind.core.errors import Conflict, DomainError
from tradewind.core.explain.airflow import Dependency
from tradewind.core.revisions import RevisedTaskInstance
from tradewind.core.rows import LimitedTask, LoadedRun, TaskInstanceId
from tradewind.core.states import TaskInstanceState


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOrder:
    """One task instance is to run now, as this attempt."""

    id: TaskInstanceId
    attempt_id: UUID
    """To be minted; an order whose attempt is there already gets the same answer again."""
    flags: RunByHand
    unmet: tuple[Dependency, ...] = ()
    """What stands against it besides the gates, as far as executors and workers are concerned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandQueueing:
    """What becomes of the task instance, and of its run."""

    id: TaskInstanceId
    attempt_id: UUID
    try_number: int
    is_replay: bool = False
    """The attempt is there already: nothing is written."""
    resumes_run: bool = False
    """The run had ended: it is running again, and waits for a scheduler to own it."""
    reset: RevisedTaskInstance | None = None
    """Written first, where it begins anew."""
    expected_state: TaskInstanceState = TaskInstanceState.NONE
    """After the reset."""
    expected_attempt_id: UUID | None = None
    begins_try: bool = True
    pool: str = "default_pool"
    slots: int = 1
    queue: str = "default"
    executor: str | None = None
    flags: RunByHand = NO_WISHES
    must_fit: bool = True
    """Pool and `parallelism` must have room; without, they may be filled beyond their size."""
    ignored: tuple[Dependency, ...] = ()
    """What stood against it, and was not heeded."""


HandRule = Callable[[LoadedRun | None], HandQueueing]
"""Pure. None = the run is not there any more. Raises `DomainError` where nothing is to be written."""


class DependenciesNotMet(DomainError):
    """What stands against running the task by hand, and was not to be ignored."""

    def __init__(self, unmet: tuple[Dependency, ...]) -> None:
        super().__init__("; ".join(f"{each.name}: {each.reason}" for each in unmet))
        self.unmet = unmet


class NoRoom(Conflict):
    """Somebody else took the slots meanwhile: nothing was written."""

    def __init__(self, unmet: Dependency) -> None:
        super().__init__(f"{unmet.name}: {unmet.reason}")
        self.unmet = (unmet,)

    @classmethod
    def of_pool(cls, pool: str) -> Self:
        """Or of `parallelism`."""
        reason = f"the slots of the pool {pool!r}, or core.parallelism, were taken meanwhile: try again"
        return cls(Dependency("Pool Slots Available", reason))

    @classmethod
    def of_limit(cls, limited: LimitedTask) -> Self:
        reason = f"{limited.size} instances of the task {limited.task_id!r} are active by now: that is its limit"
        return cls(Dependency("Task Concurrency", reason))
