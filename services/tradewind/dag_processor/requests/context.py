"""What a DAG's callbacks get to see of the run."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tradewind.core.dag_requests import RequestedRun
from tradewind.sdk import timezone as tz
from tradewind.sdk.dags import DAG


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedDagRun:
    """The run, as `dag_run`; dates are pendulum's."""

    dag_id: str
    run_id: str
    run_type: str
    state: str
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime | None
    queued_at: datetime | None
    start_date: datetime | None
    end_date: datetime | None
    triggered_by: str
    triggering_user_name: str | None
    conf: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTaskInstance:
    """The task instance that ended last, or failed, as `ti`."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    state: str
    try_number: int
    task: Any


def callback_context(dag: DAG, run: RequestedRun, reason: str | None) -> dict[str, Any]:
    """The context: `dag`, `dag_run`, `run_id`, `reason`, `ti` and `task` (if there is one), `params` and the dates."""
    dag_run = _dag_run(dag, run)
    context: dict[str, Any] = {
        "dag": dag,
        "dag_run": dag_run,
        "run_id": run.run_id,
        "reason": reason,
        "params": {name: dag_run.conf.get(name, param.value) for name, param in dag.params.params()},
        "data_interval_start": dag_run.data_interval_start,
        "data_interval_end": dag_run.data_interval_end,
    }
    if dag_run.logical_date is not None:
        context.update(logical_date=dag_run.logical_date, ds=f"{dag_run.logical_date:%Y-%m-%d}")
        context["ts"] = dag_run.logical_date.isoformat()
    if run.last_task is not None and dag.has_task(run.last_task[0]):
        task_id, map_index, state, try_number = run.last_task
        task = dag.get_task(task_id)
        context["task"] = task
        context["ti"] = context["task_instance"] = EndedTaskInstance(
            dag_id=dag.dag_id,
            task_id=task_id,
            run_id=run.run_id,
            map_index=map_index,
            state=state,
            try_number=try_number,
            task=task,
        )
    return context


def deadline_context(dag: DAG, run: RequestedRun, due_at: datetime) -> dict[str, Any]:
    """What the callback of a deadline alert gets: the run as REST shows it, and when it was due."""
    shown = asdict(_dag_run(dag, run))
    dag_run = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in shown.items()}
    dag_run["dag_run_id"] = dag_run.pop("run_id")
    return {"dag_run": dag_run, "deadline": {"id": f"{dag.dag_id}/{run.run_id}", "deadline_time": due_at}}


def _dag_run(dag: DAG, run: RequestedRun) -> EndedDagRun:
    return EndedDagRun(
        dag_id=dag.dag_id,
        run_id=run.run_id,
        run_type=run.run_type,
        state=run.state,
        logical_date=tz.coerce_datetime(run.logical_date),
        data_interval_start=tz.coerce_datetime(run.data_interval_start),
        data_interval_end=tz.coerce_datetime(run.data_interval_end),
        run_after=tz.coerce_datetime(run.run_after),
        queued_at=tz.coerce_datetime(run.queued_at),
        start_date=tz.coerce_datetime(run.start_date),
        end_date=tz.coerce_datetime(run.end_date),
        triggered_by=run.triggered_by,
        triggering_user_name=run.triggering_user_name,
        conf=json.loads(run.conf) or {},
    )
