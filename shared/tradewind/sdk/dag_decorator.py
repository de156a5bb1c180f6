"""`@dag` and `@task_group`: functions that make DAGs and groups when they are called."""

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import update_wrapper, wraps
from typing import Any, Generic, ParamSpec, TypeVar, overload

from tradewind.sdk.dags import DAG
from tradewind.sdk.mapped.expand_input import (
    DictOfListsExpandInput,
    ExpandInput,
    ListOfDictsExpandInput,
    MappedArgument,
    check_dicts,
    check_mappable,
)
from tradewind.sdk.mapped.group import MappedTaskGroup, given_arguments
from tradewind.sdk.task_groups import TaskGroup
from tradewind.sdk.xcom_arg import XCOM_RETURN_KEY, XComArg

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
            returned = call(**{name: made.param(name, value) for name, value in bound.arguments.items()})
            if type(returned) is XComArg and returned.key == XCOM_RETURN_KEY:
                made.add_result(returned)
        return made

    return factory


@overload
def task_group(group_id: Callable[P, R]) -> "GroupFactory[P, R]": ...
@overload
def task_group(group_id: str | None = None, **options: Any) -> "Callable[[Callable[P, R]], GroupFactory[P, R]]": ...
def task_group(group_id: str | Callable[..., Any] | None = None, **options: Any) -> Any:
    """Decorate a function whose body makes tasks; each call makes a group and gives what the function returned, or the
    group itself if that is None."""
    if callable(group_id):
        return _group_factory(group_id, group_id.__name__, options)

    def decorator(function: Callable[P, R]) -> "GroupFactory[P, R]":
        return _group_factory(function, group_id or function.__name__, options)

    return decorator


def _group_factory(function: Callable[P, R], group_id: str, options: dict[str, Any]) -> "GroupFactory[P, R]":
    settings: dict[str, Any] = {"add_suffix_on_collision": True, "tooltip": inspect.getdoc(function) or "", **options}
    return GroupFactory(function, group_id, settings, {})


class GroupFactory(Generic[P, R]):
    """Makes a group each time it is called, or a mapped one by `expand` and `expand_kwargs`."""

    def __init__(
        self, function: Callable[P, R], group_id: str, settings: Mapping[str, Any], partial: Mapping[str, Any]
    ) -> None:
        self._function, self._group_id, self._settings = function, group_id, dict(settings)
        self._partial = dict(partial)
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R | TaskGroup:
        """The group, or what the function returned in it."""
        with TaskGroup(self._group_id, **self._settings) as group:
            result = self._function(*args, **kwargs)
        return group if result is None else result

    def override(self, **settings: Any) -> "GroupFactory[P, R]":
        """The same function with other settings of the group."""
        group_id = settings.pop("group_id", self._group_id)
        return GroupFactory(self._function, group_id, {**self._settings, **settings}, self._partial)

    def partial(self, **kwargs: Any) -> "GroupFactory[P, R]":
        """Arguments that are the same for all instances."""
        given_arguments(self._names, kwargs, f"{self._group_id}.partial()")
        return GroupFactory(self._function, self._group_id, self._settings, {**self._partial, **kwargs})

    def expand(self, **kwargs: Any) -> Any:
        """A mapped group: one instance for each combination of the elements of these arguments."""
        if not kwargs:
            raise TypeError("no arguments to expand against")
        given_arguments(self._names, kwargs, f"{self._group_id}.expand()")
        check_mappable(kwargs, f"{self._group_id}.expand()")
        return self._expand(DictOfListsExpandInput(kwargs), list(kwargs))

    def expand_kwargs(self, kwargs: Any) -> Any:
        """A mapped group: one instance for each dict of arguments in a list."""
        check_dicts(kwargs, f"group {self._group_id!r}: expand_kwargs()")
        names = [name for name in self._names if name not in self._partial]
        return self._expand(ListOfDictsExpandInput(kwargs), names)

    @property
    def _names(self) -> list[str]:
        return list(inspect.signature(self._function).parameters)

    def _expand(self, expand_input: ExpandInput, names: list[str]) -> Any:
        call: Callable[..., Any] = self._function
        elements = {name: MappedArgument(expand_input, name) for name in names}
        with MappedTaskGroup(self._group_id, expand_input=expand_input, **self._settings) as group:
            result = call(**self._partial, **elements)
        return group if result is None else result
