"""What the process of a running attempt offers to Variables, Connections and XComs. Installed by the task runner."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from datetime import datetime
from typing import Any, Final, Protocol


class StoredValues(Protocol):
    """Who knows what is stored. Both methods may raise AirflowRuntimeError."""

    def get_variable(self, key: str) -> str | None:
        """The stored text; None if there is no such variable."""
        ...

    def get_connection(self, conn_id: str) -> dict[str, Any] | None:
        """The connection's fields as the execution API gives them; None if there is no such connection."""
        ...


class Runtime(StoredValues, Protocol):
    """Access to the execution API on behalf of one attempt. All methods may raise AirflowRuntimeError."""

    def get_variable_keys(self, prefix: str | None = None) -> list[str]:
        """The keys of all stored variables that begin so, in order."""
        ...

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        """Store a text."""
        ...

    def delete_variable(self, key: str) -> None:
        """Remove it, if it exists."""
        ...

    def get_xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int, *, include_prior_dates: bool = False
    ) -> tuple[bool, Any]:
        """Whether there is one, and its value in JSON form."""
        ...

    def set_xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int, value: bytes) -> None:
        """Store a value given as JSON text."""
        ...

    def delete_xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int) -> None:
        """Remove a value, if it exists."""
        ...

    def get_xcom_item(self, dag_id: str, run_id: str, task_id: str, key: str, offset: int) -> tuple[bool, Any]:
        """Of the values that a task's instances pushed, in the order of their map indexes, the one at a place (from
        the end if negative): whether there is one, and its JSON form."""
        ...

    def get_xcom_slice(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        key: str,
        bounds: slice,
        *,
        include_prior_dates: bool = False,
    ) -> list[Any]:
        """Of these values a slice, in JSON form."""
        ...

    def count_xcoms(self, dag_id: str, run_id: str, task_id: str, key: str) -> int:
        """How many of these values there are."""
        ...

    def count_task_instances(self, dag_id: str, **filters: Any) -> int:
        """How many task instances there are. Filters, all optional: `map_index`, `task_ids`, `task_group_id`,
        `logical_dates`, `run_ids`, `states` (the text "null" or None among them: without a state)."""
        ...

    def get_task_states(self, dag_id: str, **filters: Any) -> dict[str, dict[str, str | None]]:
        """run_id → task id (`<task id>_<map index>` of a mapped one) → state. Filters as in `count_task_instances`,
        without `states`."""
        ...

    def get_task_breadcrumbs(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Of a run's ended task instances `task_id`, `map_index`, `state`, `operator`, `duration`."""
        ...

    def get_previous_task_instance(
        self, dag_id: str, task_id: str, *, logical_date: datetime | None, map_index: int, state: str | None
    ) -> dict[str, Any] | None:
        """The latest instance of a task in a run before a logical date (None: of any date), with this state."""
        ...

    def count_dag_runs(self, dag_id: str, **filters: Any) -> int:
        """How many runs there are. Filters, all optional: `logical_dates`, `run_ids`, `states`."""
        ...

    def get_dag_run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        """A run's fields, dates as ISO texts; None if there is none."""
        ...

    def get_previous_dag_run(self, dag_id: str, logical_date: datetime, state: str | None) -> dict[str, Any] | None:
        """The latest run of an earlier logical date, with this state if one is given."""
        ...

    def get_dag(self, dag_id: str) -> dict[str, Any] | None:
        """`dag_id`, `is_paused`, `relative_fileloc`, `owners`, `tags`, `next_dagrun`; None if unknown."""
        ...

    def trigger_dag_run(self, dag_id: str, run_id: str, request: dict[str, Any]) -> bool:
        """Make a run: `conf`, `logical_date`, `run_after`, `note`, `partition_key`, all optional, dates as ISO texts.
        False if there is one of this id or logical date; AirflowRuntimeError if it cannot be made."""
        ...

    def clear_dag_run(self, dag_id: str, run_id: str) -> None:
        """Have all of a run's tasks run again."""
        ...

    def get_task_state(self, key: str) -> tuple[bool, Any]:
        """Of what this task instance keeps over its tries: whether there is a value, and the value."""
        ...

    def set_task_state(self, key: str, value: Any, expires_at: datetime | None) -> None:
        """Keep a JSON value."""
        ...

    def delete_task_state(self, key: str | None) -> None:
        """Forget one value; None: all of this task instance."""
        ...

    def get_asset_state(self, *, name: str | None, uri: str | None, key: str) -> tuple[bool, Any]:
        """Of what is kept for an asset, named by name or URI: whether there is a value, and the value."""
        ...

    def set_asset_state(self, *, name: str | None, uri: str | None, key: str, value: Any) -> None:
        """Keep a JSON value for an asset."""
        ...

    def delete_asset_state(self, *, name: str | None, uri: str | None, key: str | None) -> None:
        """Forget one value of an asset; None: all of them."""
        ...

    def get_asset(self, *, name: str | None, uri: str | None) -> dict[str, Any] | None:
        """`name`, `uri`, `group` and `extra` of the active asset of this name or URI; None if there is none."""
        ...

    def get_assets_of_alias(self, alias: str) -> list[dict[str, Any]]:
        """`name`, `uri`, `group` and `extra` of the active assets that the alias has stood for."""
        ...

    def get_asset_events(
        self,
        *,
        name: str | None = None,
        uri: str | None = None,
        alias: str | None = None,
        after: str | None = None,
        before: str | None = None,
        ascending: bool = True,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Events of an asset, named by name, URI or both, or of an alias: `id`, `timestamp`, `asset`, `extra`,
        `partition_key`, `source_…`, `source_aliases`, `created_dagruns`."""
        ...

    def get_inactive_assets(self) -> list[dict[str, Any]]:
        """`name` and `uri` of those inlets and outlets of the attempt's task that are not active."""
        ...

    def handed_on(self) -> Mapping[str, str]:
        """The environment (`HANDED_URL`, `HANDED_TOKEN`) by which another Python of the task speaks for the attempt;
        empty where it cannot."""
        ...

    def get_triggering_asset_events(self) -> list[dict[str, Any]]:
        """The events that the attempt's run was made by, oldest first."""
        ...


HANDED_URL: Final = "TRADEWIND_TASK_API_URL"
HANDED_TOKEN: Final = "TRADEWIND_TASK_API_TOKEN"  # noqa: S105 - a variable's name

_runtime: ContextVar[Runtime | None] = ContextVar("tradewind_runtime", default=None)
_known_to_imports: ContextVar[StoredValues | None] = ContextVar("tradewind_known_to_imports", default=None)


def current_runtime() -> Runtime | None:
    """The running attempt's; None while a file is parsed."""
    return _runtime.get()


def stored_values() -> StoredValues | None:
    """Whom to ask for what is stored: the running attempt, else whoever answers files that are imported; None in a
    process that nobody answers (`DagBag` and `dag.test()` in a script)."""
    return _runtime.get() or _known_to_imports.get()


@contextmanager
def answering_imports(values: StoredValues) -> Generator[None]:
    """Have these asked for Variables and Connections while no task executes."""
    token = _known_to_imports.set(values)
    try:
        yield
    finally:
        _known_to_imports.reset(token)


def whom_to_ask() -> str:
    """The end of a message about a name that nobody knows: in a process that nobody answers, not everybody was
    asked."""
    if stored_values() is not None:
        return ""
    return (
        " in a secrets backend or the environment; what is stored can be read only while a task executes, or a service "
        "imports the file"
    )


def install_runtime(runtime: Runtime) -> "Token[Runtime | None]":
    """Make this the current one; give the token to `remove_runtime`."""
    return _runtime.set(runtime)


def remove_runtime(token: "Token[Runtime | None]") -> None:
    """Undo `install_runtime`."""
    _runtime.reset(token)
