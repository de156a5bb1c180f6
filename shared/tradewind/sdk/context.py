"""The context of a task that is being executed: what templates see and what callables may ask for by name."""

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict

from tradewind.sdk.active import current_context

if TYPE_CHECKING:
    from pendulum import DateTime

    from tradewind.sdk.dags import DAG
    from tradewind.sdk.operator import BaseOperator


class Context(TypedDict, total=False):
    """Keys are Airflow's. Those that depend on a logical date are absent in runs that have none."""

    asset_state_store: Any
    conf: Any
    conn: Any
    dag: "DAG"
    dag_run: Any
    data_interval_end: "DateTime | None"
    data_interval_start: "DateTime | None"
    ds: str
    ds_nodash: str
    exception: BaseException | str | None
    expanded_ti_count: int | None
    inlet_events: Any
    inlets: list[Any]
    logical_date: "DateTime"
    macros: Any
    map_index_template: str | None
    outlet_events: Any
    outlets: list[Any]
    params: dict[str, Any]
    partition_date: "DateTime | None"
    partition_key: str | None
    prev_data_interval_end_success: "DateTime | None"
    prev_data_interval_start_success: "DateTime | None"
    prev_end_date_success: "DateTime | None"
    prev_start_date_success: "DateTime | None"
    reason: str | None
    run_id: str
    task: "BaseOperator"
    task_instance: Any
    task_instance_key_str: str
    task_reschedule_count: int
    task_state_store: Any
    templates_dict: dict[str, Any] | None
    test_mode: bool
    ti: Any
    triggering_asset_events: Any
    try_number: int | None
    ts: str
    ts_nodash: str
    ts_nodash_with_tz: str
    var: Any


KNOWN_CONTEXT_KEYS: Final = frozenset(Context.__annotations__)


def get_current_context() -> Context:
    """The context of the task that is being executed; raises AirflowException anywhere else."""
    return current_context()


def context_merge(context: Context, *args: Any, **kwargs: Any) -> None:
    """Update a context in place, as `dict.update` does."""
    context.update(*args, **kwargs)


class AirflowParsingContext(NamedTuple):
    """Which DAG and task a file is loaded for; both None: for all of them."""

    dag_id: str | None
    task_id: str | None


def get_parsing_context() -> AirflowParsingContext:
    """Files are always loaded whole, since one process then serves all of their tasks."""
    return AirflowParsingContext(None, None)
