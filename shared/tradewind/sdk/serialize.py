"""The author's DAG as the scheduler's `DagSpec`: same file, same spec, byte for byte."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from tradewind.core.ends import RETRY_DELAY_MAX_SECONDS
from tradewind.core.errors import DomainError
from tradewind.core.spec import (
    AssetRef,
    DagSpec,
    DeadlineSpec,
    LengthKind,
    MapLength,
    TaskGroupSpec,
    TaskSpec,
    TimetableSpec,
    TriggerRule,
)
from tradewind.sdk import serde
from tradewind.sdk import timezone as tz
from tradewind.sdk.assets.specs import asset_fields, asset_refs
from tradewind.sdk.configuration import conf
from tradewind.sdk.dags import DAG
from tradewind.sdk.deadlines import deadline_specs
from tradewind.sdk.listeners import LISTENERS
from tradewind.sdk.mapped.expand_input import ExpandInput
from tradewind.sdk.mapped.group import MappedTaskGroup
from tradewind.sdk.mapped.lengths import length_of
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operator_defaults import MAX_RETRY_DELAY
from tradewind.sdk.operator_link import links_of, xcom_key_of
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.param import ParamsDict
from tradewind.sdk.priority import effective_weights
from tradewind.sdk.priority_strategy import weights_by_try
from tradewind.sdk.rule_checks import wrong_rules
from tradewind.sdk.schedule import schedule_spec
from tradewind.sdk.shown_values import shown
from tradewind.sdk.triggers.starting import needs_worker, start_trigger
from tradewind.sdk.types import WeightRule, is_collection, is_mapping

DEFAULT_MAX_MAP_LENGTH: Final = 1024


class DagSpecError(DomainError):
    """A DAG cannot be scheduled as it is; the text names file, DAG, task and value."""


def serialize_dag(dag: DAG, relative_fileloc: str) -> DagSpec:
    """The spec of a DAG; raises DagSpecError."""
    where = f"{relative_fileloc}: DAG {dag.dag_id!r}"
    ordered = _topological(dag, where)
    _check_rules(dag, ordered, where)
    weights = effective_weights(
        [task.task_id for task in ordered],
        {task.task_id: sorted(task.downstream_task_ids) for task in ordered},
        {task.task_id: (task.priority_weight, _built_in_rule(task)) for task in ordered},
    )
    tasks = tuple(_task_spec(task, weights[task.task_id], where) for task in ordered)
    return DagSpec(
        dag_id=dag.dag_id,
        relative_fileloc=relative_fileloc,
        tasks=tasks,
        asks_weights=any(task.asks_weights for task in tasks),
        description=dag.description,
        doc_md=dag.doc_md,
        tags=tuple(sorted(dag.tags)),
        owners=tuple(sorted({task.owner for task in ordered})),
        timetable_summary=dag.timetable.summary,
        timetable_description=dag.timetable.description,
        timetable_type=dag.timetable.type_name,
        timetable_periodic=dag.timetable.periodic,
        disable_bundle_versioning=dag.disable_bundle_versioning,
        timetable_partitioned=dag.timetable.partitioned,
        start_date=_utc(dag.start_date),
        end_date=_utc(dag.end_date),
        timezone=str(getattr(dag.timezone, "name", dag.timezone)),
        catchup=dag.catchup,
        max_active_tasks=dag.max_active_tasks,
        max_active_runs=dag.max_active_runs,
        max_consecutive_failed_dag_runs=dag.max_consecutive_failed_dag_runs,
        dagrun_timeout_seconds=_seconds(dag.dagrun_timeout),
        is_paused_upon_creation=_paused_at_creation(dag),
        fail_fast=dag.fail_fast,
        render_template_as_native_obj=dag.render_template_as_native_obj,
        params=_params(dag.params),
        task_groups=_group_specs(dag, where),
        has_on_success_callback=bool(dag.on_success_callback),
        has_on_failure_callback=bool(dag.on_failure_callback),
        run_listeners=LISTENERS.heard_states(),
        sla_miss_callback=bool(dag.sla_miss_callback),
        owner_links=dict(dag.owner_links),
        default_args=shown(dag.default_args),
        template_searchpath=tuple(str(path) for path in dag.template_searchpath or ()),
        access_control=_access_control(dag, where),
        rerun_with_latest_version=dag.rerun_with_latest_version,
        allowed_run_types=None if dag.allowed_run_types is None else tuple(sorted(dag.allowed_run_types)),
        dag_display_name=dag.dag_display_name if dag.dag_display_name != dag.dag_id else None,
        timetable=_timetable_spec(dag, where),
        deadlines=_deadline_specs(dag, where),
        **_asset_fields(dag, where),
    )


def _deadline_specs(dag: DAG, where: str) -> tuple[DeadlineSpec, ...]:
    try:
        return deadline_specs(dag.deadline)
    except ValueError as exc:
        raise DagSpecError(f"{where}: deadline: {exc}") from exc


def _timetable_spec(dag: DAG, where: str) -> TimetableSpec | None:
    try:
        return schedule_spec(dag.timetable)
    except ValueError as exc:
        raise DagSpecError(f"{where}: schedule: {exc}") from exc


def _asset_fields(dag: DAG, where: str) -> dict[str, Any]:
    try:
        return asset_fields(dag)
    except ValueError as exc:
        raise DagSpecError(f"{where}: schedule: {exc}") from exc


def _asset_refs(task: BaseOperator, assets: list[Any], where: str) -> tuple[AssetRef, ...]:
    try:
        return asset_refs(assets)
    except ValueError as exc:
        raise DagSpecError(f"{where}: task {task.task_id!r}: {exc}") from exc


def check_acyclic(dag: DAG) -> None:
    """Raises DagSpecError that names a cycle of tasks, if there is one."""
    _topological(dag, f"DAG {dag.dag_id!r}")


def _topological(dag: DAG, where: str) -> list[BaseOperator]:
    """Upstream before downstream; among those that are free, in the order in which they were written."""
    waiting_for = {task_id: len(task.upstream_task_ids) for task_id, task in dag.task_dict.items()}
    ready = [task_id for task_id, count in waiting_for.items() if count == 0]
    ordered: list[BaseOperator] = []
    for task_id in ready:
        task = dag.task_dict[task_id]
        ordered.append(task)
        for downstream in sorted(task.downstream_task_ids):
            waiting_for[downstream] -= 1
            if waiting_for[downstream] == 0:
                ready.append(downstream)
    if len(ordered) < len(dag.task_dict):
        cycle = " -> ".join(_cycle(dag, {task_id for task_id, count in waiting_for.items() if count}))
        raise DagSpecError(f"{where}: the tasks depend on each other in a cycle: {cycle}")
    return ordered


def _cycle(dag: DAG, blocked: set[str]) -> list[str]:
    """One cycle among blocked tasks: each has a blocked one upstream, so walking up must come round."""
    seen: dict[str, int] = {}
    path: list[str] = []
    task_id = min(blocked)
    while task_id not in seen:
        seen[task_id] = len(path)
        path.append(task_id)
        task_id = min(dag.task_dict[task_id].upstream_task_ids & blocked)
    return [task_id, *reversed(path[seen[task_id] :])]


def _check_rules(dag: DAG, tasks: list[BaseOperator], where: str) -> None:
    wrong = next(wrong_rules(dag, tasks), None)
    if wrong is not None:
        raise DagSpecError(f"{where}: {wrong}")


def _built_in_rule(task: BaseOperator) -> Any:
    return task.weight_rule if task.weight_strategy is None else WeightRule.ABSOLUTE


def _rule_name(task: BaseOperator) -> str:
    kind = type(task.weight_strategy)
    return str(task.weight_rule) if task.weight_strategy is None else f"{kind.__module__}.{kind.__qualname__}"


def _try_weights(task: BaseOperator, where: str) -> tuple[int, ...] | None:
    """None: the strategy wants to know of the run."""
    if task.weight_strategy is None:
        return ()
    try:
        return weights_by_try(task.weight_strategy, task)
    except Exception as exc:
        raise DagSpecError(f"{where}: task {task.task_id!r}: weight_rule {_rule_name(task)}: {exc!r}") from exc


def _is_ended_by_worker(task: BaseOperator) -> bool:
    callbacks = (task.on_success_callback, task.on_failure_callback, task.on_skipped_callback)
    return any(callbacks) or bool(task.email) or bool(task.outlets)


def _notices(task: BaseOperator) -> tuple[str, ...]:
    """The states of a failed attempt of which somebody wants to hear."""
    wanted = {
        "failed": bool(task.on_failure_callback) or (bool(task.email) and task.email_on_failure),
        "up_for_retry": bool(task.on_retry_callback) or (bool(task.email) and task.email_on_retry),
    }
    heard = LISTENERS.hears("on_task_instance_failed")
    return tuple(state for state, is_wanted in wanted.items() if is_wanted or heard)


def _start_trigger(task: BaseOperator, where: str) -> dict[str, object] | None:
    """What the task begins by waiting for, if it starts from a trigger and no worker must work out its arguments."""
    start = start_trigger(task)
    if start is None or needs_worker(task, start):
        return None
    try:
        return {
            "classpath": start.trigger_cls,
            "kwargs": serde.to_json(start.trigger_kwargs or {}).decode(),
            "next_method": start.next_method,
            "next_kwargs": serde.to_json(start.next_kwargs or {}).decode(),
            "timeout_seconds": _seconds(start.timeout),
            "queue": start.trigger_queue,
        }
    except (TypeError, ValueError) as exc:
        raise DagSpecError(f"{where}: task {task.task_id!r}: start_trigger_args: {exc}") from exc


def _task_spec(task: BaseOperator, weight: int, where: str) -> TaskSpec:
    said = _try_weights(task, where)
    try_weights = (weight,) if said is None else said
    return TaskSpec(
        task_id=task.task_id,
        task_type=task.task_type,
        task_module=getattr(task, "operator_class", type(task)).__module__,
        upstream_task_ids=tuple(sorted(task.upstream_task_ids)),
        downstream_task_ids=tuple(sorted(task.downstream_task_ids)),
        trigger_rule=TriggerRule(task.trigger_rule),
        retries=task.retries,
        retry_delay_seconds=_seconds(task.retry_delay) or 0.0,
        retry_exponential_backoff=_backoff(task.retry_exponential_backoff),
        max_retry_delay_seconds=_longest_delay(task),
        infrastructure_retries=task.infrastructure_retries,
        pool=task.pool,
        pool_slots=task.pool_slots,
        priority_weight=try_weights[0] if try_weights else weight,
        weight_rule=_rule_name(task),
        try_weights=try_weights,
        asks_weights=said is None,
        queue=task.queue,
        executor=task.executor,
        execution_timeout_seconds=_seconds(task.execution_timeout),
        is_empty=is_empty(task),
        owner=task.owner,
        template_fields=tuple(task.template_fields),
        operator_name=task.operator_name,
        doc_md=task.doc_md,
        ui_color=task.ui_color,
        ui_fgcolor=task.ui_fgcolor,
        start_date=_utc(task.start_date),
        end_date=_utc(task.end_date),
        depends_on_past=task.depends_on_past,
        wait_for_downstream=task.wait_for_downstream,
        task_display_name=task.task_display_name if task.task_display_name != task.task_id else None,
        multiple_outputs=task.multiple_outputs,
        task_group_id=task.task_group.group_id if task.task_group is not None else None,
        map_length=_map_length(task, where),
        map_index_template=task.map_index_template,
        start_trigger=_start_trigger(task, where),
        is_setup=task.is_setup,
        is_teardown=task.is_teardown,
        on_failure_fail_dagrun=task.on_failure_fail_dagrun,
        ignore_first_depends_on_past=task.ignore_first_depends_on_past,
        wait_for_past_depends_before_skipping=task.wait_for_past_depends_before_skipping,
        max_active_tis_per_dag=task.max_active_tis_per_dag,
        max_active_tis_per_dagrun=task.max_active_tis_per_dagrun,
        is_sensor=bool(getattr(getattr(task, "operator_class", type(task)), "is_sensor", False)),
        inlets=_asset_refs(task, task.inlets, where),
        outlets=_asset_refs(task, task.outlets, where),
        extra_links=_extra_links(task, where),
        downstream_labels=_labels(task),
        params=_own_params(task),
        has_retry_policy=task.retry_policy is not None,
        notices=_notices(task),
        returns_dag_result=bool(task.returns_dag_result),
        is_ended_by_worker=_is_ended_by_worker(task),
    )


def _params(params: ParamsDict) -> dict[str, object]:
    """As JSON has it: keys of a mapping are texts there, None becomes "null"."""
    return {name: json.loads(json.dumps(param.serialize())) for name, param in params.params()}


def _own_params(task: BaseOperator) -> dict[str, object]:
    """Those that are not the DAG's as they are: tasks are many."""
    if not task.params:
        return {}
    of_dag = _params(task.dag.params)
    return {name: param for name, param in _params(task.params).items() if of_dag.get(name) != param}


def _map_length(task: BaseOperator, where: str) -> MapLength | None:
    if not task.is_mapped:
        return None
    mapped: Any = task
    return _checked_length(mapped.expand_input, f"{where}: task {task.task_id!r}")


def _checked_length(expand_input: ExpandInput, where: str) -> MapLength:
    try:
        length = length_of(expand_input)
    except ValueError as exc:
        raise DagSpecError(f"{where}: {exc}") from exc
    limit = conf.getint("core", "max_map_length", fallback=DEFAULT_MAX_MAP_LENGTH)
    if length.kind is LengthKind.LITERAL and length.length > limit:
        raise DagSpecError(f"{where} maps over {length.length} items; core.max_map_length is {limit}")
    return length


def _extra_links(task: BaseOperator, where: str) -> dict[str, str]:
    operator_class = getattr(task, "operator_class", type(task))
    own = None if task.is_mapped else task.operator_extra_links
    try:
        return {str(name): xcom_key_of(link) for name, link in links_of(operator_class, own).items()}
    except (AttributeError, TypeError) as exc:
        raise DagSpecError(f"{where}: task {task.task_id!r}: operator_extra_links: {exc}") from exc


def _access_control(dag: DAG, where: str) -> dict[str, object] | None:
    """Role → resource → actions. A role's plain collection of actions is about the DAG."""
    if not dag.access_control:
        return None
    found: dict[str, object] = {}
    for role, given in dag.access_control.items():
        resources: Any = given if is_mapping(given) else {"DAGs": given}
        for resource, actions in resources.items():
            if isinstance(actions, str) or not is_collection(actions):
                raise DagSpecError(f"{where}: access_control of role {role!r}: {resource} has no actions: {actions!r}")
        found[str(role)] = {str(resource): sorted(map(str, actions)) for resource, actions in resources.items()}
    return found


def _labels(task: BaseOperator) -> dict[str, str]:
    info = task.dag.edge_info.get(task.task_id, {})
    return {below: str(info[below]["label"]) for below in sorted(info) if info[below].get("label")}


def _group_specs(dag: DAG, where: str) -> tuple[TaskGroupSpec, ...]:
    return tuple(
        TaskGroupSpec(
            group_id=group_id,
            parent_group_id=group.parent_group.group_id if group.parent_group is not None else None,
            display_name=group.group_display_name or None,
            tooltip=group.tooltip,
            ui_color=group.ui_color,
            ui_fgcolor=group.ui_fgcolor,
            map_length=_checked_length(group.expand_input, f"{where}: group {group_id!r}")
            if isinstance(group, MappedTaskGroup)
            else None,
        )
        for group_id, group in dag.task_group_dict.items()
    )


def is_empty(task: BaseOperator) -> bool:
    """Whether nothing would run: an EmptyOperator that does not override what it does, without callbacks or outlets."""
    kind = type(task)
    return (
        isinstance(task, EmptyOperator)
        and kind.execute is EmptyOperator.execute
        and kind.pre_execute is BaseOperator.pre_execute
        and kind.post_execute is BaseOperator.post_execute
        and not any((task.on_execute_callback, task.on_success_callback, task.inlets, task.outlets))
        and task.pre_execute_hook is None
        and task.post_execute_hook is None
    )


def _longest_delay(task: BaseOperator) -> float | None:
    """What the author says, but no longer than the configuration allows where that is less than a day."""
    own = _seconds(task.max_retry_delay)
    if MAX_RETRY_DELAY >= RETRY_DELAY_MAX_SECONDS:
        return own
    return min(own or MAX_RETRY_DELAY, MAX_RETRY_DELAY)


def _backoff(value: float) -> float:
    # `True` is Airflow 2's way to say: double each time.
    return 2.0 if value is True else float(value)


def _seconds(value: timedelta | float | None) -> float | None:
    if value is None:
        return None
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def _paused_at_creation(dag: "DAG") -> bool | None:
    """What the author says, else what the configuration says; None = paused, as DAGs are."""
    if dag.is_paused_upon_creation is not None or conf.getboolean("core", "dags_are_paused_at_creation"):
        return dag.is_paused_upon_creation
    return False


def _utc(value: datetime | None) -> datetime | None:
    return None if value is None else tz.as_utc(value)
