"""One instance of a mapped task: its operator, its rendered map index, and the length of what others map over."""

import logging
from typing import Any, Protocol, cast

from tradewind.sdk.configuration import conf
from tradewind.sdk.context import Context
from tradewind.sdk.dags import DAG
from tradewind.sdk.exceptions import UnmappableXComLengthPushed, UnmappableXComTypePushed, XComForMappingNotPushed
from tradewind.sdk.mapped.expand_input import ExpandInput
from tradewind.sdk.mapped.sequences import is_mappable
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.param import process_params
from tradewind.sdk.templating import LiteralValue
from tradewind.sdk.types import is_dict, is_list, is_tuple

log = logging.getLogger("tradewind.task")

_KEPT = "task_ids_mapped_over"


class MappedTask(Protocol):
    """What is asked of a mapped task."""

    expand_input: ExpandInput

    def unmap(self, values: dict[str, Any]) -> BaseOperator:
        """The operator of one instance."""
        ...


def instance_of(task: BaseOperator, context: Context) -> BaseOperator:
    """The operator of this attempt's map index, in the context instead of the mapped one. What comes from XComs is kept
    from being rendered. Raises RuntimeError for an attempt without a map index, and what resolving raises."""
    ti: Any = context.get("ti")
    if ti.map_index < 0:
        raise RuntimeError("can't resolve task-mapping argument without expanding")
    mapped = cast("MappedTask", task)
    arguments = mapped.expand_input.resolve(context, ti.map_index)
    operator = mapped.unmap(arguments.values).prepare_for_execution()
    data = [arguments.values[name] for name in arguments.resolved]
    for field in operator.template_fields:
        value = getattr(operator, field, None)
        shielded = _shielded(value, data)
        if shielded is not value:
            setattr(operator, field, shielded)
    context.update(
        task=operator,
        params=process_params(operator.dag, operator.params, ti.dag_run.conf),
        inlets=operator.inlets,
        outlets=operator.outlets,
        map_index_template=operator.map_index_template,
    )
    ti.task = operator
    return operator


def _shielded(value: Any, data: list[Any]) -> Any:
    """The value, in which data (by identity) is marked as being no template."""
    if not data:
        return value
    if any(value is each for each in data):
        return LiteralValue(value)
    if is_dict(value):
        return {key: _shielded(inner, data) for key, inner in value.items()}
    if is_list(value):
        return [_shielded(inner, data) for inner in value]
    if is_tuple(value):
        return tuple(_shielded(inner, data) for inner in value)
    return value


def rendered_map_index(task: BaseOperator, context: Context) -> str:
    """The name that this instance shows instead of its number, by its `map_index_template`."""
    from tradewind.sdk.jinja_environments import render_text

    return str(render_text(task.map_index_template or "", context, task.get_template_env()))


def map_length_of(task: BaseOperator, result: Any, map_index: int) -> int | None:
    """How many elements the result has, if anything maps over it; of an instance of a mapped task, whose siblings are
    counted, 1 if it pushes its result. Raises a TypeError if an unmapped task returns nothing to map over, or more than
    `core.max_map_length` elements."""
    if task.task_id not in task_ids_mapped_over(task.dag):
        return None
    if map_index >= 0:
        return None if result is None or not task.do_xcom_push else 1
    if result is None or not task.do_xcom_push:
        raise XComForMappingNotPushed
    if not is_mappable(result):
        raise UnmappableXComTypePushed(result)
    length, length_max = len(result), conf.getint("core", "max_map_length")
    if length > length_max:
        raise UnmappableXComLengthPushed(task.task_id, length, length_max)
    return length


def task_ids_mapped_over(dag: DAG) -> frozenset[str]:
    """The tasks whose return values something in the DAG maps over; found once and kept on the DAG."""
    kept: frozenset[str] | None = dag.__dict__.get(_KEPT)
    if kept is None:
        nodes: list[Any] = [*dag.task_dict.values(), *dag.task_group_dict.values()]
        inputs = [node.expand_input for node in nodes if node.is_mapped]
        kept = frozenset(operator.task_id for each in inputs for operator, _ in each.iter_references())
        dag.__dict__[_KEPT] = kept
    return kept
