"""Priority strategies: what they are told when a file is parsed, and of a run."""

from types import SimpleNamespace
from typing import Any

import pytest

from tradewind.sdk.dags import DAG
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.priority_strategy import PriorityWeightStrategy, weights_by_try
from tradewind.sdk.serialize import DagSpecError, serialize_dag


class ByTry(PriorityWeightStrategy):
    """Needs no run."""

    def get_weight(self, ti: Any) -> int:
        """Less for each try."""
        return ti.max_tries + 10 - ti.try_number


class Tenant(PriorityWeightStrategy):
    """Needs the run's conf."""

    def get_weight(self, ti: Any) -> int:
        """More for those who pay, less for each try."""
        assert ti.get_dagrun() is ti.dag_run
        return ti.dag_run.conf["weight"] - ti.try_number


class Careful(PriorityWeightStrategy):
    """Looks whether there is a run."""

    def get_weight(self, ti: Any) -> int:
        """By the run, if there is one."""
        return 5 if getattr(ti, "run_id", None) == "r" else 1


class Broken(PriorityWeightStrategy):
    """Asks for what is never there."""

    def get_weight(self, ti: Any) -> int:
        """Fails."""
        return ti.weight


RUN = SimpleNamespace(run_id="r", logical_date=None, conf={"weight": 100})


def spec_of(*strategies: PriorityWeightStrategy) -> Any:
    with DAG("d") as dag:
        for strategy in strategies:
            EmptyOperator(task_id=type(strategy).__name__, weight_rule=strategy, priority_weight=3, retries=2)
    return serialize_dag(dag, "d.py")


def test_strategies_that_need_no_run_are_done_with_at_parse() -> None:
    spec = spec_of(ByTry())
    assert (spec.asks_weights, spec.tasks[0].asks_weights, spec.tasks[0].try_weights) == (False, False, (11, 10, 9))


@pytest.mark.parametrize(("strategy", "weights"), [(Tenant(), (99, 98, 97)), (Careful(), (5, 5, 5))])
def test_strategies_that_want_the_run_say_so(strategy: PriorityWeightStrategy, weights: tuple[int, ...]) -> None:
    spec = spec_of(strategy, ByTry())
    asking, other = sorted(spec.tasks, key=lambda task: task.task_id == "ByTry")
    assert (spec.asks_weights, asking.asks_weights, other.asks_weights) == (True, True, False)
    assert (asking.priority_weight, asking.try_weights) == (3, (3,))
    with DAG("d"):
        task: Any = EmptyOperator(task_id="t", retries=2)
    assert weights_by_try(strategy, task) is None
    assert weights_by_try(strategy, task, RUN) == weights


def test_what_no_task_instance_has_is_an_error_of_the_file() -> None:
    with pytest.raises(DagSpecError, match=r"task 'Broken'.*has no 'weight'"):
        spec_of(Broken())
