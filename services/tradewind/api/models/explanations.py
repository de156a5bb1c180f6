"""Why a task instance waits, runs or ended as it did."""

from datetime import datetime
from typing import Literal

from tradewind.api.models.base import ApiModel, TaskInstanceStateName


class TaskDependencyResponse(ApiModel):
    """A dependency that is not met."""

    name: str
    reason: str


class TaskDependencyCollectionResponse(ApiModel):
    """What keeps a task instance from being queued."""

    dependencies: list[TaskDependencyResponse]


class GateResponse(ApiModel):
    """One condition between a task instance and its worker."""

    name: str
    stage: Literal["decision", "slots", "execution", "outcome"]
    is_open: bool
    reason: str


class PlaceInOrderResponse(ApiModel):
    """Which place a ready task has among all that wait for its pool."""

    place: int
    """1 = next."""
    waiting: int
    is_at_least: bool
    """Too many wait to say the exact place."""


class SlotHolderResponse(ApiModel):
    """A task instance that holds slots of the pool."""

    dag_id: str
    dag_run_id: str
    task_id: str
    map_index: int
    state: TaskInstanceStateName
    slots: int
    since: datetime | None


class ExplanationResponse(ApiModel):
    """Every gate of a task instance, in the order in which they are passed."""

    dag_id: str
    dag_run_id: str
    task_id: str
    map_index: int
    state: TaskInstanceStateName | None
    summary: str
    """One sentence: the gate that matters."""
    gates: list[GateResponse]
    order: PlaceInOrderResponse | None
    pool_holders: list[SlotHolderResponse]
    """Who holds most slots of its pool, where that is full."""
    pool_holder_count: int
