"""Types for annotations in DAG files: what a running task is handed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


class TaskInstance(Protocol):
    """The task instance, as `ti` and `task_instance` in the context."""

    id: UUID
    task: Any
    task_id: str
    dag_id: str
    run_id: str
    try_number: int
    map_index: int
    max_tries: int
    hostname: str
    start_date: datetime
    end_date: datetime | None
    state: Any
    is_mapped: bool
    rendered_map_index: str | None

    @property
    def log_url(self) -> str:
        """Where people read the log."""
        ...

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = "return_value",
        include_prior_dates: bool = False,
        *,
        map_indexes: Any = ...,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """What tasks pushed under a key."""
        ...

    def xcom_push(self, key: str, value: Any) -> None:
        """Make a value available under a key."""
        ...

    def get_template_context(self) -> Any:
        """The context that templates are rendered with."""
        ...


class DagRun(Protocol):
    """The run, as `dag_run` in the context."""

    dag_id: str
    run_id: str
    run_type: Any
    state: Any
    conf: Any
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    start_date: datetime
    end_date: datetime | None
    partition_key: str | None
