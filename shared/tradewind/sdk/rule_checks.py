"""What Airflow does not allow of trigger rules: a DAG is refused, with a text that names the task and its rule."""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, Final

from tradewind.sdk.dags import DAG
from tradewind.sdk.mapped.expand_input import DictOfListsExpandInput
from tradewind.sdk.mapped.group import MappedTaskGroup
from tradewind.sdk.mapped.operator import DecoratedMappedOperator
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.trigger_rule import TriggerRule
from tradewind.sdk.types import WeightRule, is_mapping
from tradewind.sdk.xcom_arg import XComArg

_FAIL_FAST_RULES: Final = (TriggerRule.ALL_SUCCESS, TriggerRule.ALL_DONE_SETUP_SUCCESS)
"""A task of a DAG with `fail_fast` waits for all of its upstream to succeed; a teardown goes by its setups."""


def wrong_rules(dag: DAG, tasks: Iterable[BaseOperator]) -> Iterator[str]:
    """What is wrong with the rules of each task."""
    for task in tasks:
        yield from _unknown(task)
        if task.on_failure_fail_dagrun and not task.is_teardown:
            yield f"task {task.task_id!r} has on_failure_fail_dagrun, but is no teardown"
        if dag.fail_fast and task.trigger_rule not in _FAIL_FAST_RULES:
            allowed = " or ".join(repr(str(rule)) for rule in _FAIL_FAST_RULES)
            yield f"{_named(task)}, but a DAG with fail_fast can only have {allowed}"
        if task.is_setup:
            yield from _behind_setup(task)
        if task.trigger_rule == TriggerRule.ALWAYS:
            yield from _wrong_always(task)


def _unknown(task: BaseOperator) -> Iterator[str]:
    if not _is_member(TriggerRule, task.trigger_rule):
        yield f"task {task.task_id!r} has an unknown trigger rule {task.trigger_rule!r}"
    if task.weight_strategy is None and not _is_member(WeightRule, task.weight_rule):
        yield f"task {task.task_id!r} has an unknown weight rule {task.weight_rule!r}"


def _behind_setup(setup: BaseOperator) -> Iterator[str]:
    for task in setup.downstream_list:
        if isinstance(task, BaseOperator) and not task.is_teardown and task.trigger_rule != TriggerRule.ALL_SUCCESS:
            yield f"{_named(task)}, but what comes after a setup, here {setup.task_id!r}, can only have 'all_success'"


def _wrong_always(task: BaseOperator) -> Iterator[str]:
    """It would start before it is known how many instances there are."""
    if isinstance(task.task_group, MappedTaskGroup):
        yield f"{_named(task)}, which is not allowed in mapped group {task.task_group.group_id!r}"
    if isinstance(task, DecoratedMappedOperator) and _is_mapped_over_xcoms(task.expand_input):
        yield f"{_named(task)}, which is not allowed where it is mapped over what other tasks return"


def _is_mapped_over_xcoms(given: Any) -> bool:
    if isinstance(given, DictOfListsExpandInput):
        return any(isinstance(value, XComArg) for value in given.value.values())
    items: list[Any] = [] if isinstance(given.value, XComArg) else list(given.value)
    return any(isinstance(value, XComArg) for item in items if is_mapping(item) for value in item.values())


def _named(task: BaseOperator) -> str:
    return f"task {task.task_id!r} has trigger rule {str(task.trigger_rule)!r}"


def _is_member(kind: type[Enum], value: object) -> bool:
    return value in [str(member) for member in kind]
