"""`PriorityWeightStrategy`: an author's own rule for a task's priority."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from tradewind.sdk.operator import BaseOperator

MAX_TRIES_ASKED: Final = 10
"""A weight is asked for each of the first tries; later ones have the last of these."""


class PriorityWeightStrategy:
    """Override `get_weight`. It is asked when the file is parsed, once per try that the task may have."""

    def get_weight(self, ti: Any) -> int:
        """The priority of one try: `ti` has `task`, `task_id`, `dag_id`, `map_index` (-1) and `try_number`."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_weight()")


class AskedTaskInstance(NamedTuple):
    """What a strategy is told."""

    task: Any
    task_id: str
    dag_id: str
    try_number: int
    map_index: int = -1


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


def weights_by_try(strategy: PriorityWeightStrategy, task: "BaseOperator") -> tuple[int, ...]:
    """The priorities of the task's tries, from the first."""
    tries = range(1, min(task.retries + 1, MAX_TRIES_ASKED) + 1)
    return tuple(int(strategy.get_weight(AskedTaskInstance(task, task.task_id, task.dag_id, n))) for n in tries)
