"""Rows as the API shows them."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

import msgspec

from tradewind.api.models.base import ApiModel
from tradewind.api.models.dag_runs import DAGRunResponse
from tradewind.api.models.dags import DAGDetailsResponse, DAGResponse, DagTagResponse, DagVersionResponse
from tradewind.api.models.task_instances import (
    JobResponse,
    TaskInstanceResponse,
    TaskInstanceTryResponse,
    TriggerResponse,
)
from tradewind.api.models.tasks import TaskResponse, TimeDelta
from tradewind.api.params import presented
from tradewind.api.redaction import redacted
from tradewind.core.errors import NotFound
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import TaskInstanceState
from tradewind.db.api.dags import NewDagRun
from tradewind.db.pool import Row
from tradewind.service.dag_roots import DagRoot, resolve_dag_file
from tradewind.service.tokens import TokenSigner

Tasks = Mapping[UUID, Mapping[str, TaskSpec]]
"""dag_version_id → task_id → task."""

TryT = TypeVar("TryT", bound=TaskInstanceTryResponse)
ModelT = TypeVar("ModelT", bound=ApiModel)


def plain(model: type[ModelT], row: Row) -> ModelT:
    """A row whose columns are the model's fields."""
    return model.model_validate(dict(row.items()))


def dag_response(row: Row, roots: Sequence[DagRoot], signer: TokenSigner) -> DAGResponse:
    return DAGResponse.model_validate(_dag_fields(row, roots, signer))


def dag_details(row: Row, spec: DagSpec, roots: Sequence[DagRoot], signer: TokenSigner) -> DAGDetailsResponse:
    return DAGDetailsResponse.model_validate(
        {
            **_dag_fields(row, roots, signer),
            "catchup": spec.catchup,
            "dag_run_timeout": spec.dagrun_timeout_seconds,
            "doc_md": spec.doc_md,
            "start_date": spec.start_date,
            "end_date": spec.end_date,
            "is_paused_upon_creation": spec.is_paused_upon_creation,
            "params": presented(spec.params),
            "asset_expression": spec.asset_condition,
            "render_template_as_native_obj": spec.render_template_as_native_obj,
            "timezone": spec.timezone,
            "owner_links": spec.owner_links,
            "default_args": redacted(spec.default_args),
            "template_search_path": list(spec.template_searchpath) or None,
            "rerun_with_latest_version": spec.rerun_with_latest_version,
            "last_parsed": row["last_parsed_time"],
            "active_runs_count": row["active_runs_count"],
            "is_favorite": row["is_favorite"],
            "latest_dag_version": dag_version(row),
        }
    )


def _dag_fields(row: Row, roots: Sequence[DagRoot], signer: TokenSigner) -> dict[str, object]:
    fields = dict(row.items())
    dag_id, name = row["dag_id"], row["dag_display_name"]
    tags = [DagTagResponse(name=tag, dag_id=dag_id, dag_display_name=name) for tag in sorted(row["tags"])]
    return {
        **fields,
        "fileloc": _fileloc(row["relative_fileloc"], roots),
        "file_token": signer.mint_file_token(row["relative_fileloc"]),
        "tags": tags,
    }


def _fileloc(relative_fileloc: str, roots: Sequence[DagRoot]) -> str:
    try:
        return str(resolve_dag_file(roots, relative_fileloc).path)
    except NotFound:
        return relative_fileloc


def dag_version(row: Row) -> DagVersionResponse:
    """The version that the row's `version_…` columns describe."""
    return DagVersionResponse(
        id=row["version_id"],
        version_number=row["version_number"],
        dag_id=row["dag_id"],
        bundle_name=row["version_bundle_name"],
        bundle_version=row["version_bundle_version"],
        created_at=row["version_created_at"],
        dag_display_name=row["dag_display_name"],
    )


def dag_run_response(row: Row) -> DAGRunResponse:
    return DAGRunResponse.model_validate({**dict(row.items()), "dag_versions": [dag_version(row)]})


def created_dag_run_response(run: NewDagRun, target: Row) -> DAGRunResponse:
    """A run that was created just now, without reading it back. `target` describes its DAG and version."""
    return DAGRunResponse(
        dag_run_id=run.run_id,
        dag_id=run.dag_id,
        logical_date=run.logical_date,
        queued_at=run.queued_at,
        start_date=None,
        end_date=None,
        duration=None,
        data_interval_start=run.data_interval_start,
        data_interval_end=run.data_interval_end,
        run_after=run.run_after,
        last_scheduling_decision=None,
        run_type=run.run_type,
        state="queued",
        triggered_by=run.triggered_by,
        triggering_user_name=run.triggering_user_name,
        conf=dict(run.conf),
        note=run.note,
        dag_versions=[dag_version(target)],
        bundle_version=target["bundle_version"],
        dag_display_name=target["dag_display_name"],
        partition_key=run.partition_key,
        partition_date=run.partition_date,
    )


def task_instance_response(row: Row, tasks: Tasks) -> TaskInstanceResponse:
    rendered = row["rendered_fields"]
    fields = _try_fields(row, tasks)
    return TaskInstanceResponse.model_validate(
        {
            **fields,
            "rendered_map_index": row["rendered_map_index"] or _map_index(row["map_index"]),
            "rendered_fields": msgspec.json.decode(rendered) if rendered else {},
            "trigger": _trigger(row),
            "triggerer_job": _triggerer_job(row),
        }
    )


def _map_index(map_index: int) -> str | None:
    """What a mapped instance is called that has no name of its own."""
    return None if map_index < 0 else str(map_index)


def _trigger(row: Row) -> TriggerResponse | None:
    """What the task instance waits for. Its arguments, which may hold secrets, are not shown."""
    if not row["trigger_classpath"]:
        return None
    return TriggerResponse(
        id=row["trigger_id"],
        classpath=row["trigger_classpath"],
        kwargs="{}",
        created_date=row["trigger_created_at"],
        queue=row["trigger_queue"],
        triggerer_id=row["triggerer_number"],
    )


def _triggerer_job(row: Row) -> JobResponse | None:
    """The triggerer that runs the trigger."""
    if row["triggerer_number"] is None:
        return None
    return JobResponse(
        id=row["triggerer_number"],
        dag_id=None,
        state="running",
        job_type="TriggererJob",
        start_date=row["triggerer_started_at"],
        end_date=None,
        latest_heartbeat=row["triggerer_renewed_at"],
        executor_class=None,
        hostname=row["triggerer_hostname"],
        unixname=None,
    )


def try_response(model: type[TryT], row: Row, tasks: Tasks) -> TryT:
    return model.model_validate(_try_fields(row, tasks))


def _try_fields(row: Row, tasks: Tasks) -> dict[str, object]:
    task = tasks.get(row["version_id"], {}).get(row["task_id"])
    return {
        **dict(row.items()),
        "state": None if row["state"] == TaskInstanceState.NONE else row["state"],
        "executor_config": "{}",
        "operator_name": (task and task.operator_name) or row["operator"],
        "dag_version": dag_version(row),
    }


def task_response(dag: DagSpec, task: TaskSpec) -> TaskResponse:
    timeout = task.execution_timeout_seconds
    return TaskResponse(
        task_id=task.task_id,
        task_display_name=task.task_display_name or task.task_id,
        owner=task.owner,
        start_date=task.start_date,
        end_date=task.end_date,
        trigger_rule=task.trigger_rule,
        depends_on_past=task.depends_on_past,
        wait_for_downstream=task.wait_for_downstream,
        retries=task.retries,
        queue=task.queue,
        pool=task.pool,
        pool_slots=task.pool_slots,
        execution_timeout=None if timeout is None else TimeDelta.of_seconds(timeout),
        retry_delay=TimeDelta.of_seconds(task.retry_delay_seconds),
        retry_exponential_backoff=task.retry_exponential_backoff,
        priority_weight=task.priority_weight,
        weight_rule=task.weight_rule,
        ui_color=task.ui_color,
        ui_fgcolor=task.ui_fgcolor,
        template_fields=list(task.template_fields),
        downstream_task_ids=list(task.downstream_task_ids),
        doc_md=task.doc_md,
        operator_name=task.operator_name or task.task_type,
        params=presented(dag.params, source="dag") | presented(task.params, source="task"),
        class_ref={"module_path": task.task_module, "class_name": task.task_type},
        is_mapped=task.map_length is not None,
        extra_links=sorted(task.extra_links),
    )
