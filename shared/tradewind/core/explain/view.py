"""One task instance of a run, with all that its gates are asked by."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tradewind.core.explain.values import Circumstances
from tradewind.core.gates import ACTIVE_STATES
from tradewind.core.instances import UNMAPPED
from tradewind.core.snapshot import COUNTED_STATES, RunSnapshot
from tradewind.core.spec import TaskSpec
from tradewind.core.states import TaskInstanceState
from tradewind.core.turn import Overlay

ASKED_STATES: Final = (TaskInstanceState.NONE, TaskInstanceState.UP_FOR_RETRY)
"""The trigger rule is asked again; in all other states it has been."""

TIMED_STATES: Final = (
    TaskInstanceState.UP_FOR_RETRY,
    TaskInstanceState.UP_FOR_RESCHEDULE,
    TaskInstanceState.SCHEDULED,
)
"""Something may have to be waited for before the task is looked at again."""

WAITING_FOR_SLOTS: Final = (TaskInstanceState.NONE, *TIMED_STATES)
"""States in which it holds no slots, and goes on only by getting some."""


@dataclass(frozen=True, slots=True)
class View:
    """A position of a snapshot, at a moment."""

    snapshot: RunSnapshot
    position: int
    seen: Circumstances
    now: datetime
    overlay: Overlay = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "overlay", Overlay(self.snapshot))

    @property
    def state(self) -> TaskInstanceState:
        return self.snapshot.states[self.position]

    @property
    def place(self) -> int:
        return self.snapshot.instances.task(self.position)

    @property
    def map_index(self) -> int:
        return self.snapshot.instances.map_index(self.position)

    @property
    def task(self) -> TaskSpec:
        return self.snapshot.plan.tasks[self.place]

    @property
    def is_asked(self) -> bool:
        """Whether the rules of starting are still to be asked."""
        return self.state in ASKED_STATES

    @property
    def is_finished(self) -> bool:
        return self.state in COUNTED_STATES

    @property
    def is_active(self) -> bool:
        """Whether it counts towards the task's own limits already."""
        return self.state in ACTIVE_STATES

    def upstream(self) -> Sequence[int]:
        """The positions of the instances directly upstream of this one."""
        plan, instances, found = self.snapshot.plan, self.snapshot.instances, list[int]()
        for above in plan.upstream[self.place]:
            is_joined = self.map_index != UNMAPPED and above in plan.grouped_upstream[self.place]
            if is_joined and instances.is_expanded(above):
                joined = instances.find(above, self.map_index)
                found.extend([] if joined is None else [joined])
            else:
                found.extend(instances.of(above))
        return found

    def name(self, position: int) -> tuple[str, int]:
        """Task id and map index of an instance."""
        instances = self.snapshot.instances
        return self.snapshot.plan.tasks[instances.task(position)].task_id, instances.map_index(position)
