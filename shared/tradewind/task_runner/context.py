"""The context of an attempt: Airflow's names, filled from the grant, with XComs, Variables and Connections behind."""

import json
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from datetime import datetime
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from tradewind.sdk import serde
from tradewind.sdk import timezone as tz
from tradewind.sdk.configuration import conf
from tradewind.sdk.connection import Connection
from tradewind.sdk.context import Context
from tradewind.sdk.exceptions import AirflowNotFoundException
from tradewind.sdk.log import LoggingMixin
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.param import process_params
from tradewind.sdk.state import DagRunState, TaskInstanceState
from tradewind.sdk.types import NOTSET
from tradewind.sdk.variable import Variable
from tradewind.sdk.xcom_arg import XCOM_RETURN_KEY
from tradewind.task_runner.execution_client import ExecutionClient
from tradewind.task_runner.protocol import AttemptRequest

if TYPE_CHECKING:
    from pendulum import DateTime

_NOT_MAPPED: Final = -1


class _Later:
    """A context value that is made when somebody looks at it."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


class LazyContext(dict[str, Any]):
    """The context as a dict. Dates become pendulum's when they are looked at: most tasks look at none, and their
    processes do without that library."""

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if isinstance(value, _Later):
            value = self[key] = value.make()
        return value

    def __iter__(self) -> Iterator[str]:
        # Overridden so that dict(context) and **context come by __getitem__, and do not copy what is inside.
        return super().__iter__()

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default."""
        return self[key] if key in self else default  # noqa: SIM401 - the built-in `get` would give what is inside

    def items(self) -> Any:
        """The pairs, made as they are iterated."""
        return ItemsView(self)

    def values(self) -> Any:
        """The values, made as they are iterated."""
        return ValuesView(self)

    def copy(self) -> dict[str, Any]:
        """An ordinary dict of all values."""
        return dict(self)

    def pop(self, key: str, *default: Any) -> Any:
        """Take a value out."""
        value = super().pop(key, *default)
        return value.make() if isinstance(value, _Later) else value

    def __repr__(self) -> str:
        return repr(dict(self))


class DagRun:
    """The run, as `dag_run`. Its dates are made when they are looked at."""

    def __init__(self, request: AttemptRequest) -> None:
        grant = request.grant
        self.dag_id, self.run_id = request.key.dag_id, request.key.run_id
        self._grant = grant
        self.end_date: DateTime | None = None
        self.run_type = grant.run_type
        self.triggered_by = grant.triggered_by
        self.state = DagRunState.RUNNING
        self.conf = _as_conf(grant.conf)

    @cached_property
    def logical_date(self) -> "DateTime | None":
        """The date that the run is about; None for a run without one."""
        return tz.coerce_datetime(self._grant.logical_date)

    @cached_property
    def data_interval_start(self) -> "DateTime | None":
        """Beginning of the data interval."""
        return tz.coerce_datetime(self._grant.data_interval_start)

    @cached_property
    def data_interval_end(self) -> "DateTime | None":
        """End of the data interval."""
        return tz.coerce_datetime(self._grant.data_interval_end)

    @cached_property
    def run_after(self) -> "DateTime | None":
        """The earliest time at which the run may start."""
        return tz.coerce_datetime(self._grant.run_after)

    @cached_property
    def start_date(self) -> "DateTime | None":
        """When the run started."""
        return tz.coerce_datetime(self._grant.dag_run_start_date)

    @cached_property
    def queued_at(self) -> "DateTime | None":
        """When the run was queued."""
        return tz.coerce_datetime(self._grant.dag_run_queued_at)

    @property
    def external_trigger(self) -> bool:
        """Whether somebody asked for the run, rather than its schedule."""
        return self.run_type == "manual"

    def __repr__(self) -> str:
        return f"<DagRun {self.dag_id} {self.run_id}>"


def _as_conf(text: bytes) -> dict[str, Any]:
    value = json.loads(text) if text else None
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON objects have text keys


class RuntimeTaskInstance(LoggingMixin):
    """The task instance, as `ti` and `task_instance`."""

    def __init__(self, request: AttemptRequest, task: BaseOperator, dag_run: DagRun, client: ExecutionClient) -> None:
        key, grant = request.key, request.grant
        self.id: UUID = request.attempt_id
        self.dag_id, self.task_id, self.run_id = key.dag_id, key.task_id, key.run_id
        self.try_number, self.map_index, self.max_tries = grant.try_number, key.map_index, grant.max_tries
        self.start_date: datetime = grant.start_date
        self.end_date: datetime | None = None
        self.state: TaskInstanceState = TaskInstanceState.RUNNING
        self.task, self.dag_run = task, dag_run
        self.hostname = request.worker_id
        self.is_mapped = key.map_index != _NOT_MAPPED
        self.context: Context = cast("Context", LazyContext())
        self._client = client

    @property
    def logical_date(self) -> "DateTime | None":
        """The run's logical date."""
        return self.dag_run.logical_date

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """dag_id, task_id, run_id, try_number, map_index."""
        return (self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index)

    def get_dagrun(self) -> DagRun:
        """The run."""
        return self.dag_run

    def get_template_context(self) -> Context:
        """The context that templates are rendered with."""
        return self.context

    def xcom_push(self, key: str, value: Any) -> None:
        """Make a value available under a key, at once. Raises TypeError if it has no JSON form."""
        text = serde.to_json(value)
        self._client.set_xcom(self.dag_id, self.run_id, self.task_id, key, self.map_index, text)

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = XCOM_RETURN_KEY,
        include_prior_dates: bool = False,
        *,
        map_indexes: Any = NOTSET,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """The value that a task pushed under a key; `default` if there is none. Several task ids, or several map
        indexes, give a list in their order. Without task ids: this task's own. With `include_prior_dates`, the latest
        value of this run or of runs with earlier logical dates."""
        tasks = [task_ids or self.task_id] if task_ids is None or isinstance(task_ids, str) else list(task_ids)
        indexes, single_index = _map_indexes(map_indexes)
        run = (dag_id or self.dag_id, run_id or self.run_id)
        found = [
            self._client.get_xcom(*run, task_id, key, index, include_prior_dates=include_prior_dates)
            for task_id in tasks
            for index in indexes
        ]
        values = [serde.deserialize(value) if exists and value is not None else default for exists, value in found]
        single_task = task_ids is None or isinstance(task_ids, str)
        return values[0] if single_task and single_index else values

    def __repr__(self) -> str:
        return f"<TaskInstance: {self.dag_id}.{self.task_id} {self.run_id} [{self.state}]>"


def _map_indexes(given: Any) -> tuple[list[int], bool]:
    if given is NOTSET or given is None:
        return [_NOT_MAPPED], True
    if isinstance(given, int):
        return [given], True
    return [_NOT_MAPPED if index is None else int(index) for index in given], False


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


def build_context(request: AttemptRequest, task: BaseOperator, client: ExecutionClient) -> Context:
    """The context of an attempt. Raises ParamValidationError if the run's conf does not fit the params."""
    dag = task.dag
    dag_run = DagRun(request)
    ti = RuntimeTaskInstance(request, task, dag_run, client)
    context = cast("dict[str, Any]", ti.context)
    context.update(
        {
            "conf": conf,
            "conn": ConnectionAccessor(),
            "dag": dag,
            "dag_run": dag_run,
            "inlets": task.inlets,
            "macros": _Later(lambda: import_module("tradewind.sdk.macros")),
            "map_index_template": task.map_index_template,
            "outlets": task.outlets,
            "params": process_params(dag, task.params, dag_run.conf),
            "run_id": ti.run_id,
            "task": task,
            "task_instance": ti,
            "task_instance_key_str": f"{ti.dag_id}__{ti.task_id}__{ti.run_id}",
            "task_reschedule_count": 0,
            "test_mode": False,
            "ti": ti,
            "triggering_asset_events": {},
            "try_number": ti.try_number,
            "var": {
                "json": VariableAccessor(deserialize_json=True),
                "value": VariableAccessor(deserialize_json=False),
            },
        }
    )
    if request.grant.logical_date is not None:
        context.update(_dated(dag_run, request.grant.logical_date, ti))
    return ti.context


def _dated(dag_run: DagRun, logical_date: datetime, ti: RuntimeTaskInstance) -> dict[str, Any]:
    ds, ts = logical_date.strftime("%Y-%m-%d"), logical_date.isoformat()
    ds_nodash = ds.replace("-", "")
    return {
        "logical_date": _Later(lambda: dag_run.logical_date),
        "data_interval_start": _Later(lambda: dag_run.data_interval_start),
        "data_interval_end": _Later(lambda: dag_run.data_interval_end),
        "ds": ds,
        "ds_nodash": ds_nodash,
        "ts": ts,
        "ts_nodash": logical_date.strftime("%Y%m%dT%H%M%S"),
        "ts_nodash_with_tz": ts.replace("-", "").replace(":", ""),
        "task_instance_key_str": f"{ti.dag_id}__{ti.task_id}__{ds_nodash}",
    }


def outputs_of(task: BaseOperator, result: Any) -> tuple[tuple[str, bytes], ...]:
    """The XComs that a result makes, as (key, JSON text): none for None, and with `multiple_outputs` one per key too.
    Raises TypeError if the result does not fit."""
    if result is None or not task.do_xcom_push:
        return ()
    pairs: list[tuple[str, bytes]] = []
    if task.multiple_outputs:
        if not isinstance(result, Mapping):
            raise TypeError(f"Returned output was type {type(result).__name__}; multiple_outputs expects a dictionary")
        for key, value in result.items():  # pyright: ignore[reportUnknownVariableType] - keys are checked here
            if not isinstance(key, str):
                raise TypeError(f"Returned dictionary keys must be strings when using multiple_outputs, found {key!r}")
            pairs.append((key, serde.to_json(value)))
    pairs.append((XCOM_RETURN_KEY, serde.to_json(result)))
    return tuple(dict(pairs).items())
