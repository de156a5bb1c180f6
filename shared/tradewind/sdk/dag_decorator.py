"""`@dag` and `@task_group`: functions that make DAGs and groups when they are called."""

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, overload

from tradewind.sdk.dags import DAG
from tradewind.sdk.task_groups import TaskGroup

P = ParamSpec("P")
R = TypeVar("R")


@overload
def dag(dag_id: Callable[P, Any]) -> Callable[P, DAG]: ...
@overload
def dag(dag_id: str = "", **options: Any) -> Callable[[Callable[P, Any]], Callable[P, DAG]]: ...
def dag(dag_id: str | Callable[..., Any] = "", **options: Any) -> Any:
    """Decorate a function whose body makes tasks; options are DAG's arguments. The function's own arguments become
    params of the DAG, its name the id, its docstring `doc_md`."""
    if callable(dag_id):
        return _dag_factory(dag_id, dag_id.__name__, options)

    def decorator(function: Callable[P, Any]) -> Callable[P, DAG]:
        return _dag_factory(function, dag_id or function.__name__, options)

    return decorator


def _dag_factory(function: Callable[P, Any], dag_id: str, options: dict[str, Any]) -> Callable[P, DAG]:
    signature = inspect.signature(function)

    @wraps(function)
    def factory(*args: P.args, **kwargs: P.kwargs) -> DAG:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        with DAG(dag_id, **options) as made:
            made.doc_md = made.doc_md or function.__doc__
            made.fileloc = sys._getframe(1).f_code.co_filename  # pyright: ignore[reportPrivateUsage] - the file that calls
            call: Callable[..., Any] = function
            call(**{name: made.param(name, value) for name, value in bound.arguments.items()})
        return made

    return factory


@overload
def task_group(group_id: Callable[P, R]) -> Callable[P, R | TaskGroup]: ...
@overload
def task_group(
    group_id: str | None = None, **options: Any
) -> Callable[[Callable[P, R]], Callable[P, R | TaskGroup]]: ...
def task_group(group_id: str | Callable[..., Any] | None = None, **options: Any) -> Any:
    """Decorate a function whose body makes tasks; each call makes a group and gives what the function returned, or the
    group itself if that is None."""
    if callable(group_id):
        return _group_factory(group_id, group_id.__name__, options)

    def decorator(function: Callable[P, R]) -> Callable[P, R | TaskGroup]:
        return _group_factory(function, group_id or function.__name__, options)

    return decorator


def _group_factory(function: Callable[P, R], group_id: str, options: dict[str, Any]) -> Callable[P, R | TaskGroup]:
    settings: dict[str, Any] = {"add_suffix_on_collision": True, "tooltip": inspect.getdoc(function) or "", **options}

    @wraps(function)
    def factory(*args: P.args, **kwargs: P.kwargs) -> R | TaskGroup:
        with TaskGroup(group_id, **settings) as group:
            result = function(*args, **kwargs)
        return group if result is None else result

    return factory
