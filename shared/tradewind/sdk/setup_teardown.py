"""`with teardown:` and `@setup`, `@teardown`: what is made inside lies between the setups and the teardown."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, cast

from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.task_decorator import TaskDecorator, task

_scopes: ContextVar[tuple[frozenset[str], ...]] = ContextVar("tradewind_setup_scopes", default=())
"""For each scope that is open, outermost first: the tasks that the DAG had before."""


def enter_scope(operator: BaseOperator) -> None:
    """Tasks made from now on are in the scope of this setup or teardown. Raises ValueError for another task."""
    if not (operator.is_setup or operator.is_teardown):
        raise ValueError(f"Only setup/teardown tasks can be used as a context manager, not {operator.task_id!r}")
    _scopes.set((*_scopes.get(), frozenset(operator.dag.task_dict)))


def leave_scope(operator: BaseOperator) -> None:
    """Put what was made in the scope behind the setups and before the teardowns."""
    *outer, before = _scopes.get()
    _scopes.set(tuple(outer))
    setups, teardowns = _ends_of(operator)
    inside = {task_id: each for task_id, each in operator.dag.task_dict.items() if task_id not in before}
    for each in inside.values():
        if not each.upstream_task_ids & inside.keys():
            each.set_upstream(setups)
        behind = {task_id for task_id in each.downstream_task_ids & inside.keys() if not inside[task_id].is_teardown}
        if not behind and not each.is_teardown:
            each.set_downstream(teardowns)


def _ends_of(operator: BaseOperator) -> tuple[list[Any], list[Any]]:
    if operator.is_teardown:
        return [each for each in operator.upstream_list if getattr(each, "is_setup", False)], [operator]
    return [operator], [each for each in operator.downstream_list if getattr(each, "is_teardown", False)]


def setup(function: Callable[..., Any]) -> Any:
    """`@setup`, over a function or under `@task`: each task that it makes is a setup."""
    return _marked(function, is_setup=True)


def teardown(function: Callable[..., Any] | None = None, *, on_failure_fail_dagrun: bool = False) -> Any:
    """`@teardown`, likewise."""
    if function is None:
        return partial(_marked, is_teardown=True, on_failure_fail_dagrun=on_failure_fail_dagrun)
    return _marked(function, is_teardown=True, on_failure_fail_dagrun=on_failure_fail_dagrun)


def _marked(function: Any, **marks: bool) -> Any:
    is_decorated = isinstance(function, TaskDecorator)
    decorated = cast("TaskDecorator[..., Any]", function) if is_decorated else task(function)
    decorated.marks.update(marks)
    return decorated
