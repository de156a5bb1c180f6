"""What a person's action makes of runs: the values between the rules (`clearing`, `marking`) and the stores.

A store locks the runs that are meant with all their task instances, asks a rule, and writes what it answers, in one
transaction. Nothing that others are doing to the run can come between; who decided by what was before is refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tradewind.core.rows import AttemptHolder, LoadedRun, NewTaskInstance, TaskInstanceId
from tradewind.core.states import DagRunState, TaskInstanceState

FINISHED_STATES: Final = (
    TaskInstanceState.SUCCESS,
    TaskInstanceState.FAILED,
    TaskInstanceState.SKIPPED,
    TaskInstanceState.UPSTREAM_FAILED,
    TaskInstanceState.REMOVED,
)

FINISHED_RUN_STATES: Final = (DagRunState.SUCCESS, DagRunState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisedTaskInstance:
    """What becomes of one row. Its attempt id stays: the state alone closes the attempt."""

    id: TaskInstanceId
    state: TaskInstanceState
    max_tries: int
    skip_requested: bool = False
    voids: bool = False
    """What the attempt holds or waits for is given up: slots, timer, trigger, how it was to go on."""
    finishes: bool = False
    """It ends by this: dates that are not set become now."""
    end_pending: bool = False
    """The run's owner is to look at it, should it miss the message."""
    copies_try: bool = False
    """The latest try goes to the history, for another one will follow."""
    task: NewTaskInstance | None = None
    """What the task says in the version that the run moves to: pool, queue and the like; None = as before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRevision:
    """What becomes of one run. Its revision is raised in any case: its owner decides anew."""

    dag_run_id: int
    state: DagRunState | None = None
    """None = as before; `queued` begins the run's time anew."""
    counts_as_clear: bool = False
    dag_version_id: UUID | None = None
    """The version that the run moves to; None = it keeps its own."""
    takes_latest_bundle: bool = False
    """It goes on with the code that its DAG has now."""
    created: tuple[NewTaskInstance, ...] = ()
    """Rows that the run does not have yet; `task_instances` may name them."""
    task_instances: tuple[RevisedTaskInstance, ...] = ()


RevisionRule = Callable[[Sequence[LoadedRun]], Sequence[RunRevision]]
"""Pure. Runs that it does not answer for stay as they are. Raises `DomainError` where nothing is to be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revised:
    """What was written, and who is to be told."""

    revisions: tuple[RunRevision, ...] = ()
    holders: tuple[AttemptHolder, ...] = ()
    """Workers that run attempts which are over now."""
    freed_pools: tuple[str, ...] = ()
    dag_ids: tuple[str, ...] = ()
    """DAGs of the runs that changed."""
