"""What the scheduler knows of a DAG: frozen values, made by `dag_processor` from the author's objects.

A spec holds everything that scheduling decides by, and nothing that needs user code. It is stored once per
`dag_version` and travels as JSON; fields are only ever added, with a default.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class TriggerRule(StrEnum):
    """When a task may start, given how its direct upstream tasks ended. Airflow's 13 rules."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_SKIPPED = "none_skipped"
    ALWAYS = "always"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    ALL_SKIPPED = "all_skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """One task of a DAG, as far as scheduling and the API need it."""

    task_id: str
    task_type: str = "BaseOperator"
    """Class name of the operator, as the API shows it in `operator`."""
    task_module: str = ""
    upstream_task_ids: tuple[str, ...] = ()
    """Direct upstream tasks, sorted."""
    downstream_task_ids: tuple[str, ...] = ()
    """Direct downstream tasks, sorted."""
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    retries: int = 0
    retry_delay_seconds: float = 300.0
    retry_exponential_backoff: float = 0.0
    """0 = the delay is constant; otherwise the factor by which each further delay grows."""
    max_retry_delay_seconds: float | None = None
    infrastructure_retries: int | None = None
    """Attempts lost to infrastructure that do not count as tries; None = 3 with `retries`, 0 without."""
    pool: str = "default_pool"
    pool_slots: int = 1
    priority_weight: int = 1
    """Effective weight: the weight rule is already applied."""
    weight_rule: str = "downstream"
    queue: str = "default"
    executor: str | None = None
    execution_timeout_seconds: float | None = None
    is_empty: bool = False
    """Nothing would run (EmptyOperator without callbacks): the scheduler marks it success itself."""
    owner: str = "airflow"
    template_fields: tuple[str, ...] = ()
    operator_name: str | None = None
    doc_md: str | None = None
    ui_color: str = "#fff"
    ui_fgcolor: str = "#000"
    start_date: datetime | None = None
    end_date: datetime | None = None
    depends_on_past: bool = False
    wait_for_downstream: bool = False
    task_display_name: str | None = None
    multiple_outputs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DagSpec:
    """One DAG: its tasks in topological order, and its limits."""

    dag_id: str
    relative_fileloc: str
    """Path of the DAG file inside the DAGs folder, with forward slashes."""
    tasks: tuple[TaskSpec, ...] = ()
    description: str | None = None
    doc_md: str | None = None
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    timetable_summary: str | None = None
    """The schedule as the author wrote it: a cron expression, "@once", "1 day, 0:00:00"; None = only by hand."""
    timetable_description: str = "Never, external triggers only"
    start_date: datetime | None = None
    end_date: datetime | None = None
    timezone: str = "UTC"
    catchup: bool = False
    max_active_tasks: int = 16
    """Task instances of one DagRun that may be queued or running at once (per run, as in Airflow 3)."""
    max_active_runs: int = 16
    max_consecutive_failed_dag_runs: int = 0
    dagrun_timeout_seconds: float | None = None
    is_paused_upon_creation: bool | None = None
    fail_fast: bool = False
    render_template_as_native_obj: bool = False
    params: dict[str, object] = field(default_factory=dict[str, object])
    """name → the param's dumped form `{"value": …, "schema": {…}, "description": …}`."""
    dag_display_name: str | None = None
