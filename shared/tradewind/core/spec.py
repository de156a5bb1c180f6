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


class LengthKind(StrEnum):
    """How the length of something to map over is found."""

    LITERAL = "literal"
    """`length` items, known from the file."""
    XCOM = "xcom"
    """What task `task_id` pushed: the recorded length of its return value, or how many instances it has if it is
    mapped itself."""
    PRODUCT = "product"
    """All combinations of the parts: `expand` with several arguments."""
    SHORTEST = "shortest"
    """`zip` of the parts."""
    LONGEST = "longest"
    """`zip` of the parts with a fill value."""
    SUM = "sum"
    """`concat` of the parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLength:
    """How many instances a mapped task or task group gets, as an expression over upstream tasks."""

    kind: LengthKind
    length: int = 0
    task_id: str | None = None
    parts: tuple["MapLength", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGroupSpec:
    """A task group, for the API's graph and for mapping. Groups come parent first."""

    group_id: str
    """With the prefixes of its parents, as task ids have it."""
    parent_group_id: str | None = None
    """None = directly in the DAG."""
    display_name: str | None = None
    tooltip: str = ""
    ui_color: str = "CornflowerBlue"
    ui_fgcolor: str = "#000"
    map_length: MapLength | None = None
    """Set on a mapped group: all its tasks get this many instances, joined index by index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimetableSpec:
    """When runs are created by time. `core.timetables` gives each kind its meaning."""

    kind: str
    """`cron_data_interval`, `delta_data_interval`, `cron_trigger`, `delta_trigger`, `multiple_cron_trigger`, `events`,
    `once`, `continuous`, `assets`, `asset_or_time`, or `custom`: the author's own class, asked in a child process of
    the dag processor."""
    data: dict[str, object] = field(default_factory=dict[str, object])
    """Arguments of the kind, as JSON values: expression, timezone, seconds, offsets …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineSpec:
    """A deadline alert of a DAG: when it is due; what is called then is in the DAG file, by its place in the list."""

    reference: str
    """`dagrun_queued_at`, `dagrun_logical_date`, `fixed_datetime`, `average_runtime`, or the author's own."""
    interval_seconds: float
    data: dict[str, object] = field(default_factory=dict[str, object])
    name: str | None = None
    interval_variable: str | None = None
    """Set: the variable of this key says how many seconds, when a run is created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetWatcherSpec:
    """A trigger whose every event becomes an event of an asset; `name` tells an asset's watchers apart."""

    name: str
    classpath: str
    kwargs: dict[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRef:
    """An asset, an alias, or a reference to one by name or URI, as an inlet or outlet of a task."""

    kind: str = "asset"
    """`asset`, `alias`, `name_ref` or `uri_ref`."""
    name: str = ""
    uri: str = ""
    group: str = "asset"
    extra: dict[str, object] = field(default_factory=dict[str, object])
    watchers: tuple[AssetWatcherSpec, ...] = ()
    access_control: dict[str, object] | None = None
    """Role → resource ("DAGs", "DAG Runs") → actions, sorted."""
    """None = open to all."""


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
    task_group_id: str | None = None
    """The innermost group that the task is in."""
    map_length: MapLength | None = None
    """Set on a task that is mapped by itself (`expand`), not through its group."""
    map_index_template: str | None = None
    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    """Of a teardown: whether its failure fails the run."""
    ignore_first_depends_on_past: bool = False
    wait_for_past_depends_before_skipping: bool = False
    max_active_tis_per_dag: int | None = None
    max_active_tis_per_dagrun: int | None = None
    try_weights: tuple[int, ...] = ()
    """The author's own priority strategy has said so: the weights of the first tries; later ones have the last."""
    asks_weights: bool = False
    """The strategy wants to know of the run: those of `try_weights` count until it has said its own."""
    is_sensor: bool = False
    start_trigger: dict[str, object] | None = None
    """`start_from_trigger`: the task begins by waiting for this, without a worker: `classpath`, `kwargs` (JSON text),
    `next_method`, `next_kwargs` (JSON text), `timeout_seconds` and `queue` (either may be null)."""
    inlets: tuple[AssetRef, ...] = ()
    outlets: tuple[AssetRef, ...] = ()
    extra_links: dict[str, str] = field(default_factory=dict[str, str])
    """Name → the XCom key under which the address is kept once a try has run."""
    downstream_labels: dict[str, str] = field(default_factory=dict[str, str])
    """Downstream task id → the label of the edge."""
    params: dict[str, object] = field(default_factory=dict[str, object])
    """Those that the DAG does not have, or has otherwise, dumped as the DAG's."""
    has_retry_policy: bool = False
    notices: tuple[str, ...] = ()
    """The states (`failed`, `up_for_retry`) of which somebody is to be told: callbacks, mail, listeners. Where the
    task's process could not do it, a dag processor does."""
    returns_dag_result: bool = False
    """What it returns is what the DAG returns."""
    is_ended_by_worker: bool = False
    """Something is to be done when it ends (callbacks, mail): what its trigger ends, a worker must end."""


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
    """name → the param's dumped form `{"value": …, "schema": {…}, "description": …, "source": …}`; one without a
    value has no `value`."""
    dag_display_name: str | None = None
    timetable: TimetableSpec | None = None
    """None = runs are made only by hand or by assets."""
    asset_condition: dict[str, object] | None = None
    """What the DAG waits for, as Airflow's JSON: `{"any": […]}`, `{"all": […]}`, `{"asset": {…}}`, `{"alias": {…}}`,
    `{"asset_ref": {…}}`. With a `timetable`, runs are made by time too."""
    schedule_assets: tuple[AssetRef, ...] = ()
    """The assets, aliases and references of the condition, with all that is known of them."""
    partition_mappers: dict[str, object] | None = None
    """Set: runs are made per partition key. `{"default": mapper, "by_asset": [{"name", "uri", "mapper"}]}`, mappers as
    `core.partitions` has them."""
    is_partitioned_at_runtime: bool = False
    """Tasks say which partitions they wrote, or whoever asks for a run does."""
    task_groups: tuple[TaskGroupSpec, ...] = ()
    deadlines: tuple[DeadlineSpec, ...] = ()
    has_on_success_callback: bool = False
    has_on_failure_callback: bool = False
    asks_weights: bool = False
    """Whether one of the tasks does."""
    run_listeners: tuple[str, ...] = ()
    """What listeners of plugins want to hear of the DAG's runs: of `running`, `success` and `failed`."""
    sla_miss_callback: bool = False
    allowed_run_types: tuple[str, ...] | None = None
    """None = all."""
    access_control: dict[str, object] | None = None
    owner_links: dict[str, str] = field(default_factory=dict[str, str])
    default_args: dict[str, object] = field(default_factory=dict[str, object])
    """As people are shown them; tasks have what follows from them."""
    template_searchpath: tuple[str, ...] = ()
    rerun_with_latest_version: bool | None = None
    timetable_type: str = "NullTimetable"
    """The class of the timetable; of an author's own, with its module."""
    timetable_periodic: bool = False
    """Whether the schedule has a period, so that it can be run for the past."""
    timetable_partitioned: bool = False
    """Whether its runs are about partitions."""
    disable_bundle_versioning: bool = False
    """Runs take the latest code with each attempt, not what their DAG was when they were made."""

    def allows(self, run_type: str) -> bool:
        """Whether the DAG may have runs of this kind."""
        return self.allowed_run_types is None or run_type in self.allowed_run_types
