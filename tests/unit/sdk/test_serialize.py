"""The author's DAG as a spec."""
# pyright: reportUnusedExpression=false
# (`a >> b` is an edge)

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pendulum
import pytest

from tradewind.core.spec import DagSpec, TriggerRule
from tradewind.sdk import DAG, Param, task, task_group
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.operators.trigger_dagrun import TriggerDagRunOperator
from tradewind.sdk.serialize import DagSpecError, serialize_dag


def _spec(dag: DAG) -> DagSpec:
    return serialize_dag(dag, "folder/file.py")


def _diamond() -> DAG:
    with DAG(
        "d", schedule="@daily", start_date=pendulum.datetime(2021, 1, 1, tz="Europe/Paris"), tags=["b", "a"]
    ) as dag:
        last = EmptyOperator(task_id="last")
        left, right = EmptyOperator(task_id="left"), EmptyOperator(task_id="right")
        first = EmptyOperator(task_id="first")
        first >> [right, left] >> last
    return dag


def test_tasks_are_in_topological_order_with_sorted_neighbours() -> None:
    tasks = _spec(_diamond()).tasks
    assert [task.task_id for task in tasks] == ["first", "left", "right", "last"]
    assert tasks[0].downstream_task_ids == tasks[3].upstream_task_ids == ("left", "right")
    assert [task.priority_weight for task in tasks] == [4, 2, 2, 1]


def test_same_dag_gives_the_same_bytes() -> None:
    assert msgspec.json.encode(_spec(_diamond())) == msgspec.json.encode(_spec(_diamond()))


def test_dag_fields() -> None:
    dag = _diamond()
    dag.doc_md = "text"
    spec = _spec(dag)
    assert (spec.dag_id, spec.relative_fileloc, spec.doc_md) == ("d", "folder/file.py", "text")
    assert (spec.tags, spec.owners, spec.timezone) == (("a", "b"), ("airflow",), "Europe/Paris")
    assert (spec.timetable_summary, spec.catchup, spec.dag_display_name) == ("0 0 * * *", False, None)
    assert spec.start_date == datetime(2020, 12, 31, 23, tzinfo=UTC)
    assert type(spec.start_date) is datetime


def test_limits_and_params() -> None:
    dag = DAG(
        "d",
        max_active_tasks=3,
        max_active_runs=2,
        dagrun_timeout=timedelta(minutes=5),
        params={"n": Param(1, type="integer", description="count")},
        is_paused_upon_creation=False,
    )
    spec = _spec(dag)
    assert (spec.max_active_tasks, spec.max_active_runs, spec.dagrun_timeout_seconds) == (3, 2, 300.0)
    assert spec.params == {"n": {"value": 1, "schema": {"type": "integer"}, "description": "count", "source": None}}
    assert spec.is_paused_upon_creation is False


def test_tasks_keep_the_params_that_are_not_the_dags() -> None:
    with DAG("d", params={"n": 1, "text": Param(type="string")}) as dag:
        EmptyOperator(task_id="plain")
        EmptyOperator(task_id="own", params={"n": 2})
        EmptyOperator.partial(task_id="mapped", params={"m": 3}).expand(owner=["a"])
    spec = _spec(dag)
    own = {task.task_id: task.params for task in spec.tasks}
    dumped: dict[str, object] = {"schema": {}, "description": None, "source": None}
    assert own == {"plain": {}, "own": {"n": {"value": 2, **dumped}}, "mapped": {"m": {"value": 3, **dumped}}}
    assert spec.params["text"] == {**dumped, "schema": {"type": "string"}}


def test_task_fields_in_seconds() -> None:
    with DAG("d", default_args={"retries": 2}) as dag:
        BashOperator(
            task_id="t",
            bash_command="true",
            retry_delay=timedelta(minutes=1),
            retry_exponential_backoff=True,
            max_retry_delay=90,
            execution_timeout=timedelta(seconds=1.5),
            trigger_rule="one_done",
            pool="p",
            pool_slots=2,
            queue="q",
        )
    (task,) = _spec(dag).tasks
    assert (task.retries, task.retry_delay_seconds, task.max_retry_delay_seconds) == (2, 60.0, 90.0)
    assert (task.retry_exponential_backoff, task.execution_timeout_seconds) == (2.0, 1.5)
    assert (task.trigger_rule, task.pool, task.pool_slots, task.queue) == (TriggerRule.ONE_DONE, "p", 2, "q")
    assert (task.task_type, task.task_module) == ("BashOperator", "tradewind.sdk.operators.bash")
    assert (task.template_fields, task.is_empty) == (("bash_command", "env", "cwd"), False)


def test_only_what_would_do_nothing_is_empty() -> None:
    class Busy(EmptyOperator):
        def execute(self, context: object) -> None:
            """Something."""

    with DAG("d") as dag:
        EmptyOperator(task_id="empty")
        EmptyOperator(task_id="calls_back", on_success_callback=print)
        EmptyOperator(task_id="hooked", pre_execute=print)
        EmptyOperator(task_id="outlet", outlets=["x"])
        Busy(task_id="busy")
        EmptyOperator(task_id="failing", on_failure_callback=print)
    assert [task.task_id for task in _spec(dag).tasks if task.is_empty] == ["empty", "failing"]


def test_weight_rules() -> None:
    with DAG("d") as dag:
        a = EmptyOperator(task_id="a", priority_weight=5)
        b = EmptyOperator(task_id="b", priority_weight=7, weight_rule="upstream")
        c = EmptyOperator(task_id="c", priority_weight=11, weight_rule="absolute")
        a >> b >> c
    assert {task.task_id: task.priority_weight for task in _spec(dag).tasks} == {"a": 23, "b": 12, "c": 11}


def test_cycle_is_shown() -> None:
    with DAG("d") as dag:
        a, b, c = (EmptyOperator(task_id=name) for name in "abc")
        EmptyOperator(task_id="before") >> a >> b >> c >> a
    with pytest.raises(DagSpecError) as caught:
        _spec(dag)
    assert str(caught.value) == "folder/file.py: DAG 'd': the tasks depend on each other in a cycle: a -> b -> c -> a"


def test_task_that_waits_for_itself_is_a_cycle() -> None:
    with DAG("d") as dag:
        a = EmptyOperator(task_id="a")
        a >> a
    with pytest.raises(DagSpecError, match=r"in a cycle: a -> a$"):
        _spec(dag)


def test_rule_set_afterwards_is_checked() -> None:
    with DAG("d") as dag:
        EmptyOperator(task_id="a").trigger_rule = "most_success"
    with pytest.raises(DagSpecError, match=r"file\.py: DAG 'd': task 'a' has an unknown trigger rule 'most_success'"):
        _spec(dag)


def test_fail_fast_allows_one_trigger_rule_only_and_teardowns() -> None:
    with DAG("d", fail_fast=True) as dag:
        EmptyOperator(task_id="t").as_teardown(setups=EmptyOperator(task_id="s"))
    assert [task.task_id for task in _spec(dag).tasks] == ["s", "t"]
    with DAG("d", fail_fast=True) as dag:
        EmptyOperator(task_id="a", trigger_rule="all_done")
    with pytest.raises(DagSpecError, match="task 'a' has trigger rule 'all_done', but a DAG with fail_fast"):
        _spec(dag)


def test_rules_that_airflow_refuses_are_named_with_their_task() -> None:
    @task
    def work(x: Any = None) -> Any: ...

    with DAG("after_setup") as after_setup:
        begin = EmptyOperator(task_id="begin").as_setup()
        begin.set_downstream(EmptyOperator(task_id="next", trigger_rule="all_done"))
    with DAG("in_group") as in_group:

        @task_group
        def group(x: Any) -> None:
            EmptyOperator(task_id="t", trigger_rule="always")

        group.expand(x=[1])
    with DAG("mapped") as mapped:
        work.override(task_id="t", trigger_rule="always").expand(x=work())
    with DAG("no_teardown") as no_teardown:
        EmptyOperator(task_id="t").on_failure_fail_dagrun = True
    expected = {
        no_teardown: "task 't' has on_failure_fail_dagrun, but is no teardown",
        after_setup: "task 'next' has trigger rule 'all_done', but what comes after a setup, here 'begin', can only"
        " have 'all_success'",
        in_group: "task 'group.t' has trigger rule 'always', which is not allowed in mapped group 'group'",
        mapped: "task 't' has trigger rule 'always', which is not allowed where it is mapped over what other"
        " tasks return",
    }
    for dag, text in expected.items():
        with pytest.raises(DagSpecError) as caught:
            _spec(dag)
        assert str(caught.value) == f"folder/file.py: DAG {dag.dag_id!r}: {text}"


def test_access_control_and_extra_links_are_kept() -> None:
    with DAG("d", access_control={"Viewer": {"can_read"}, "Op": {"DAG Runs": ["can_edit", "can_create"]}}) as dag:
        TriggerDagRunOperator(task_id="t", trigger_dag_id="other")
    spec = serialize_dag(dag, "file.py")
    assert spec.access_control == {"Viewer": {"DAGs": ["can_read"]}, "Op": {"DAG Runs": ["can_create", "can_edit"]}}
    assert spec.tasks[0].extra_links == {"Triggered DAG": "_link_TriggerDagRunLink"}
    with pytest.raises(
        DagSpecError, match=r"file\.py: DAG 'e': access_control of role 'Op': DAGs has no actions: 'all'"
    ):
        serialize_dag(DAG("e", access_control={"Op": "all"}), "file.py")


def test_what_a_dag_returns_is_marked_on_its_task() -> None:
    with DAG("adding", schedule=None) as adding:

        @task
        def add() -> int:
            return 3

        @task
        def tell() -> None: ...

        adding.add_result(add())
        tell()

    assert {each.task_id: each.returns_dag_result for each in _spec(adding).tasks} == {"add": True, "tell": False}
