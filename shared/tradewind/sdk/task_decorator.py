"""`@task`: a function as a task; calling it in a DAG makes the task, and its result stands for the return value."""

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from functools import update_wrapper
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeVar, cast, get_type_hints, overload

from tradewind.sdk.active import current_dag, current_task_group
from tradewind.sdk.context import KNOWN_CONTEXT_KEYS
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.types import NOTSET
from tradewind.sdk.xcom_arg import XComArg

if TYPE_CHECKING:
    from tradewind.sdk.dags import DAG
    from tradewind.sdk.mapped.expand_input import ExpandInput
    from tradewind.sdk.task_groups import TaskGroup

P = ParamSpec("P")
R = TypeVar("R")


class DecoratedOperator(BaseOperator):
    """What makes a task of a function, over an operator that takes `python_callable`, `op_args` and `op_kwargs`."""

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        task_id: str,
        op_args: Collection[Any] = (),
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        arguments = dict(op_kwargs or {})
        signature = inspect.signature(python_callable)
        fill_from_defaults(arguments, self.merged_default_args, signature, op_args)
        check_arguments(python_callable, signature, op_args, arguments)
        operator: Any = super()
        operator.__init__(
            python_callable=python_callable,
            task_id=free_task_id(task_id, kwargs.get("dag"), kwargs.get("task_group")),
            op_args=op_args,
            op_kwargs=arguments,
            **kwargs,
        )


class PythonDecoratedOperator(DecoratedOperator, PythonOperator):
    """The task that `@task` makes."""

    named_task_type = "_PythonDecoratedOperator"
    custom_operator_name = "@task"


def fill_from_defaults(
    arguments: dict[str, Any], defaults: Mapping[str, Any], signature: inspect.Signature, args: Collection[Any]
) -> None:
    """Give the function what `default_args` say for arguments of it that are given neither by name nor by position."""
    named = signature.parameters.keys() & defaults.keys() - arguments.keys()
    if named:
        arguments.update({name: defaults[name] for name in named - signature.bind_partial(*args).arguments.keys()})


def check_arguments(
    function: Callable[..., Any], signature: inspect.Signature, args: Collection[Any], kwargs: Mapping[str, Any]
) -> None:
    """Raises TypeError for arguments that do not fit; those named after context keys will be filled in at run time."""
    parameters = list(signature.parameters.values())
    for parameter in parameters:
        if parameter.name in KNOWN_CONTEXT_KEYS and parameter.default not in (None, parameter.empty):
            raise ValueError(f"Context key parameter {parameter.name} can't have a default other than None")
    bound = signature.bind_partial(*args, **kwargs)
    missing = [
        parameter.name
        for parameter in parameters
        if parameter.name not in bound.arguments
        and parameter.name not in KNOWN_CONTEXT_KEYS
        and parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if missing:
        name = getattr(function, "__name__", repr(function))
        raise TypeError(f"{name}(): missing required argument(s): {', '.join(repr(m) for m in missing)}")


def free_task_id(task_id: str, dag: "DAG | None" = None, group: "TaskGroup | None" = None) -> str:
    """The id itself if it is free, else with the next suffix `__1`, `__2`, …"""
    dag = dag or current_dag()
    if dag is None:
        return task_id
    group = group or current_task_group(dag)
    if not dag.has_node(group.child_id(task_id)):
        return task_id
    base = re.split(r"__\d+$", task_id)[0]
    pattern = re.compile(re.escape(group.child_id(base)) + r"__(\d+)")
    numbers = (int(match[1]) for match in map(pattern.fullmatch, dag.task_dict) if match)
    return f"{base}__{max(numbers, default=0) + 1}"


class TaskDecorator(Generic[P, R]):
    """A function that makes a task each time it is called."""

    __name__: str

    _airflow_is_task_decorator = True
    """What code of providers asks for."""

    def __init__(
        self,
        function: Callable[P, R],
        multiple_outputs: bool | None,
        options: Mapping[str, Any],
        operator_class: type[BaseOperator] = PythonDecoratedOperator,
    ) -> None:
        if not callable(function):
            raise TypeError("No positional arguments allowed while using @task, use named arguments instead")
        if "self" in inspect.signature(function).parameters:
            raise TypeError("@task does not support methods")
        self.function = function
        self.operator_class = operator_class
        self.options: dict[str, Any] = {"task_id": getattr(function, "__name__", "task"), **options}
        self.multiple_outputs = _returns_mapping(function) if multiple_outputs is None else multiple_outputs
        self.marks: dict[str, bool] = {}
        """`is_setup`, `is_teardown` and the like, set on every task that is made."""
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> XComArg:
        """Make a task of the call; further calls get ids with a suffix."""
        make: Any = self.operator_class
        operator = make(
            python_callable=self.function,
            op_args=args,
            op_kwargs=kwargs,
            multiple_outputs=self.multiple_outputs,
            **self.options,
        )
        return XComArg(self._finished(operator))

    def override(self, **options: Any) -> "TaskDecorator[P, R]":
        """The same function with other task arguments."""
        multiple_outputs = options.pop("multiple_outputs", self.multiple_outputs)
        other = TaskDecorator(self.function, multiple_outputs, {**self.options, **options}, self.operator_class)
        other.marks.update(self.marks)
        return other

    def partial(self, **kwargs: Any) -> "MappedDecorator":
        """Arguments of the function that are the same for all instances."""
        return MappedDecorator(self, {}).partial(**kwargs)

    def expand(self, **kwargs: Any) -> XComArg:
        """One instance for each combination of the elements of these arguments."""
        return MappedDecorator(self, {}).expand(**kwargs)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> XComArg:
        """One instance for each dict of arguments in a list."""
        return MappedDecorator(self, {}).expand_kwargs(kwargs)

    def make_mapped(self, partial: Mapping[str, Any], expand_input: "ExpandInput") -> XComArg:
        """The mapped task."""
        from tradewind.sdk.mapped.operator import make_mapped

        options: dict[str, Any] = {**self.options, "multiple_outputs": self.multiple_outputs}
        options["task_id"] = free_task_id(options["task_id"], options.get("dag"), options.get("task_group"))
        given = {**options, "python_callable": self.function, "op_kwargs": dict(partial)}
        return XComArg(self._finished(make_mapped(_mapped_class(), self.operator_class, given, expand_input)))

    def _finished(self, operator: BaseOperator) -> BaseOperator:
        docs = (operator.doc, operator.doc_md, operator.doc_json, operator.doc_yaml, operator.doc_rst)
        if self.function.__doc__ and not any(docs):
            operator.doc_md = self.function.__doc__
        operator.returns_dag_result = self.marks.get("returns_dag_result", False)
        if self.marks.get("is_setup"):
            operator.as_setup()
        if self.marks.get("is_teardown"):
            if "trigger_rule" in self.options:
                rule = str(self.options["trigger_rule"])
                raise ValueError(f"task {operator.task_id!r} is a teardown, whose trigger rule cannot be set: {rule!r}")
            operator.as_teardown(on_failure_fail_dagrun=self.marks.get("on_failure_fail_dagrun", False))
        return operator


def is_decorated_task(value: object) -> bool:
    """Whether it is a function that `@task` was put on."""
    return isinstance(value, TaskDecorator)


class MappedDecorator:
    """A decorated function with some of its arguments given: go on with `expand` or `expand_kwargs`."""

    def __init__(self, decorator: "TaskDecorator[Any, Any]", given: Mapping[str, Any]) -> None:
        self._decorator, self._given = decorator, dict(given)

    def partial(self, **kwargs: Any) -> "MappedDecorator":
        """More arguments that are the same for all instances."""
        self._check("partial", kwargs)
        return MappedDecorator(self._decorator, {**self._given, **kwargs})

    def expand(self, **kwargs: Any) -> XComArg:
        """One instance for each combination of the elements of these arguments."""
        from tradewind.sdk.mapped.expand_input import DictOfListsExpandInput, check_mappable

        if not kwargs:
            raise TypeError("no arguments to expand against")
        self._check("expand", kwargs)
        check_mappable(kwargs, f"{self._decorator.__name__}.expand()")
        return self._decorator.make_mapped(self._given, DictOfListsExpandInput(kwargs))

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> XComArg:
        """One instance for each dict of arguments in a list."""
        from tradewind.sdk.mapped.expand_input import ListOfDictsExpandInput, check_dicts

        check_dicts(kwargs, f"{self._decorator.__name__}.expand_kwargs()")
        return self._decorator.make_mapped(self._given, ListOfDictsExpandInput(kwargs))

    def _check(self, what: str, kwargs: Mapping[str, Any]) -> None:
        function = self._decorator.function
        parameters = inspect.signature(function).parameters
        takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        shadowed = sorted(name for name in kwargs if name in KNOWN_CONTEXT_KEYS)
        if shadowed:
            raise ValueError(f"{self._decorator.__name__}.{what}() got variables of the task's context: {shadowed}")
        unknown = sorted(name for name in kwargs if name not in parameters and not takes_any)
        if unknown:
            raise TypeError(f"{self._decorator.__name__}.{what}() got unexpected keyword arguments {unknown}")
        both = sorted(kwargs.keys() & self._given.keys())
        if both:
            raise TypeError(f"{self._decorator.__name__}.{what}() got arguments that were given already: {both}")


def _mapped_class() -> Any:
    """Instances of a decorated function get what is mapped over as arguments of the function."""
    from tradewind.sdk.mapped.operator import DecoratedMappedOperator

    return DecoratedMappedOperator


def _returns_mapping(function: Callable[..., Any]) -> bool:
    """Whether the return annotation says dict or another mapping; one that cannot be evaluated does not."""
    annotation = getattr(function, "__annotations__", {}).get("return", NOTSET)
    if annotation is NOTSET:
        return False

    def only_return() -> None: ...

    only_return.__annotations__ = {"return": annotation}
    try:
        hint = get_type_hints(only_return, getattr(function, "__globals__", {})).get("return")
    except (NameError, TypeError, AttributeError, SyntaxError):
        return False
    kind = getattr(hint, "__origin__", hint)
    return isinstance(kind, type) and issubclass(kind, Mapping)


DECORATORS: Final[Mapping[str, str]] = {
    "python": "task_decorator:PythonDecoratedOperator",
    "branch": "operators.decorated:BranchDecoratedOperator",
    "short_circuit": "operators.decorated:ShortCircuitDecoratedOperator",
    "bash": "operators.decorated:BashDecoratedOperator",
    "sensor": "operators.decorated:SensorDecoratedOperator",
    "virtualenv": "operators.decorated:VirtualenvDecoratedOperator",
    "external_python": "operators.decorated:ExternalPythonDecoratedOperator",
    "branch_virtualenv": "operators.decorated:BranchVirtualenvDecoratedOperator",
    "branch_external_python": "operators.decorated:BranchExternalPythonDecoratedOperator",
    "stub": "operators.stub:StubDecoratedOperator",
}
"""`@task.<name>` → the operator behind it, imported when it is used."""

CONDITIONS: Final = ("run_if", "skip_if")


class TaskKind:
    """`@task.<name>` and `@task.<name>(…)`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(
        self,
        python_callable: Callable[..., Any] | str | None = None,
        *,
        multiple_outputs: bool | None = None,
        **options: Any,
    ) -> Any:
        """Decorate a function; options are the operator's arguments. `external_python` may have its Python first."""
        if self._name == "external_python" and isinstance(python_callable, str):
            return self(multiple_outputs=multiple_outputs, python=python_callable, **options)
        module, _, name = DECORATORS[self._name].partition(":")
        operator_class = getattr(import_module(f"tradewind.sdk.{module}"), name)

        def decorator(function: Callable[..., Any]) -> TaskDecorator[Any, Any]:
            return TaskDecorator(function, multiple_outputs, options, operator_class)

        return decorator if python_callable is None else decorator(cast("Any", python_callable))


class TaskDecoratorCollection:
    """`@task`, `@task(…)` and `@task.python(…)`."""

    @overload
    def __call__(self, python_callable: Callable[P, R]) -> TaskDecorator[P, R]: ...
    @overload
    def __call__(
        self, *, multiple_outputs: bool | None = None, **options: Any
    ) -> Callable[[Callable[P, R]], TaskDecorator[P, R]]: ...
    def __call__(
        self, python_callable: Callable[..., Any] | None = None, *, multiple_outputs: bool | None = None, **options: Any
    ) -> Any:
        """Decorate a function; options are task arguments."""
        if python_callable is not None:
            return TaskDecorator(python_callable, multiple_outputs, options)

        def decorator(function: Callable[P, R]) -> TaskDecorator[P, R]:
            return TaskDecorator(function, multiple_outputs, options)

        return decorator

    python = __call__

    def __getattr__(self, name: str) -> Any:
        if name in DECORATORS:
            return TaskKind(name)
        if name.startswith("__"):
            raise AttributeError(name)
        if name in CONDITIONS:
            return getattr(import_module("tradewind.sdk.conditions"), name)
        from tradewind.sdk.providers import provided_decorator

        provided = provided_decorator(name)
        if provided is None:
            raise AttributeError(f"@task.{name} is not available; there are {', '.join(sorted(DECORATORS))}")
        return provided


task = TaskDecoratorCollection()
