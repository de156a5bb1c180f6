"""`default_args`: what a DAG, its groups or an operator's own argument say for arguments that were not given.

Each class's `__init__` is wrapped once, and fills only the arguments that it names itself: a class that passes
`retries=5` on to its parent must not find `retries` filled in among its own keyword arguments.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

from tradewind.sdk.active import current_dag, current_task_group
from tradewind.sdk.types import is_mapping

if TYPE_CHECKING:
    from tradewind.sdk.operator import BaseOperator

Init = Callable[..., None]


def fills_from_default_args(init: Init) -> Init:
    """The same constructor, keyword-only, with `default_args` merged in. Raises TypeError naming missing arguments."""
    parameters = [
        parameter
        for name, parameter in inspect.signature(init).parameters.items()
        if name != "self" and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    names = frozenset(parameter.name for parameter in parameters)
    required = frozenset(parameter.name for parameter in parameters if parameter.default is parameter.empty)

    @wraps(init)
    def filled(self: "BaseOperator", *args: Any, **kwargs: Any) -> None:
        if type(self).__init__ is not filled:
            fill_and_call(self, args, kwargs)
            return
        try:
            fill_and_call(self, args, kwargs)
            self.finish_init()
        except Exception as exc:
            _name_place(exc, kwargs)
            raise

    def fill_and_call(self: "BaseOperator", args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if args:
            raise TypeError(f"{type(self).__name__}: use keyword arguments when initializing operators")
        defaults = _defaults_of(self, kwargs)
        for name in names & defaults.keys() - kwargs.keys():
            kwargs[name] = defaults[name]
        missing = sorted(required - kwargs.keys())
        if missing:
            argument = "argument" if len(missing) == 1 else "arguments"
            raise TypeError(
                f"{type(self).__name__}: missing keyword {argument} {', '.join(repr(name) for name in missing)}"
            )
        init(self, **kwargs)

    return filled


def _name_place(error: Exception, kwargs: Mapping[str, Any]) -> None:
    """Say with an error which task of which DAG was being made."""
    dag = kwargs.get("dag") or current_dag()
    of_dag = f" of DAG {dag.dag_id!r}" if dag is not None else ""
    error.add_note(f"while task {kwargs.get('task_id')!r}{of_dag} was made")


def _defaults_of(operator: "BaseOperator", kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Merged once per operator, by the outermost constructor, and kept while the inner ones run."""
    known: dict[str, Any] | None = operator.__dict__.get("merged_default_args")
    if known is None:
        known = _merged(kwargs)
        object.__setattr__(operator, "merged_default_args", known)
    return known


def _merged(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    dag = kwargs.get("dag") or current_dag()
    group = kwargs.get("task_group") or (current_task_group(dag) if dag is not None else None)
    merged: dict[str, Any] = {}
    parts: tuple[object, ...] = (dag and dag.default_args, group and group.default_args, kwargs.get("default_args"))
    for part in parts:
        if not part:
            continue
        if not is_mapping(part):
            raise TypeError(f"default_args must be a mapping, got {type(part).__name__}: {part!r}")
        merged.update(part)
    return merged
