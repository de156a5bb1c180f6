"""What provider packages build `@task.<name>` decorators of: a base for operators that are made of a function, and the
factory of the decorator."""

import inspect
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

from tradewind.sdk.module_loading import is_async_callable
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.python import accepted_kwargs
from tradewind.sdk.task_decorator import TaskDecorator, check_arguments, fill_from_defaults, free_task_id


class DecoratedOperator(BaseOperator):
    """Stands before an operator among the bases of a decorator's operator; keeps the function and its arguments.

    `kwargs_to_upstream` are arguments that go to that operator besides, for those that want the function themselves.
    """

    template_fields: Sequence[str] = ("op_args", "op_kwargs")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"op_args": "py", "op_kwargs": "py"}
    shallow_copy_attrs: Sequence[str] = ("python_callable",)

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        task_id: str,
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        kwargs_to_upstream: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        arguments = dict(op_kwargs or {})
        signature = inspect.signature(python_callable)
        fill_from_defaults(arguments, self.merged_default_args, signature, op_args or ())
        check_arguments(python_callable, signature, op_args or (), arguments)
        self.python_callable = python_callable
        self.op_args: Collection[Any] = op_args or ()
        self.op_kwargs: Mapping[str, Any] = arguments
        unique_id = free_task_id(task_id, kwargs.get("dag"), kwargs.get("task_group"))
        super().__init__(task_id=unique_id, **(kwargs_to_upstream or {}), **kwargs)

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        return is_async_callable(self.python_callable)

    def determine_kwargs(self, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those values of the context that the function takes."""
        return accepted_kwargs(self.python_callable, self.op_args, context)

    def get_python_source(self) -> str:
        """The function's source, without its decorator."""
        lines = textwrap.dedent(inspect.getsource(self.python_callable)).splitlines()
        first = next(place for place, line in enumerate(lines) if line.startswith(("def ", "async def ")))
        return "\n".join(lines[first:]) + "\n"


def task_decorator_factory(
    python_callable: Callable[..., Any] | None = None,
    *,
    multiple_outputs: bool | None = None,
    decorated_operator_class: type[BaseOperator],
    **kwargs: Any,
) -> Any:
    """A decorator that makes operators of this class; the decorated function if one is given."""

    def decorated(function: Callable[..., Any]) -> TaskDecorator[Any, Any]:
        return TaskDecorator(function, multiple_outputs, kwargs, decorated_operator_class)

    return decorated if python_callable is None else decorated(python_callable)


class KeywordParameters:
    """Keyword arguments for a function."""

    def __init__(self, kwargs: Mapping[str, Any]) -> None:
        self._kwargs = kwargs

    @classmethod
    def determine(
        cls, func: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any]
    ) -> "KeywordParameters":
        """Those that it takes, beside these arguments by position."""
        return cls(accepted_kwargs(func, args, kwargs))

    def unpacking(self) -> Mapping[str, Any]:
        """For `**`."""
        return self._kwargs
