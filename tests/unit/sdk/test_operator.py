"""Operators: arguments, checks, edges."""
# pyright: reportUnusedExpression=false
# (`a >> b` is an edge)

from datetime import timedelta

import pytest

from tradewind.sdk import DAG, BaseOperator, Label, TriggerRule, XComArg, chain, chain_linear, cross_downstream
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.operators.python import PythonOperator


def _tasks(count: int) -> list[EmptyOperator]:
    dag = DAG("d")
    return [EmptyOperator(task_id=f"t{number}", dag=dag) for number in range(count)]


def _edges(dag: DAG) -> set[tuple[str, str]]:
    return {(task.task_id, other) for task in dag.tasks for other in task.downstream_task_ids}


def test_unknown_argument_is_named_with_its_value() -> None:
    with pytest.raises(TypeError, match=r"EmptyOperator \(task_id: t\): colour='red'"):
        EmptyOperator(task_id="t", colour="red")


def test_positional_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="use keyword arguments"):
        EmptyOperator("t")  # pyright: ignore[reportCallIssue] - the point


def test_missing_arguments_are_named() -> None:
    with pytest.raises(TypeError, match="missing keyword argument 'bash_command'"):
        BashOperator(task_id="t")  # pyright: ignore[reportCallIssue] - the point
    with pytest.raises(TypeError, match="missing keyword argument 'task_id'"):
        EmptyOperator()  # pyright: ignore[reportCallIssue] - the point


@pytest.mark.parametrize("task_id", ["", "a b", "ü!", "x" * 251])
def test_bad_task_id_is_refused(task_id: str) -> None:
    with pytest.raises(ValueError, match="task_id"):
        EmptyOperator(task_id=task_id)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"trigger_rule": "most_success"}, "trigger_rule of task 't' of DAG 'd' must be one of"),
        ({"weight_rule": "sideways"}, "weight_rule of task 't' of DAG 'd' must be one of"),
        ({"pool_slots": 0}, "pool_slots of task 't' of DAG 'd' cannot be less than 1"),
    ],
)
def test_bad_value_is_named_with_task_and_dag(arguments: dict[str, object], text: str) -> None:
    with DAG("d"), pytest.raises(ValueError, match=text):
        EmptyOperator(task_id="t", **arguments)  # pyright: ignore[reportArgumentType] - the point


@pytest.mark.parametrize(
    "arguments",
    [{"retries": "many"}, {"retry_delay": "1s"}, {"execution_timeout": 5}, {"queue": 5}, {"priority_weight": "1"}],
)
def test_wrong_type_is_named(arguments: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=next(iter(arguments))):
        EmptyOperator(task_id="t", **arguments)  # pyright: ignore[reportArgumentType] - the point


def test_values_are_converted() -> None:
    task = EmptyOperator(task_id="t", retries="3", retry_delay=5, priority_weight=2**40, trigger_rule="all_done")  # pyright: ignore[reportArgumentType] - as authors write
    assert (task.retries, task.retry_delay, task.priority_weight) == (3, timedelta(seconds=5), 2**31 - 1)
    assert task.trigger_rule is TriggerRule.ALL_DONE


def test_callback_arguments_become_lists() -> None:
    task = EmptyOperator(task_id="t", on_success_callback=print, on_failure_callback=[print, repr])
    assert (task.on_success_callback, task.on_failure_callback, task.on_retry_callback) == ([print], [print, repr], [])


def test_shift_operators_return_the_right_side() -> None:
    a, b, c, d = _tasks(4)
    assert (a >> b >> [c, d]) == [c, d]
    assert _edges(a.dag) == {("t0", "t1"), ("t1", "t2"), ("t1", "t3")}
    e, f, g = _tasks(3)
    assert (e << f << g) is g
    assert _edges(e.dag) == {("t2", "t1"), ("t1", "t0")}


def test_lists_may_stand_left() -> None:
    a, b, c = _tasks(3)
    assert ([a, b] >> c) is c
    d, e, f = _tasks(3)
    assert ([d, e] << f) is f
    assert _edges(a.dag) == {("t0", "t2"), ("t1", "t2")}
    assert _edges(d.dag) == {("t2", "t0"), ("t2", "t1")}


def test_edge_gives_a_dag_to_the_one_without() -> None:
    (a,) = _tasks(1)
    b = EmptyOperator(task_id="b")
    a >> b
    assert b.dag is a.dag


def test_edge_between_dags_is_refused() -> None:
    a, other = _tasks(1)[0], EmptyOperator(task_id="x", dag=DAG("other"))
    with pytest.raises(ValueError, match=r"more than one DAG.*'t0' in 'd'.*'x' in 'other'"):
        a >> other


def test_edge_without_any_dag_is_refused() -> None:
    with pytest.raises(ValueError, match="no DAG yet"):
        EmptyOperator(task_id="a") >> EmptyOperator(task_id="b")


def test_edge_to_something_else_is_refused() -> None:
    (a,) = _tasks(1)
    with pytest.raises(TypeError, match="received str: 'b'"):
        a >> "b"
    with pytest.raises(TypeError, match="received int"):
        a >> [5]


def test_label_is_kept_on_each_edge() -> None:
    a, b, c, d = _tasks(4)
    a >> Label("why") >> [b, c]
    [b, c] >> Label("then") >> d
    assert a.dag.get_edge_info("t0", "t1") == a.dag.get_edge_info("t0", "t2") == {"label": "why"}
    assert a.dag.get_edge_info("t2", "t3") == {"label": "then"}
    assert a.dag.get_edge_info("t0", "t3") == {}
    assert _edges(a.dag) == {("t0", "t1"), ("t0", "t2"), ("t1", "t3"), ("t2", "t3")}


def test_chain_joins_lists_pairwise() -> None:
    a, b, c, d, e, f = _tasks(6)
    chain(a, [b, c], [d, e], f)
    assert _edges(a.dag) == {("t0", "t1"), ("t0", "t2"), ("t1", "t3"), ("t2", "t4"), ("t3", "t5"), ("t4", "t5")}


def test_chain_takes_labels() -> None:
    a, b, c, d = _tasks(4)
    chain(a, [Label("one"), Label("two")], [b, c], d)
    assert _edges(a.dag) == {("t0", "t1"), ("t0", "t2"), ("t1", "t3"), ("t2", "t3")}
    assert a.dag.get_edge_info("t0", "t2") == {"label": "two"}


def test_chain_refuses_lists_of_unequal_length() -> None:
    a, b, c = _tasks(3)
    with pytest.raises(ValueError, match="equally long; got 1 and 2"):
        chain([a], [b, c])


def test_chain_linear_joins_every_pair() -> None:
    a, b, c, d = _tasks(4)
    chain_linear([a, b], [c, d])
    assert _edges(a.dag) == {("t0", "t2"), ("t0", "t3"), ("t1", "t2"), ("t1", "t3")}
    with pytest.raises(ValueError, match="No dependencies"):
        chain_linear(a)


def test_cross_downstream_joins_every_pair() -> None:
    a, b, c, d = _tasks(4)
    cross_downstream([a, b], [c, d])
    assert _edges(a.dag) == {("t0", "t2"), ("t0", "t3"), ("t1", "t2"), ("t1", "t3")}


def test_xcom_arg_in_a_templated_field_makes_an_edge() -> None:
    with DAG("d") as dag:
        a = BashOperator(task_id="a", bash_command="true")
        b = BashOperator(task_id="b", bash_command=a.output)
        c = PythonOperator(
            task_id="c", python_callable=print, op_args=[{"x": (a.output["k"],)}], op_kwargs={"y": b.output}
        )
        d = BashOperator(task_id="d", bash_command="true")
        d.env = {"K": c.output}  # pyright: ignore[reportAttributeAccessIssue] - a reference, resolved later
    assert _edges(dag) == {("a", "b"), ("a", "c"), ("b", "c"), ("c", "d")}


def test_nested_objects_with_template_fields_make_edges() -> None:
    class Inner(BaseOperator):
        template_fields = ("value",)

        def __init__(self, *, value: object, **kwargs: object) -> None:
            super().__init__(**kwargs)  # pyright: ignore[reportArgumentType]
            self.value = value

    with DAG("d") as dag:
        a = EmptyOperator(task_id="a")
        inner = Inner(task_id="inner", value=a.output)
        PythonOperator(task_id="b", python_callable=print, op_args=[inner])
    assert ("a", "b") in _edges(dag)


def test_xcom_arg_as_text_is_a_template() -> None:
    with DAG("d"):
        a = EmptyOperator(task_id="a")
    assert str(a.output["k"]) == "{{ task_instance.xcom_pull(task_ids='a', dag_id='d', key='k') }}"
    assert f"{a.output}" == "{{ task_instance.xcom_pull(task_ids='a', dag_id='d', key='return_value') }}"


def test_xcom_arg_stands_in_for_its_task() -> None:
    a, b, c = _tasks(3)
    a.output >> b.output >> c
    assert _edges(a.dag) == {("t0", "t1"), ("t1", "t2")}


def test_xcom_arg_cannot_be_iterated_or_indexed_by_number() -> None:
    (a,) = _tasks(1)
    with pytest.raises(TypeError, match="not iterable"):
        list(a.output)
    with pytest.raises(ValueError, match="only supports str lookup"):
        a.output[0]  # pyright: ignore[reportArgumentType] - the point
    assert a.output == XComArg(a)
    assert a.output["x"] != XComArg(a)


def test_copy_for_execution_makes_no_edges() -> None:
    with DAG("d") as dag:
        a = BashOperator(task_id="a", bash_command="true")
        b = BashOperator(task_id="b", bash_command="true")
    copy = b.prepare_for_execution()
    copy.bash_command = a.output
    assert (b.bash_command, _edges(dag)) == ("true", set())


def test_tasks_without_a_dag_are_their_owners() -> None:
    task = EmptyOperator(task_id="t", owner="ann")
    assert task.dag_id == "adhoc_ann"
    assert EmptyOperator(task_id="t", dag=DAG("d")).dag_id == "d"


def test_executor_config_is_a_mapping() -> None:
    with pytest.raises(TypeError, match="'executor_config' must be a mapping, not str: 'big'"):
        EmptyOperator(task_id="t", executor_config="big")  # pyright: ignore[reportArgumentType] - an author's mistake
