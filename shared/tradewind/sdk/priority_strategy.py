"""`PriorityWeightStrategy`: an author's own rule for a task's priority."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tradewind.sdk.operator import BaseOperator

MAX_TRIES_ASKED: Final = 10
"""A weight is asked for each of the first tries; later ones have the last of these."""
RUN_ATTRIBUTES: Final = ("dag_run", "run_id", "logical_date", "state")
"""What a strategy may ask of the run."""


class PriorityWeightStrategy:
    """Override `get_weight`. It is asked when the file is parsed, once per try that the task may have; if it wants to
    know of the run, once more at the start of each run."""

    def get_weight(self, ti: Any) -> int:
        """The priority of one try: `ti` has `task`, `task_id`, `dag_id`, `map_index` (-1), `try_number`, `max_tries`,
        and of the run `run_id`, `dag_run`, `get_dagrun()`, `logical_date` and `state` (None)."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_weight()")


class AskedTaskInstance:
    """What a strategy is told. Without a `dag_run`, it remembers that something of the run was asked for."""

    def __init__(self, task: "BaseOperator", try_number: int, dag_run: Any = None) -> None:
        self.task, self.task_id, self.dag_id = task, task.task_id, task.dag_id
        self.try_number, self.map_index, self.max_tries = try_number, -1, task.retries
        self.wants_run = False
        if dag_run is not None:
            self.dag_run, self.run_id, self.logical_date = dag_run, dag_run.run_id, dag_run.logical_date
            self.state: str | None = None

    def get_dagrun(self, session: object = None) -> Any:
        """The run."""
        return self.dag_run

    def __getattr__(self, name: str) -> Any:
        if name not in RUN_ATTRIBUTES:
            raise AttributeError(f"the task instance that a priority strategy is given has no {name!r}")
        self.wants_run = True
        raise AttributeError(f"{name!r} is known once there is a run")


def strategy_of(weight_rule: Any) -> PriorityWeightStrategy | None:
    """The strategy that a `weight_rule` names: an instance, a class or an import path; None for the built-in rules.
    Raises ValueError for a path that leads to none."""
    if isinstance(weight_rule, PriorityWeightStrategy):
        return weight_rule
    found: Any = weight_rule
    if isinstance(weight_rule, str):
        module, _, name = weight_rule.rpartition(".")
        if not module:
            return None
        try:
            found = getattr(import_module(module), name)
        except (ImportError, AttributeError) as exc:
            raise ValueError(f"weight_rule {weight_rule!r} cannot be imported: {exc}") from exc
    if not (isinstance(found, type) and issubclass(found, PriorityWeightStrategy)):
        raise ValueError(f"weight_rule {weight_rule!r} is neither a rule nor a PriorityWeightStrategy")
    return found()


def weights_by_try(
    strategy: PriorityWeightStrategy, task: "BaseOperator", dag_run: Any = None
) -> tuple[int, ...] | None:
    """The priorities of the task's tries, from the first. None: the strategy wants to know of the run."""
    weights: list[int] = []
    for number in range(1, min(task.retries + 1, MAX_TRIES_ASKED) + 1):
        asked = AskedTaskInstance(task, number, dag_run)
        try:
            weights.append(int(strategy.get_weight(asked)))
        except Exception:
            if not asked.wants_run:
                raise
        if asked.wants_run:
            return None
    return tuple(weights)
