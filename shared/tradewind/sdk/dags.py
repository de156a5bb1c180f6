"""The DAG: tasks, their defaults, and how runs of them are made and limited."""

import logging
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tradewind.sdk import timezone as tz
from tradewind.sdk.active import pop_dag, push_dag
from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowTimetableInvalid,
    DuplicateTaskIdFound,
    NodeNotFound,
    ParamValidationError,
    TaskNotFound,
)
from tradewind.sdk.node import validate_key
from tradewind.sdk.param import DagParam, ParamsDict
from tradewind.sdk.run_types import allowed_run_types_of
from tradewind.sdk.schedule import timetable_of
from tradewind.sdk.task_groups import TaskGroup
from tradewind.sdk.templating import templates_of
from tradewind.sdk.types import NO_SLA, NOTSET, is_mapping
from tradewind.sdk.xcom_arg import XCOM_RETURN_KEY, XComArg

if TYPE_CHECKING:
    from re import Pattern
    from types import TracebackType

    import jinja2

    from tradewind.sdk.node import DAGNode
    from tradewind.sdk.operator import BaseOperator
    from tradewind.sdk.timetables.base import Timetable
    from tradewind.sdk.types import DagRunType

TAG_MAX_LENGTH = 100

log = logging.getLogger("tradewind.dags")


class DAG:
    """Airflow's DAG, with its arguments. An unknown argument is a TypeError; arguments that nothing acts on yet are
    kept as attributes. Dates without a zone are taken as UTC."""

    def __init__(
        self,
        dag_id: str,
        *,
        description: str | None = None,
        schedule: Any = None,
        start_date: datetime | str | None = None,
        end_date: datetime | str | None = None,
        template_searchpath: str | Iterable[str] | None = None,
        template_undefined: "type[jinja2.Undefined] | None" = None,
        user_defined_macros: Mapping[str, Any] | None = None,
        user_defined_filters: Mapping[str, Callable[..., Any]] | None = None,
        default_args: Mapping[str, Any] | None = None,
        max_active_tasks: int | None = None,
        max_active_runs: int | None = None,
        max_consecutive_failed_dag_runs: int | None = None,
        dagrun_timeout: timedelta | None = None,
        sla_miss_callback: object = None,
        deadline: object = None,
        catchup: bool | None = None,
        on_success_callback: object = None,
        on_failure_callback: object = None,
        doc_md: str | None = None,
        params: Mapping[str, Any] | None = None,
        access_control: Mapping[str, Any] | None = None,
        is_paused_upon_creation: bool | None = None,
        jinja_environment_kwargs: Mapping[str, Any] | None = None,
        render_template_as_native_obj: bool = False,
        tags: Collection[str] | None = None,
        owner_links: Mapping[str, str] | None = None,
        auto_register: bool = True,
        fail_fast: bool = False,
        allowed_run_types: object = None,
        dag_display_name: str | None = None,
        disable_bundle_versioning: bool | None = None,
        rerun_with_latest_version: bool | None = None,
    ) -> None:
        self.dag_id = validate_key(dag_id, kind="dag_id")
        self.default_args: dict[str, Any] = dict(_checked_defaults(self.dag_id, default_args))
        self.task_dict: dict[str, BaseOperator] = {}
        self.task_group_dict: dict[str, TaskGroup] = {}
        self.edge_info: dict[str, dict[str, dict[str, str | None]]] = {}
        self.task_group = TaskGroup(None, dag=self)
        self.fileloc = sys._getframe(1).f_code.co_filename  # pyright: ignore[reportPrivateUsage] - the file that calls
        self.description, self.dag_display_name = description, dag_display_name or dag_id
        self.doc_md = _read_doc(doc_md)
        self.tags = _checked_tags(tags)
        self.owner_links = _checked_links(self.dag_id, owner_links)
        self._set_dates(start_date, end_date)
        self.schedule, self.timetable = schedule, self._timetable_of(schedule)
        self.catchup = conf.getboolean("scheduler", "catchup_by_default") if catchup is None else catchup
        self.max_active_tasks = _or_configured(max_active_tasks, "max_active_tasks_per_dag")
        self.max_active_runs = _or_configured(max_active_runs, "max_active_runs_per_dag")
        self.max_consecutive_failed_dag_runs = _or_configured(
            max_consecutive_failed_dag_runs, "max_consecutive_failed_dag_runs_per_dag"
        )
        self.dagrun_timeout, self.fail_fast = dagrun_timeout, bool(fail_fast)
        self.is_paused_upon_creation, self.auto_register = is_paused_upon_creation, bool(auto_register)
        self.template_searchpath = _as_list(template_searchpath)
        self.template_undefined = template_undefined
        self.user_defined_macros, self.user_defined_filters = user_defined_macros, user_defined_filters
        self.jinja_environment_kwargs = jinja_environment_kwargs
        self.render_template_as_native_obj = bool(render_template_as_native_obj)
        self.params = ParamsDict({**(params or {}), **self.default_args.pop("params", {})})
        self.on_success_callback, self.on_failure_callback = on_success_callback, on_failure_callback
        self.sla_miss_callback, self.deadline, self.access_control = sla_miss_callback, deadline, access_control
        if sla_miss_callback is not None:
            warnings.warn(f"DAG {self.dag_id!r}: {NO_SLA}", stacklevel=2)
        self.allowed_run_types = self._run_types_of(allowed_run_types)
        self.disable_bundle_versioning = (
            conf.getboolean("dag_processor", "disable_bundle_versioning")
            if disable_bundle_versioning is None
            else disable_bundle_versioning
        )
        self.rerun_with_latest_version = rerun_with_latest_version
        self._check()

    def _set_dates(self, start_date: datetime | str | None, end_date: datetime | str | None) -> None:
        given = self._as_datetime("start_date", start_date or self.default_args.get("start_date"))
        self.timezone: tzinfo = (given.tzinfo if given is not None else None) or tz.utc
        self.start_date = tz.convert_to_utc(given)
        self.end_date = tz.convert_to_utc(self._as_datetime("end_date", end_date))
        for name in ("start_date", "end_date"):
            if self.default_args.get(name) is not None:
                self.default_args[name] = tz.convert_to_utc(self._as_datetime(name, self.default_args[name]))

    def _as_datetime(self, name: str, value: datetime | str | None) -> datetime | None:
        if isinstance(value, str):
            try:
                return tz.parse(value)
            except ValueError as exc:
                raise ValueError(f"DAG {self.dag_id!r}: {name} is not a date: {value!r}") from exc
        if value is not None and not isinstance(value, datetime):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            raise TypeError(f"DAG {self.dag_id!r}: {name} must be a datetime, not {type(value).__name__}: {value!r}")
        return value

    def _timetable_of(self, schedule: Any) -> "Timetable":
        try:
            return timetable_of(schedule, self.timezone)
        except AirflowTimetableInvalid as exc:
            raise AirflowTimetableInvalid(f"DAG {self.dag_id!r}: schedule: {exc}") from exc

    def _run_types_of(self, given: Any) -> "frozenset[DagRunType] | None":
        try:
            return allowed_run_types_of(given, self.timetable)
        except ValueError as exc:
            raise ValueError(f"DAG {self.dag_id!r}: {exc}") from exc

    def _check(self) -> None:
        for name in ("max_active_tasks", "max_active_runs", "max_consecutive_failed_dag_runs"):
            value: object = getattr(self, name)
            if not isinstance(value, int):
                raise TypeError(f"DAG {self.dag_id!r}: {name} must be an int, not {value!r}")
        if self.dagrun_timeout is not None and not isinstance(self.dagrun_timeout, timedelta):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            raise TypeError(f"DAG {self.dag_id!r}: dagrun_timeout must be a timedelta, not {self.dagrun_timeout!r}")
        limit = self.timetable.active_runs_limit
        if limit is not None and self.max_active_runs > limit:
            raise ValueError(f"DAG {self.dag_id!r}: schedule {self.schedule!r} requires max_active_runs <= {limit}")
        if self.timetable.can_be_scheduled:
            self._check_scheduled()

    def _check_scheduled(self) -> None:
        if self.catchup and self.start_date is None:
            raise ValueError(f"DAG {self.dag_id!r}: start_date is required when catchup=True")
        try:
            self.params.validate()
        except ParamValidationError as exc:
            raise ValueError(
                f"DAG {self.dag_id!r} is not allowed to define a schedule: its params lack valid default values ({exc})"
            ) from exc

    def __enter__(self) -> "DAG":
        push_dag(self)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: "TracebackType | None"
    ) -> None:
        pop_dag()
        if error is not None:
            error.add_note(f"in DAG {self.dag_id!r}")

    def __repr__(self) -> str:
        return f"<DAG: {self.dag_id}>"

    @property
    def tasks(self) -> "list[BaseOperator]":
        """All tasks, in the order in which they were written."""
        return list(self.task_dict.values())

    @property
    def task_ids(self) -> list[str]:
        """The ids of all tasks."""
        return list(self.task_dict)

    @property
    def task_count(self) -> int:
        """How many tasks there are."""
        return len(self.task_dict)

    @property
    def roots(self) -> "list[BaseOperator]":
        """Tasks with nothing upstream."""
        return [task for task in self.task_dict.values() if not task.upstream_task_ids]

    @property
    def leaves(self) -> "list[BaseOperator]":
        """Tasks with nothing downstream."""
        return [task for task in self.task_dict.values() if not task.downstream_task_ids]

    @property
    def owner(self) -> str:
        """All owners of tasks, sorted, separated by commas."""
        return ", ".join(sorted({task.owner for task in self.task_dict.values()}))

    @property
    def folder(self) -> str:
        """The folder of the DAG file."""
        return str(Path(self.fileloc).parent)

    @property
    def filepath(self) -> str:
        """The path of the DAG file."""
        return self.fileloc

    def has_task(self, task_id: str) -> bool:
        """Whether there is a task of this id."""
        return task_id in self.task_dict

    def has_node(self, node_id: str) -> bool:
        """Whether a task or group of this id exists."""
        return node_id in self.task_dict or node_id in self.task_group_dict

    def has_task_group(self, task_group_id: str) -> bool:
        """Whether there is a group of this id."""
        return task_group_id in self.task_group_dict

    def __getitem__(self, node_id: str) -> "BaseOperator | TaskGroup":
        """The task or group of this id; raises NodeNotFound."""
        node = self.task_dict.get(node_id) or self.task_group_dict.get(node_id)
        if node is None:
            raise NodeNotFound(f"Task or group {node_id!r} not found in DAG {self.dag_id}")
        return node

    def get_task(self, task_id: str) -> "BaseOperator":
        """The task of this id; raises TaskNotFound."""
        try:
            return self.task_dict[task_id]
        except KeyError:
            raise TaskNotFound(f"Task {task_id} not found in DAG {self.dag_id}") from None

    def add_task(self, task: "BaseOperator") -> None:
        """Take a task in; raises DuplicateTaskIdFound."""
        if self.has_node(task.task_id):
            raise DuplicateTaskIdFound(f"Task id {task.task_id!r} has already been added to the DAG {self.dag_id!r}")
        if task.task_group is None:
            task.task_group = self.task_group
            self.task_group.add(task)
        task._dag = self  # pyright: ignore[reportPrivateUsage] - the setter of `dag` leads here
        if self.start_date is not None and (task.start_date is None or task.start_date < self.start_date):
            task.start_date = self.start_date
        if task.end_date is None or (self.end_date is not None and task.end_date > self.end_date):
            task.end_date = self.end_date
        self.task_dict[task.task_id] = task

    def add_tasks(self, tasks: "Iterable[BaseOperator]") -> None:
        """Take tasks in."""
        for task in tasks:
            self.add_task(task)

    @property
    def task(self) -> Any:
        """`@dag.task`: a task of this DAG, wherever it is written."""
        from tradewind.sdk.task_decorator import task

        return partial(task, dag=self)

    @property
    def teardowns(self) -> "list[BaseOperator]":
        """The tasks that are teardowns."""
        return [task for task in self.tasks if task.is_teardown]

    def set_dependency(self, upstream_task_id: str, downstream_task_id: str) -> None:
        """Have one task run after another; raises TaskNotFound."""
        self.get_task(upstream_task_id).set_downstream(self.get_task(downstream_task_id))

    def topological_sort(self) -> "tuple[DAGNode, ...]":
        """All tasks, upstream before downstream, those of a group together; raises AirflowDagCycleException."""
        from tradewind.sdk.subsets import ordered_tasks

        return tuple(ordered_tasks(self.task_group))

    def resolve_template_files(self) -> None:
        """Put the texts of files that tasks' templated fields name in their place. What cannot be found is logged, and
        fails its task when that is rendered."""
        for task in self.tasks:
            try:
                task.resolve_template_files()
            except AirflowException:
                log.exception("Failed to resolve template files of task %s", task.task_id)

    def check_cycle(self) -> None:
        """Raises AirflowDagCycleException, which names the tasks, if they depend on each other in a cycle."""
        from tradewind.sdk.cycles import check_cycle

        check_cycle(self)

    def validate(self) -> None:
        """Raises DagSpecError for what cannot be scheduled."""
        from tradewind.sdk.serialize import serialize_dag

        serialize_dag(self, Path(self.fileloc).name)

    def partial_subset(
        self,
        task_ids: str | Iterable[str],
        include_downstream: bool = False,
        include_upstream: bool = True,
        include_direct_upstream: bool = False,
        depth: int | None = None,
    ) -> "DAG":
        """A copy with some of the tasks only: those of these ids, or whose ids contain a text, with what lies up- or
        downstream of them (at most `depth` steps), and the setups and teardowns that they need."""
        from tradewind.sdk.subsets import partial_subset

        return partial_subset(
            self,
            task_ids,
            include_downstream=include_downstream,
            include_upstream=include_upstream,
            include_direct_upstream=include_direct_upstream,
            depth=depth,
        )

    def test(
        self,
        run_after: datetime | None = None,
        logical_date: Any = NOTSET,
        run_conf: Mapping[str, Any] | None = None,
        conn_file_path: str | None = None,
        variable_file_path: str | None = None,
        use_executor: bool = False,
        mark_success_pattern: "Pattern[str] | str | None" = None,
    ) -> Any:
        """Run the DAG to its end in this process, for authors' own tests; the run, with `state`, `task_instances`,
        `get_task_instance(task_id)` and `states()`.

        `logical_date` is now unless given. Tasks whose ids match `mark_success_pattern` are taken for done. Connections
        and variables may come from files. With `use_executor` each task runs in a process of its own, as executors run
        it. Raises DagSpecError for a DAG that cannot be scheduled.
        """
        from tradewind.sdk.trials import try_dag

        return try_dag(
            self,
            run_after=run_after,
            logical_date=logical_date,
            run_conf=run_conf,
            conn_file_path=conn_file_path,
            variable_file_path=variable_file_path,
            mark_success_pattern=mark_success_pattern,
            use_executor=use_executor,
        )

    def cli(self) -> None:
        """Be the command that the process's arguments name (`tasks list`, `tasks test`, `dags test`), for a file that
        ends in `if __name__ == "__main__": dag.cli()`. Exits with 1 if what was tried failed."""
        from tradewind.sdk.dag_cli import run_dag_cli

        code = run_dag_cli(self, sys.argv[1:])
        if code:
            raise SystemExit(code)

    def add_result(self, xcom_arg: XComArg) -> XComArg:
        """Name the task whose return value is the DAG's result. Raises ValueError for anything else."""
        if type(xcom_arg) is not XComArg or xcom_arg.key != XCOM_RETURN_KEY:
            raise ValueError("Only plain return value can be used as dag result")
        xcom_arg.operator.returns_dag_result = True
        return xcom_arg

    def param(self, name: str, default: object = NOTSET) -> DagParam:
        """A reference to a param, resolved when a task runs."""
        return DagParam(self, name, default)

    def set_edge_info(self, upstream_task_id: str, downstream_task_id: str, label: str | None) -> None:
        """Keep the label of an edge."""
        self.edge_info.setdefault(upstream_task_id, {})[downstream_task_id] = {"label": label}

    def get_edge_info(self, upstream_task_id: str, downstream_task_id: str) -> dict[str, str | None]:
        """What is known of an edge; empty for one without a label."""
        return self.edge_info.get(upstream_task_id, {}).get(downstream_task_id, {})

    def get_template_env(self, *, force_sandboxed: bool = False) -> "jinja2.Environment":
        """The environment in which the DAG's templates are rendered."""
        native = self.render_template_as_native_obj and not force_sandboxed
        return templates_of(self, native=native).environment


def _checked_defaults(dag_id: str, default_args: object) -> Mapping[str, Any]:
    if default_args and not is_mapping(default_args):
        kind = type(default_args).__name__
        raise TypeError(f"DAG {dag_id!r}: default_args must be a mapping, not {kind}: {default_args!r}")
    return default_args if is_mapping(default_args) else {}


def _or_configured(limit: int | None, key: str) -> int:
    return conf.getint("core", key) if limit is None else limit


def _as_list(value: str | Iterable[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _checked_links(dag_id: str, owner_links: Mapping[str, str] | None) -> dict[str, str]:
    """Addresses of the web, or of mail."""
    links = dict(owner_links or {})
    for owner, link in links.items():
        parts = urlsplit(link)
        if not (parts.path if parts.scheme == "mailto" else parts.scheme and parts.netloc):
            raise ValueError(f"DAG {dag_id!r}: owner_links: the link of {owner!r} is no address: {link!r}")
    return links


def _checked_tags(tags: Collection[str] | None) -> set[str]:
    for tag in tags or ():
        if len(tag) > TAG_MAX_LENGTH:
            raise AirflowException(f"tag {tag!r} is longer than {TAG_MAX_LENGTH} characters")
    return set(tags or ())


def _read_doc(doc_md: str | None) -> str | None:
    if doc_md is not None and doc_md.endswith(".md") and Path(doc_md).is_file():
        return Path(doc_md).read_text(encoding="utf-8")
    return doc_md
