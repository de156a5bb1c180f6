"""A task that is mapped: `Operator.partial(…).expand(…)`."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from tradewind.sdk.active import outside_of_dags
from tradewind.sdk.mapped.expand_input import (
    DictOfListsExpandInput,
    ExpandInput,
    ListOfDictsExpandInput,
    check_dicts,
    check_mappable,
)
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.param import ParamsDict
from tradewind.sdk.xcom_arg import XComArg, apply_upstream_relationship

if TYPE_CHECKING:
    from tradewind.sdk.context import Context

NOT_MAPPABLE = ("task_id", "dag", "task_group", "start_date", "end_date", "trigger_rule")
"""What is one for all instances."""

_OWN = frozenset(inspect.signature(BaseOperator.__init__).parameters) - {"self", "kwargs"}


class OperatorPartial:
    """Some arguments of an operator, given before it is known what it is mapped over."""

    def __init__(self, operator_class: type[BaseOperator], kwargs: Mapping[str, Any]) -> None:
        self.operator_class, self.kwargs = operator_class, dict(kwargs)
        _check_names(operator_class, kwargs, "partial")

    def expand(self, **mapped_kwargs: Any) -> "MappedOperator":
        """One instance for each combination of the elements of these arguments."""
        if not mapped_kwargs:
            raise TypeError("no arguments to expand against")
        self._check(mapped_kwargs)
        check_mappable(mapped_kwargs, f"{self.operator_class.__name__}.expand()")
        return self._make(DictOfListsExpandInput(mapped_kwargs))

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> "MappedOperator":
        """One instance for each dict of arguments in a list."""
        check_dicts(kwargs, f"{self.operator_class.__name__}.expand_kwargs()")
        return self._make(ListOfDictsExpandInput(kwargs))

    def _check(self, mapped_kwargs: Mapping[str, Any]) -> None:
        _check_names(self.operator_class, mapped_kwargs, "expand")
        both = sorted(mapped_kwargs.keys() & self.kwargs.keys())
        if both:
            raise TypeError(f"{self.operator_class.__name__}.expand() got what partial() has already: {both}")
        fixed = sorted(name for name in mapped_kwargs if name in NOT_MAPPABLE)
        if fixed:
            raise ValueError(f"{self.operator_class.__name__}.expand() cannot map over {fixed}")

    def _make(self, expand_input: ExpandInput) -> "MappedOperator":
        return make_mapped(MappedOperator, self.operator_class, self.kwargs, expand_input)


def make_mapped(
    kind: "type[MappedOperator]",
    operator_class: type[BaseOperator],
    kwargs: Mapping[str, Any],
    expand_input: ExpandInput,
) -> "MappedOperator":
    """The mapped task, in the DAG, behind everything that its arguments refer to."""
    own = {name: value for name, value in kwargs.items() if name in _OWN}
    mapped = kind(operator_class=operator_class, partial_kwargs=kwargs, expand_input=expand_input, **own)
    for upstream, _ in expand_input.iter_references():
        mapped.set_upstream(upstream)
    apply_upstream_relationship(mapped, dict(kwargs))
    if mapped.get_closest_mapped_task_group() is not None:
        raise NotImplementedError(
            f"task {mapped.task_id!r}: operator expansion in an expanded task group is not supported"
        )
    return mapped


class MappedOperator(BaseOperator):
    """A task with as many instances in a run as there is something to map over."""

    is_mapped: ClassVar[bool] = True

    def __init__(
        self,
        *,
        operator_class: type[BaseOperator],
        partial_kwargs: Mapping[str, Any],
        expand_input: ExpandInput,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operator_class, self.partial_kwargs = operator_class, dict(partial_kwargs)
        self.expand_input = expand_input

    def finish_init(self) -> None:
        """Fields are the instances', so there is nothing to look at."""
        self.template_fields = tuple(self.operator_class.template_fields)
        self.ui_color, self.ui_fgcolor = self.operator_class.ui_color, self.operator_class.ui_fgcolor

    @property
    def operator_name(self) -> str:
        """As the instances'."""
        return self.operator_class.custom_operator_name or self.task_type

    @property
    def output(self) -> XComArg:
        """What the instances return, all together."""
        return XComArg(self)

    def instance_kwargs(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """All arguments of one instance."""
        return {**self.partial_kwargs, **values}

    def unmap(self, values: Mapping[str, Any]) -> BaseOperator:
        """The operator of one instance; it belongs to the DAG without being added to it."""
        kwargs = self.instance_kwargs(values)
        own_params = kwargs.pop("params", None)
        left_out = ("dag", "task_group", "task_id", "default_args")
        kwargs = {name: value for name, value in kwargs.items() if name not in left_out}
        with outside_of_dags():
            defaults = dict(self.merged_default_args)
            operator = self.operator_class(task_id=self.label, default_args=defaults, **kwargs)
        operator.take_place_of(self)
        operator.params = ParamsDict(self.dag.params)
        operator.params.merge(ParamsDict({**defaults.get("params", {}), **(own_params or {})}))
        return operator

    def execute(self, context: "Context") -> Any:
        """Never: its instances are executed."""
        raise RuntimeError(f"task {self.task_id!r} is mapped; its instances run, not itself")


class DecoratedMappedOperator(MappedOperator):
    """A mapped `@task`: what is mapped over are arguments of the function."""

    def instance_kwargs(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The function's arguments, those of `partial` among them."""
        return {**self.partial_kwargs, "op_kwargs": {**self.partial_kwargs["op_kwargs"], **values}}


def _check_names(operator_class: type[BaseOperator], kwargs: Mapping[str, Any], what: str) -> None:
    """Raises TypeError for arguments that the operator does not take; one that takes any is not asked."""
    known: dict[str, None] = {}
    for kind in operator_class.__mro__:
        init = kind.__dict__.get("__init__")
        parameters = inspect.signature(init).parameters.values() if init is not None else ()
        known.update(dict.fromkeys(p.name for p in parameters if p.kind is not p.VAR_KEYWORD))
    unknown = sorted(name for name in kwargs if name not in known)
    if unknown:
        raise TypeError(f"{operator_class.__name__}.{what}() got unexpected keyword arguments {unknown}")
