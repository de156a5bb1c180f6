"""Operators that call Python functions in the task's own process."""

import inspect
from collections import ChainMap
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, cast

from tradewind.sdk.async_operator import BaseAsyncOperator
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.module_loading import is_async_callable
from tradewind.sdk.operators.branch import BaseBranchOperator
from tradewind.sdk.operators.skipping import SkipMixin

if TYPE_CHECKING:
    from tradewind.sdk.context import Context


@lru_cache(maxsize=4096)
def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The function's signature, kept: taking it is slow, and a task's process wants it at once."""
    return inspect.signature(function)


def accepted_kwargs(function: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Those keyword arguments that the function takes. Raises ValueError if one is given by position already."""
    parameters = signature_of(function).parameters
    for name, parameter in list(parameters.items())[: len(args)]:
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and name in kwargs:
            raise ValueError(f"The key {name!r} in args is a part of kwargs and therefore reserved.")
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(kwargs)
    return {name: kwargs[name] for name in parameters if name in kwargs}


def run_through(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function; one that yields is run to its end, and what it yields is told of its outlets (`Metadata`)."""
    if not inspect.isgeneratorfunction(function):
        return function(*args, **kwargs)
    # Imported here: few functions yield.
    from tradewind.sdk.assets.metadata import result_of

    return result_of(function(*args, **kwargs))


class PythonOperator(BaseAsyncOperator):
    """Calls `python_callable(*op_args, **op_kwargs)`; arguments named after context keys are filled in.

    What it returns is the task's return value. A coroutine function is run to its end in an event loop of its own,
    which `execution_timeout` ends by cancelling it.
    """

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {
        "templates_dict": "json",
        "op_args": "py",
        "op_kwargs": "py",
    }
    shallow_copy_attrs: Sequence[str] = ("python_callable", "op_kwargs")
    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        show_return_value_in_logs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(python_callable):
            raise AirflowException(
                f"`python_callable` param of task {self.task_id!r} must be callable, not {python_callable!r}"
            )
        self.python_callable = python_callable
        self.op_args: Collection[Any] = op_args or ()
        self.op_kwargs: Mapping[str, Any] = op_kwargs or {}
        self.templates_dict = templates_dict
        if templates_exts:
            self.template_ext = templates_exts
        self.show_return_value_in_logs = show_return_value_in_logs

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        return is_async_callable(self.python_callable)

    def execute(self, context: "Context") -> Any:
        """Call the function and log what it returned."""
        if self.is_async:
            return super().execute(context)
        self._take_arguments(context)
        return self._logged(self.execute_callable())

    def execute_callable(self) -> Any:
        """Call the function with the arguments that were found."""
        return run_through(self.python_callable, *self.op_args, **self.op_kwargs)

    async def aexecute(self, context: "Context") -> Any:
        """As `execute`, of a coroutine function."""
        self._take_arguments(context)
        return self._logged(await self.aexecute_callable())

    async def aexecute_callable(self) -> Any:
        """As `execute_callable`, of a coroutine function."""
        return await self.python_callable(*self.op_args, **self.op_kwargs)

    def determine_kwargs(self, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those values of the context that the function takes."""
        return accepted_kwargs(self.python_callable, self.op_args, context)

    def _take_arguments(self, context: "Context") -> None:
        values = ChainMap[str, Any]({**self.op_kwargs, "templates_dict": self.templates_dict}, cast("Any", context))
        self.op_kwargs = self.determine_kwargs(values)

    def _logged(self, result: Any) -> Any:
        if self.show_return_value_in_logs:
            self.log.info("Done. Returned value was: %s", result)
        else:
            self.log.info("Done. Returned value not shown")
        return result


class ShortCircuitOperator(PythonOperator, SkipMixin):
    """Calls a function; if it returns something false, what is behind the operator is skipped: everything, however
    far, or with `ignore_downstream_trigger_rules=False` only what is directly behind, the rest by its own rules."""

    inherits_from_skipmixin = True

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def execute(self, context: "Context") -> Any:
        """Call the function; teardowns are never skipped."""
        condition = super().execute(context)
        return self.short_circuit(context, condition)

    def short_circuit(self, context: "Context", condition: Any) -> Any:
        """Go on, or have what is behind skipped."""
        self.log.info("Condition result is %s", condition)
        if condition or not self.downstream_task_ids:
            return condition
        far = self.ignore_downstream_trigger_rules is True
        behind = self.get_flat_relative_ids(upstream=False) if far else self.downstream_task_ids
        tasks = [task for task in self.dag.tasks if task.task_id in behind and not getattr(task, "is_teardown", False)]
        self.skip(cast("Any", context)["ti"], tasks)
        return condition


class BranchPythonOperator(BaseBranchOperator, PythonOperator):
    """Calls a function that returns the id or ids of the tasks or groups to go on with; the others are skipped."""

    def choose_branch(self, context: "Context") -> Any:
        """Call the function."""
        return PythonOperator.execute(self, context)
