"""The task instance and its run, as tasks and templates see them (`ti`, `dag_run`)."""

import json
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote
from uuid import UUID

from tradewind.sdk import timezone as tz
from tradewind.sdk.configuration import conf
from tradewind.sdk.context import Context
from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.sdk.log import LoggingMixin
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.runtime import Runtime, current_runtime
from tradewind.sdk.state import DagRunState, TaskInstanceState
from tradewind.sdk.types import NOTSET
from tradewind.sdk.xcom import backend
from tradewind.sdk.xcom_arg import XCOM_RETURN_KEY
from tradewind.task_runner.attempt.lazy_values import LazyContext
from tradewind.task_runner.protocol import AttemptRequest

if TYPE_CHECKING:
    from pendulum import DateTime

_NOT_MAPPED: Final = -1


class Summary:
    """What the execution API tells of something, as attributes; dates as pendulum's."""

    _dates: tuple[str, ...] = ()

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._fields:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        value = self._fields[name]
        if name not in self._dates or value is None:
            return value
        return tz.coerce_datetime(datetime.fromisoformat(value))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._fields}>"


class DagRunSummary(Summary):
    """Another run."""

    _dates = ("logical_date", "data_interval_start", "data_interval_end", "run_after", "start_date", "end_date")


class TaskInstanceSummary(Summary):
    """Another task instance."""

    _dates = ("logical_date", "start_date", "end_date")


class DagRun:
    """The run, as `dag_run`. Its dates are made when they are looked at."""

    def __init__(self, request: AttemptRequest) -> None:
        grant = request.grant
        self.dag_id, self.run_id = request.key.dag_id, request.key.run_id
        self._grant = grant
        self.end_date: DateTime | None = None
        self.run_type = grant.run_type
        self.triggered_by = grant.triggered_by
        self.triggering_user_name, self.partition_key = grant.triggering_user_name, grant.partition_key
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

    @cached_property
    def partition_date(self) -> "DateTime | None":
        """The moment that the run's partition stands for."""
        return tz.coerce_datetime(self._grant.partition_date)

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

    def __init__(self, request: AttemptRequest, task: BaseOperator, dag_run: DagRun, client: Runtime) -> None:
        key, grant = request.key, request.grant
        self.id: UUID = request.attempt_id
        self.dag_id, self.task_id, self.run_id = key.dag_id, key.task_id, key.run_id
        self.try_number, self.map_index, self.max_tries = grant.try_number, key.map_index, grant.max_tries
        self.start_date: datetime = grant.start_date
        self.end_date: datetime | None = None
        self.state: TaskInstanceState = TaskInstanceState.RUNNING
        self.task, self.dag_run = task, dag_run
        self.hostname = request.worker_id
        self.queue, self.pool = task.queue, task.pool
        self.is_mapped = key.map_index != _NOT_MAPPED
        self.context: Context = cast("Context", LazyContext())
        self.rendered_map_index: str | None = None
        self._client, self._grant = client, grant

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
        place: dict[str, Any] = {"dag_id": self.dag_id, "run_id": self.run_id, "task_id": self.task_id}
        backend().set(key, value, map_index=self.map_index, **place)

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
        indexes, give a list in their order; without map indexes, the values of all instances of a mapped task are a
        list too. Without task ids: this task's own. With `include_prior_dates`, the latest value of this run or of
        runs with earlier logical dates."""
        xcom = backend()
        single_task = task_ids is None or isinstance(task_ids, str)
        tasks = [task_ids or self.task_id] if task_ids is None or isinstance(task_ids, str) else list(task_ids)
        place: dict[str, Any] = {"dag_id": dag_id or self.dag_id, "run_id": run_id or self.run_id, "key": key}
        place["include_prior_dates"] = include_prior_dates
        values: list[Any] = []
        if map_indexes is NOTSET:
            for task_id in tasks:
                found = xcom.get_all(task_id=task_id, **place)
                values.extend([default] if found is None else found)
            return values[0] if single_task and len(values) == 1 else values
        indexes, single_index = _map_indexes(map_indexes)
        for task_id in tasks:
            for index in indexes:
                value = xcom.get_one(task_id=task_id, map_index=index, **place)
                values.append(default if value is None else value)
        return values[0] if single_task and single_index else values

    async def axcom_pull(self, *args: Any, **kwargs: Any) -> Any:
        """As `xcom_pull`, without blocking the event loop."""
        import asyncio

        return await asyncio.to_thread(self.xcom_pull, *args, **kwargs)

    async def axcom_push(self, key: str, value: Any) -> None:
        """As `xcom_push`, without blocking the event loop."""
        import asyncio

        await asyncio.to_thread(self.xcom_push, key, value)

    def get_relevant_upstream_map_indexes(
        self, upstream: Any, ti_count: int | None = None, session: object = None
    ) -> int | None:
        """Which instance of an upstream task this one takes values from: that of its own index if both are in one
        mapped group, else None: from all of them."""
        group = _mapped_group(self.task)
        return self.map_index if group is not None and group is _mapped_group(upstream) else None

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        """When this try first ran; None if it was not rescheduled yet."""
        return self._grant.first_start_date if self._grant.task_reschedule_count else None

    def get_previous_dagrun(self, state: str | None = None) -> DagRunSummary | None:
        """The latest run before this one's logical date, with this state if one is given."""
        date = self._grant.logical_date
        found = None if date is None else self._client.get_previous_dag_run(self.dag_id, date, state)
        return None if found is None else DagRunSummary(found)

    def get_previous_ti(
        self, state: str | None = None, logical_date: datetime | None = None, map_index: int = _NOT_MAPPED
    ) -> TaskInstanceSummary | None:
        """The latest instance of this task before a logical date (of this run, if none is given)."""
        before = logical_date or self._grant.logical_date
        found = self._client.get_previous_task_instance(
            self.dag_id, self.task_id, logical_date=before, map_index=map_index, state=state
        )
        return None if found is None else TaskInstanceSummary(found)

    @staticmethod
    def get_ti_count(dag_id: str, **filters: Any) -> int:
        """How many task instances there are: by `map_index`, `task_ids`, `task_group_id`, `logical_dates`, `run_ids`,
        `states`."""
        return _runtime().count_task_instances(dag_id, **filters)

    @staticmethod
    def get_task_states(dag_id: str, **filters: Any) -> dict[str, dict[str, str | None]]:
        """run_id → task id (`<task id>_<map index>` of a mapped one) → state; filters as in `get_ti_count`."""
        return _runtime().get_task_states(dag_id, **filters)

    @staticmethod
    def get_task_breadcrumbs(dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Of a run's ended task instances `task_id`, `map_index`, `state`, `operator`, `duration`."""
        return _runtime().get_task_breadcrumbs(dag_id, run_id)

    @staticmethod
    def get_dr_count(dag_id: str, **filters: Any) -> int:
        """How many runs there are: by `logical_dates`, `run_ids`, `states`."""
        return _runtime().count_dag_runs(dag_id, **filters)

    @staticmethod
    def get_dagrun_state(dag_id: str, run_id: str) -> str | None:
        """A run's state; None if there is no such run."""
        found = _runtime().get_dag_run(dag_id, run_id)
        return None if found is None else found["state"]

    @staticmethod
    def get_dag(dag_id: str) -> Summary | None:
        """A DAG's `dag_id`, `is_paused`, `relative_fileloc`, `owners`, `tags`; None if it is unknown."""
        found = _runtime().get_dag(dag_id)
        return None if found is None else Summary(found)

    @property
    def log_url(self) -> str:
        """Where people read the log."""
        base = (conf.get("api", "base_url", fallback=None) or "http://localhost:8080").rstrip("/")
        mapped = f"/mapped/{self.map_index}" if self.map_index >= 0 else ""
        place = f"/dags/{self.dag_id}/runs/{quote(self.run_id)}/tasks/{self.task_id}"
        return f"{base}{place}{mapped}?try_number={self.try_number}"

    @property
    def mark_success_url(self) -> str:
        """Where people mark it."""
        return self.log_url

    def __repr__(self) -> str:
        return f"<TaskInstance: {self.dag_id}.{self.task_id} {self.run_id} [{self.state}]>"


def _map_indexes(given: Any) -> tuple[list[int], bool]:
    if given is NOTSET or given is None:
        return [_NOT_MAPPED], True
    if isinstance(given, int):
        return [given], True
    return [_NOT_MAPPED if index is None else int(index) for index in given], False


def _mapped_group(task: Any) -> Any:
    """The innermost mapped group around a task; None if there is none."""
    group = getattr(task, "task_group", None)
    while group is not None and not getattr(group, "is_mapped", False):
        group = group.parent_group
    return group


def _runtime() -> Runtime:
    runtime = current_runtime()
    if runtime is None:
        raise AirflowRuntimeError("this can only be asked while a task executes")
    return runtime
