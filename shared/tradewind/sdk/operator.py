"""`BaseOperator`: what every task has, and what an operator's author overrides."""

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, Self

from tradewind.sdk.active import current_dag, current_scope, current_task_group, is_outside_of_dags
from tradewind.sdk.default_args import fills_from_default_args
from tradewind.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    TaskDeferralError,
    TaskDeferralTimeout,
    TaskDeferred,
)
from tradewind.sdk.log import TaskLogger
from tradewind.sdk.node import DAGNode, validate_key
from tradewind.sdk.operator_arguments import (
    EXPECTED_TYPES,
    as_date,
    as_dict,
    as_int,
    as_list,
    as_resources,
    as_timedelta,
    member_of,
)
from tradewind.sdk.operator_defaults import (
    DEFAULT_EMAIL_ON_FAILURE,
    DEFAULT_EMAIL_ON_RETRY,
    DEFAULT_OWNER,
    DEFAULT_POOL_NAME,
    DEFAULT_QUEUE,
    DEFAULT_RETRIES,
    DEFAULT_RETRY_DELAY,
    DEFAULT_TASK_EXECUTION_TIMEOUT,
    DEFAULT_WEIGHT_RULE,
    db_safe_priority,
)
from tradewind.sdk.param import ParamsDict
from tradewind.sdk.templating import (
    Templates,
    read_template_files,
    render_fields,
    render_value,
    templates_of,
    templates_with,
)
from tradewind.sdk.trigger_rule import TriggerRule
from tradewind.sdk.types import NO_SLA, WeightRule, is_collection
from tradewind.sdk.xcom_arg import XComArg, apply_upstream_relationship

if TYPE_CHECKING:
    import jinja2

    from tradewind.sdk.context import Context
    from tradewind.sdk.dags import DAG
    from tradewind.sdk.mapped.operator import OperatorPartial
    from tradewind.sdk.priority_strategy import PriorityWeightStrategy
    from tradewind.sdk.retry_policy import RetryPolicy
    from tradewind.sdk.setup_teardown import Scopes
    from tradewind.sdk.task_groups import TaskGroup
    from tradewind.sdk.triggers.base import StartTriggerArgs

_WEIGHT_RULES: Final = tuple(str(rule) for rule in WeightRule)

TRIGGER_FAILED: Final = "__fail__"
"""The next method of a deferred task whose trigger failed."""
TRIGGER_ENDED: Final = "__end__"
"""The next method of a deferred task that its trigger ended."""
TRIGGER_TIMEOUT: Final = "Trigger timeout"
"""The `error` among its arguments if the trigger took too long."""


class BaseOperator(DAGNode):
    """Base of all operators, with Airflow's constructor arguments, all of them keywords.

    Arguments that nothing acts on yet are kept as attributes. An unknown argument raises TypeError naming it; a bad
    id, a pool slot below 1 or an unknown trigger or weight rule raises ValueError.
    """

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[Mapping[str, str]] = {}
    ui_color: str = "#fff"
    ui_fgcolor: str = "#000"
    operator_extra_links: Collection[Any] = ()
    shallow_copy_attrs: Sequence[str] = ()
    custom_operator_name: str | None = None

    on_failure_fail_dagrun: bool = False
    start_from_trigger: bool = False
    start_trigger_args: "StartTriggerArgs | None" = None
    """With `start_from_trigger`: what the task begins by waiting for, in place of `execute`."""
    returns_dag_result: bool = False
    """Whether what it returns is the DAG's result."""

    merged_default_args: dict[str, Any]
    _finished = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = fills_from_default_args(cls.__init__)

    @fills_from_default_args
    def __init__(
        self,
        *,
        task_id: str,
        owner: str = DEFAULT_OWNER,
        email: str | Sequence[str] | None = None,
        email_on_retry: bool = DEFAULT_EMAIL_ON_RETRY,
        email_on_failure: bool = DEFAULT_EMAIL_ON_FAILURE,
        retries: int | None = DEFAULT_RETRIES,
        retry_delay: timedelta | float = DEFAULT_RETRY_DELAY,
        retry_exponential_backoff: float = 0,
        max_retry_delay: timedelta | float | None = None,
        retry_policy: "RetryPolicy | None" = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        depends_on_past: bool = False,
        ignore_first_depends_on_past: bool = False,
        wait_for_past_depends_before_skipping: bool = False,
        wait_for_downstream: bool = False,
        dag: "DAG | None" = None,
        params: Mapping[str, Any] | None = None,
        default_args: Mapping[str, Any] | None = None,
        priority_weight: int = 1,
        weight_rule: Any = DEFAULT_WEIGHT_RULE,
        queue: str = DEFAULT_QUEUE,
        pool: str | None = None,
        pool_slots: int = 1,
        sla: timedelta | None = None,
        execution_timeout: timedelta | None = DEFAULT_TASK_EXECUTION_TIMEOUT,
        on_execute_callback: Any = None,
        on_failure_callback: Any = None,
        on_success_callback: Any = None,
        on_retry_callback: Any = None,
        on_skipped_callback: Any = None,
        pre_execute: "Callable[[Context], None] | None" = None,
        post_execute: "Callable[[Context, Any], None] | None" = None,
        trigger_rule: str = TriggerRule.ALL_SUCCESS,
        resources: Mapping[str, Any] | None = None,
        run_as_user: str | None = None,
        map_index_template: str | None = None,
        max_active_tis_per_dag: int | None = None,
        max_active_tis_per_dagrun: int | None = None,
        executor: str | None = None,
        executor_config: Mapping[str, Any] | None = None,
        do_xcom_push: bool = True,
        multiple_outputs: bool = False,
        inlets: Any = None,
        outlets: Any = None,
        task_group: "TaskGroup | None" = None,
        doc: str | None = None,
        doc_md: str | None = None,
        doc_json: str | None = None,
        doc_yaml: str | None = None,
        doc_rst: str | None = None,
        task_display_name: str | None = None,
        logger_name: str | None = None,
        allow_nested_operators: bool = True,
        render_template_as_native_obj: bool | None = None,
        infrastructure_retries: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if kwargs:
            raise TypeError(
                f"Invalid arguments were passed to {type(self).__name__} (task_id: {task_id}): "
                + ", ".join(f"{name}={value!r}" for name, value in kwargs.items())
            )
        self.owner, self.email = owner, email
        self.email_on_retry, self.email_on_failure = email_on_retry, email_on_failure
        self.retries = as_int("retries", retries)
        self.retry_delay = as_timedelta("retry_delay", retry_delay)
        self.max_retry_delay = None if max_retry_delay is None else as_timedelta("max_retry_delay", max_retry_delay)
        self.retry_exponential_backoff, self.retry_policy = retry_exponential_backoff, retry_policy
        self.infrastructure_retries = infrastructure_retries
        self.start_date, self.end_date = as_date("start_date", start_date), as_date("end_date", end_date)
        self.depends_on_past = depends_on_past or wait_for_downstream
        self.ignore_first_depends_on_past = ignore_first_depends_on_past
        self.wait_for_past_depends_before_skipping = wait_for_past_depends_before_skipping
        self.wait_for_downstream = wait_for_downstream
        self.priority_weight, self.weight_rule = priority_weight, weight_rule
        self.queue, self.pool, self.pool_slots = queue, pool or DEFAULT_POOL_NAME, pool_slots
        self.sla, self.execution_timeout, self.resources = sla, execution_timeout, as_resources(resources)
        if sla is not None:
            warnings.warn(f"Task {task_id!r}: {NO_SLA}", stacklevel=2)
        self.on_execute_callback = as_list(on_execute_callback)
        self.on_failure_callback = as_list(on_failure_callback)
        self.on_success_callback = as_list(on_success_callback)
        self.on_retry_callback = as_list(on_retry_callback)
        self.on_skipped_callback = as_list(on_skipped_callback)
        self.pre_execute_hook, self.post_execute_hook = pre_execute, post_execute
        self.trigger_rule = trigger_rule
        self.run_as_user, self.map_index_template = run_as_user, map_index_template
        self.max_active_tis_per_dag = max_active_tis_per_dag
        self.max_active_tis_per_dagrun = max_active_tis_per_dagrun
        self.executor, self.executor_config = executor, as_dict("executor_config", executor_config)
        self.do_xcom_push, self.multiple_outputs = do_xcom_push, multiple_outputs
        self.inlets, self.outlets = as_list(inlets), as_list(outlets)
        self.doc, self.doc_md, self.doc_json, self.doc_yaml, self.doc_rst = doc, doc_md, doc_json, doc_yaml, doc_rst
        self.task_display_name = task_display_name or ""
        self.logger_name, self.allow_nested_operators = logger_name, allow_nested_operators
        self.render_template_as_native_obj = render_template_as_native_obj
        self._join(task_id, dag or current_dag(), task_group, params)

    def _join(
        self, task_id: str, dag: "DAG | None", task_group: "TaskGroup | None", params: Mapping[str, Any] | None
    ) -> None:
        """Take the place in DAG and group, once everything that they look at is set."""
        validate_key(task_id, kind="task_id")
        group = task_group or (current_task_group(dag) if dag is not None else None)
        self.task_id = validate_key(group.child_id(task_id) if group is not None else task_id, kind="task_id")
        self.task_display_name = self.task_display_name or self.task_id
        self._check(dag)
        own = {**self.merged_default_args.get("params", {}), **(params or {})}
        self.params = ParamsDict(dag.params if dag is not None else None)
        self.params.merge(ParamsDict(own))
        self.task_group = group
        if group is not None:
            group.add(self)
        if dag is not None:
            dag.add_task(self)
        scope = current_scope()
        if scope is not None and not self.is_mapped:
            scope.note(self)

    def _check(self, dag: "DAG | None") -> None:
        where = f"task {self.task_id!r}" + (f" of DAG {dag.dag_id!r}" if dag is not None else "")
        for name, expected in EXPECTED_TYPES.items():
            value: object = getattr(self, name)
            if value is not None and not isinstance(value, expected):
                raise TypeError(f"{name} of {where} has a value of type {type(value).__name__}: {value!r}")
        if self.pool_slots < 1:
            raise ValueError(f"pool_slots of {where} cannot be less than 1: {self.pool_slots}")
        self.trigger_rule = member_of(TriggerRule, self.trigger_rule, f"trigger_rule of {where}")
        self.weight_strategy = self._strategy(where)
        if self.weight_strategy is None:
            self.weight_rule = member_of(WeightRule, self.weight_rule, f"weight_rule of {where}")
        self.priority_weight = db_safe_priority(self.priority_weight)

    def _strategy(self, where: str) -> "PriorityWeightStrategy | None":
        if isinstance(self.weight_rule, WeightRule) or self.weight_rule in _WEIGHT_RULES:
            return None
        from tradewind.sdk.priority_strategy import strategy_of

        try:
            return strategy_of(self.weight_rule)
        except ValueError as exc:
            raise ValueError(f"{where}: {exc}") from exc

    def finish_init(self) -> None:
        """Called when the outermost constructor is done: references to XComs in templated fields become edges."""
        for field in () if is_outside_of_dags() else self.template_fields:
            value = self.__dict__.get(field)
            if value is not None and value.__class__ is not str:
                apply_upstream_relationship(self, value)
        self._finished = True

    @classmethod
    def partial(cls, **kwargs: Any) -> "OperatorPartial":
        """Arguments for all instances of a mapped task; go on with `expand` or `expand_kwargs`."""
        from tradewind.sdk.mapped.operator import OperatorPartial

        return OperatorPartial(cls, kwargs)

    def take_place_of(self, mapped: "BaseOperator") -> None:
        """Be one instance of a mapped task: its id, DAG, group and edges."""
        self.task_id, self._dag, self.task_group = mapped.task_id, mapped.get_dag(), mapped.task_group
        self._upstream_ids, self._downstream_ids = mapped._upstream_ids, mapped._downstream_ids
        self.start_date, self.end_date = mapped.start_date, mapped.end_date
        self.task_display_name = mapped.task_display_name
        self.is_setup, self.is_teardown = mapped.is_setup, mapped.is_teardown

    def as_setup(self) -> Self:
        """Make it a setup: what lies between it and its teardowns runs only if it succeeds."""
        self.is_setup = True
        return self

    def as_teardown(self, *, setups: Any = None, on_failure_fail_dagrun: bool | None = None) -> Self:
        """Make it a teardown, of these setups too: it runs once everything in between is done, if one of its setups
        succeeded. Its failure does not fail the run, unless told so (None = as before)."""
        self.is_teardown = True
        if on_failure_fail_dagrun is not None:
            self.on_failure_fail_dagrun = on_failure_fail_dagrun
        self.trigger_rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
        if setups is not None:
            for setup in setups if is_collection(setups) else [setups]:
                setup.as_setup()
                self.set_upstream(setup)
        return self

    def __enter__(self) -> "Scopes":
        from tradewind.sdk.setup_teardown import enter_scope

        return enter_scope(self)

    def __exit__(self, *_raised: Any) -> None:
        from tradewind.sdk.setup_teardown import leave_scope

        leave_scope()

    def prepare_for_execution(self) -> Self:
        """A copy to execute: rendering changes its fields, and makes no edges."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), _finished=False)
        return other

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if self._finished and name in self.template_fields:
            apply_upstream_relationship(self, value)

    def __repr__(self) -> str:
        return f"<Task({self.task_type}): {self.__dict__.get('task_id', '?')}>"

    @property
    def task_type(self) -> str:
        """The name of its class (mapped: of its instances'), or the one under which users know it."""
        kind: type[object] = getattr(self, "operator_class", type(self))
        return vars(kind).get("named_task_type", kind.__name__)

    @property
    def is_async(self) -> bool:
        """Whether it is executed on an event loop."""
        return False

    @property
    def inherits_from_empty_operator(self) -> bool:
        """Whether there is nothing to execute."""
        from tradewind.sdk.operators.empty import EmptyOperator

        return issubclass(getattr(self, "operator_class", type(self)), EmptyOperator)

    @property
    def dag_id(self) -> str:
        """The id of its DAG; before it has one, made of its owner."""
        dag = self.get_dag()
        return dag.dag_id if dag is not None else f"adhoc_{self.owner}"

    @property
    def operator_name(self) -> str:
        """The class's name, or a friendlier one that the class declares."""
        return self.custom_operator_name or self.task_type

    @property
    def label(self) -> str:
        """The id without the group's prefix."""
        group_id = self.task_group.group_id if self.task_group is not None else None
        prefix = f"{group_id}."
        return self.task_id[len(prefix) :] if group_id and self.task_id.startswith(prefix) else self.task_id

    @property
    def output(self) -> XComArg:
        """A reference to what this task will return."""
        return XComArg(self)

    @property
    def log(self) -> TaskLogger:
        """The logger whose records appear in the task's log."""
        return TaskLogger(self.logger_name or f"{type(self).__module__}.{type(self).__qualname__}")

    def get_template_env(self, dag: "DAG | None" = None) -> "jinja2.Environment":
        """The environment in which this task's templates are rendered."""
        return self.templates(dag).environment

    def templates(self, dag: "DAG | None" = None) -> Templates:
        """How this task's templates are rendered."""
        owner = dag or self.get_dag()
        native = self.render_template_as_native_obj
        if native is None:
            native = owner is not None and owner.render_template_as_native_obj
        return templates_of(owner, native=native)

    def render_template_fields(self, context: "Context", jinja_env: "jinja2.Environment | None" = None) -> None:
        """Render all templated fields in place."""
        templates = self.templates() if jinja_env is None else templates_with(jinja_env)
        render_fields(self, self.template_fields, context, templates)

    def render_template(
        self, content: Any, context: "Context", jinja_env: "jinja2.Environment | None" = None, _seen: Any = None
    ) -> Any:
        """Render one value, inside collections too."""
        templates = self.templates() if jinja_env is None else templates_with(jinja_env)
        return render_value(content, context, templates, tuple(self.template_ext))

    def resolve_template_files(self) -> None:
        """Put the texts of files that templated fields name in their place, then call `prepare_template`."""
        read_template_files(self)
        self.prepare_template()

    def dry_run(self) -> None:
        """Log the templated fields, as they are: nothing is executed."""
        self.log.info("Dry run")
        for field in self.template_fields:
            content = getattr(self, field, None)
            if isinstance(content, str):
                self.log.info("Rendering template for %s", field)
                self.log.info(content)

    def prepare_template(self) -> None:
        """Override to change templated fields before they are rendered."""

    def pre_execute(self, context: Any) -> None:
        """Override to run code right before `execute`."""

    def execute(self, context: "Context") -> Any:
        """Override with what the task does; the value returned is pushed as XCom `return_value`."""
        raise NotImplementedError(f"{type(self).__name__} does not define execute()")

    def defer(
        self,
        *,
        trigger: Any,
        method_name: str,
        kwargs: Mapping[str, Any] | None = None,
        timeout: timedelta | float | None = None,
    ) -> NoReturn:
        """Give the slot back until `trigger` fires, then go on with the method of this name, called with the context,
        `kwargs` and the trigger's `event`. After `timeout` the task fails with TaskDeferralTimeout."""
        raise TaskDeferred(trigger=trigger, method_name=method_name, kwargs=kwargs, timeout=timeout)

    def resume_execution(self, next_method: str, next_kwargs: Mapping[str, Any] | None, context: "Context") -> Any:
        """Go on after a deferral with the method of this name; what it returns is the task's return value. The name
        `__fail__` says that the trigger failed or took too long: TaskDeferralError or TaskDeferralTimeout."""
        values = dict(next_kwargs or {})
        if next_method == TRIGGER_FAILED:
            error = str(values.get("error", "Unknown"))
            if traceback := values.get("traceback"):
                self.log.error("Trigger failed:\n%s", "\n".join(traceback))
            raise TaskDeferralTimeout(error) if error == TRIGGER_TIMEOUT else TaskDeferralError(error)
        if next_method == TRIGGER_ENDED:
            return _end_as_told(values["state"], values["xcoms"], context)
        return getattr(self, next_method)(context, **values)

    def post_execute(self, context: Any, result: Any = None) -> None:
        """Override to run code right after `execute`."""

    def on_kill(self) -> None:
        """Override to stop what the task started outside of its process, when the attempt is killed."""

    def add_inlets(self, inlets: Sequence[Any]) -> None:
        """Add to `inlets`."""
        self.inlets.extend(inlets)

    def add_outlets(self, outlets: Sequence[Any]) -> None:
        """Add to `outlets`."""
        self.outlets.extend(outlets)


def _end_as_told(state: str, xcoms: Mapping[str, Any], context: Any) -> None:
    """End in the state that a trigger's event says, with what it says is to be pushed."""
    for key, value in xcoms.items():
        context["ti"].xcom_push(key=key, value=value)
    if state == "skipped":
        raise AirflowSkipException("The trigger says so.")
    if state == "failed":
        raise AirflowFailException("The trigger says so.")
