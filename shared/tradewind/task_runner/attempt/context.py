"""The context of an attempt: Airflow's names, filled from the grant, with XComs, Variables and Connections behind."""

from datetime import datetime
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from tradewind.sdk.configuration import conf
from tradewind.sdk.connection import Connection
from tradewind.sdk.context import Context
from tradewind.sdk.exceptions import AirflowNotFoundException
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.param import process_params
from tradewind.sdk.runtime import Runtime
from tradewind.sdk.types import NOTSET
from tradewind.sdk.variable import Variable
from tradewind.task_runner.attempt.lazy_values import Later, Proxy
from tradewind.task_runner.attempt.task_instance import DagRun, DagRunSummary, RuntimeTaskInstance
from tradewind.task_runner.protocol import AttemptRequest

if TYPE_CHECKING:
    from tradewind.sdk.state_store import AssetStateStores, TaskStateStore

_EVENTS: Final = "tradewind.sdk.assets.events"
"""Imported when a task looks at events of assets: most never do."""


class VariableAccessor:
    """`var.value.<key>` and `var.json.<key>`, and `.get(key, default)`."""

    def __init__(self, *, deserialize_json: bool) -> None:
        self._deserialize_json = deserialize_json

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        return Variable.get(key, deserialize_json=self._deserialize_json)

    def get(self, key: str, default: Any = NOTSET, default_var: Any = NOTSET) -> Any:
        """The value, or the default."""
        default = default if default is not NOTSET else default_var
        return Variable.get(key, default=default, deserialize_json=self._deserialize_json)


class ConnectionAccessor:
    """`conn.<conn_id>`, and `.get(conn_id, default)`."""

    def __getattr__(self, conn_id: str) -> Connection:
        if conn_id.startswith("__"):
            raise AttributeError(conn_id)
        return Connection.get(conn_id)

    def get(self, conn_id: str, default_conn: Any = None) -> Any:
        """The connection, or the default."""
        try:
            return Connection.get(conn_id)
        except AirflowNotFoundException:
            return default_conn


class _PreviousSuccess:
    """The latest run before this one that succeeded: asked for once, when one of its dates is used."""

    def __init__(self, ti: RuntimeTaskInstance) -> None:
        self._ti = ti

    @cached_property
    def _run(self) -> DagRunSummary | None:
        return self._ti.get_previous_dagrun(state="success")

    def proxy(self, name: str) -> Later:
        """One of its dates; None if there is no such run."""
        return Later(lambda: Proxy(lambda: getattr(self._run, name, None)))


def task_state_store(ti: RuntimeTaskInstance) -> "TaskStateStore":
    """What the task instance keeps over its tries."""
    from tradewind.sdk.state_store import TaskStateStore

    return TaskStateStore(dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id, map_index=ti.map_index)


def asset_state_stores(task: BaseOperator) -> "AssetStateStores":
    """What is kept for the assets that the task declares."""
    from tradewind.sdk.state_store import AssetStateStores

    return AssetStateStores(task.inlets, task.outlets)


def build_context(request: AttemptRequest, task: BaseOperator, client: Runtime) -> Context:
    """The context of an attempt. Raises ParamValidationError if the run's conf does not fit the params."""
    dag = task.dag
    dag_run = DagRun(request)
    ti = RuntimeTaskInstance(request, task, dag_run, client)
    context = cast("dict[str, Any]", ti.context)
    previous = _PreviousSuccess(ti)
    context.update(
        {
            "conf": conf,
            "conn": ConnectionAccessor(),
            "dag": dag,
            "dag_run": dag_run,
            "inlets": task.inlets,
            "macros": Later(lambda: import_module("tradewind.sdk.macros")),
            "map_index_template": task.map_index_template,
            "outlets": task.outlets,
            "params": process_params(dag, task.params, dag_run.conf),
            "partition_date": Later(lambda: dag_run.partition_date),
            "partition_key": request.grant.partition_key,
            "prev_end_date_success": previous.proxy("end_date"),
            "prev_start_date_success": previous.proxy("start_date"),
            "run_id": ti.run_id,
            "task": task,
            "task_instance": ti,
            "task_instance_key_str": f"{ti.dag_id}__{ti.task_id}__{ti.run_id}",
            "task_reschedule_count": request.grant.task_reschedule_count,
            "task_state_store": Later(lambda: task_state_store(ti)),
            "test_mode": False,
            "ti": ti,
            "inlet_events": Later(lambda: import_module(_EVENTS).InletEventsAccessors(task.inlets)),
            "outlet_events": Later(lambda: import_module(_EVENTS).OutletEventAccessors()),
            "triggering_asset_events": Later(lambda: import_module(_EVENTS).TriggeringAssetEvents()),
            "try_number": ti.try_number,
            "var": {
                "json": VariableAccessor(deserialize_json=True),
                "value": VariableAccessor(deserialize_json=False),
            },
        }
    )
    if task.inlets or task.outlets:
        context["asset_state_store"] = Later(lambda: asset_state_stores(task))
    if request.grant.logical_date is not None:
        context.update(_dated(dag_run, request.grant.logical_date, ti, previous))
    return ti.context


def _dated(
    dag_run: DagRun, logical_date: datetime, ti: RuntimeTaskInstance, previous: "_PreviousSuccess"
) -> dict[str, Any]:
    ds, ts = logical_date.strftime("%Y-%m-%d"), logical_date.isoformat()
    ds_nodash = ds.replace("-", "")
    return {
        "logical_date": Later(lambda: dag_run.logical_date),
        "data_interval_start": Later(lambda: dag_run.data_interval_start),
        "data_interval_end": Later(lambda: dag_run.data_interval_end),
        "prev_data_interval_start_success": previous.proxy("data_interval_start"),
        "prev_data_interval_end_success": previous.proxy("data_interval_end"),
        "ds": ds,
        "ds_nodash": ds_nodash,
        "ts": ts,
        "ts_nodash": logical_date.strftime("%Y%m%dT%H%M%S"),
        "ts_nodash_with_tz": ts.replace("-", "").replace(":", ""),
        "task_instance_key_str": f"{ti.dag_id}__{ti.task_id}__{ds_nodash}",
    }
