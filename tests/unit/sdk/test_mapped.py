"""Mapped tasks and groups, setups and teardowns, as authors write them and as the scheduler gets them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tradewind.core.spec import DagSpec, LengthKind, MapLength, TaskSpec, TriggerRule
from tradewind.sdk import DAG, Label, TaskGroup, chain, task, task_group
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.serialize import DagSpecError, serialize_dag
from tradewind.sdk.setup_teardown import ContextWrapper, setup, teardown

XCOM = MapLength(kind=LengthKind.XCOM, task_id="numbers")


def literal(length: int) -> MapLength:
    return MapLength(kind=LengthKind.LITERAL, length=length)


@task
def numbers() -> list[int]:
    return [1, 2, 3]


@task
def add(x: Any, y: Any = 1) -> Any:
    return x + y


def spec_of(dag: DAG) -> tuple[DagSpec, dict[str, TaskSpec]]:
    spec = serialize_dag(dag, "file.py")
    return spec, {task.task_id: task for task in spec.tasks}


@pytest.fixture
def dag() -> DAG:
    return DAG("d", start_date=datetime(2021, 1, 1, tzinfo=UTC))


def test_lengths_of_what_is_mapped_over(dag: DAG) -> None:
    with dag:
        source: Any = numbers()
        add.expand(x=[1, 2])
        add.override(task_id="xcom").expand(x=source)
        add.override(task_id="product").expand(x=source, y=[1, 2])
        add.override(task_id="zipped").expand(x=source.zip(source.map(str)))
        add.override(task_id="filled").expand(x=source.zip(source, fillvalue=0))
        add.override(task_id="both").expand(x=source.concat(source))
        add.override(task_id="dicts").partial(y=2).expand_kwargs([{"x": 1}, {"x": 2}, {"x": 3}])
        BashOperator.partial(task_id="bash").expand(bash_command=["true", "false"], env=source.map(dict))
    _, tasks = spec_of(dag)
    assert {task_id: spec.map_length for task_id, spec in tasks.items()} == {
        "numbers": None,
        "add": literal(2),
        "xcom": XCOM,
        "product": MapLength(kind=LengthKind.PRODUCT, parts=(XCOM, literal(2))),
        "zipped": MapLength(kind=LengthKind.SHORTEST, parts=(XCOM, XCOM)),
        "filled": MapLength(kind=LengthKind.LONGEST, parts=(XCOM, XCOM)),
        "both": MapLength(kind=LengthKind.SUM, parts=(XCOM, XCOM)),
        "dicts": literal(3),
        "bash": MapLength(kind=LengthKind.PRODUCT, parts=(literal(2), XCOM)),
    }
    assert all(tasks[task_id].upstream_task_ids == ("numbers",) for task_id in ("xcom", "zipped", "both", "bash"))
    assert (tasks["bash"].task_type, tasks["bash"].template_fields[0]) == ("BashOperator", "bash_command")


def test_instances_have_the_arguments_of_all(dag: DAG) -> None:
    with dag:
        mapped: Any = BashOperator.partial(task_id="t", retries=3, append_env=True).expand(bash_command=["a", "b"])
        decorated: Any = add.partial(y=5).expand(x=[1]).operator
    operator = mapped.unmap({"bash_command": "a"})
    assert (operator.task_id, operator.dag, operator.retries) == ("t", dag, 3)
    assert (operator.bash_command, operator.append_env) == ("a", True)
    assert dict(decorated.unmap({"x": 1}).op_kwargs) == {"y": 5, "x": 1}
    assert sorted(dag.task_dict) == ["add", "t"]


def test_default_args_reach_instances() -> None:
    with DAG("d", default_args={"retries": 4, "cwd": "/tmp"}) as dag:
        mapped: Any = BashOperator.partial(task_id="t").expand(bash_command=["a"])
    _, tasks = spec_of(dag)
    assert (tasks["t"].retries, mapped.unmap({"bash_command": "a"}).cwd) == (4, "/tmp")


def test_mapped_group(dag: DAG) -> None:
    @task_group
    def group(x: Any, y: Any) -> Any:
        return add.override(task_id="second")(add.override(task_id="first")(x), y)

    with dag:
        ended: Any = group.partial(y=1).expand(x=numbers())
        add.override(task_id="after")(ended)
    spec, tasks = spec_of(dag)
    assert [(each.group_id, each.map_length) for each in spec.task_groups] == [("group", XCOM)]
    assert tasks["group.first"].upstream_task_ids == ("numbers",)
    assert tasks["group.second"].upstream_task_ids == ("group.first",)
    assert tasks["after"].upstream_task_ids == ("group.second",)
    assert tasks["group.first"].task_group_id == "group"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: add.expand(), TypeError, "no arguments to expand against"),
        (lambda: add.expand(z=[1]), TypeError, "unexpected keyword arguments ['z']"),
        (lambda: add.expand(x=5), ValueError, "unexpected type for the keyword argument 'x' (int)"),
        (lambda: add.partial(x=1).expand(x=[1]), TypeError, "were given already: ['x']"),
        (lambda: BashOperator.partial(task_id="t", wrong=1), TypeError, "unexpected keyword arguments ['wrong']"),
        (
            lambda: BashOperator.partial(task_id="t").expand(start_date=[1]),
            ValueError,
            "cannot map over ['start_date']",
        ),
        (lambda: BashOperator.partial(task_id="t").expand_kwargs(5), TypeError, "expected XComArg or list[dict]"),
        (lambda: add.expand_kwargs([1]), TypeError, "add.expand_kwargs(): expected XComArg or list[dict], not a list"),
        (lambda: add.expand(ti=[1]), ValueError, "add.expand() got variables of the task's context: ['ti']"),
        (lambda: numbers().map(add), ValueError, "map() over what task 'numbers' returns takes a plain function"),
        (lambda: numbers()["k"].map(str), ValueError, "map() goes over what task 'numbers' returns, not over key 'k'"),
        (lambda: numbers()["k"].zip(numbers()), ValueError, "zip() goes over what task 'numbers' returns"),
        (lambda: numbers()["k"].concat(numbers()), ValueError, "concat() goes over what task 'numbers' returns"),
    ],
)
def test_wrong_mapping_is_named(dag: DAG, make: Any, error: type[Exception], message: str) -> None:
    with dag, pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)


def test_over_long_map_names_file_dag_task_and_length(dag: DAG) -> None:
    with dag:
        add.expand(x=list(range(1025)))
    with pytest.raises(DagSpecError) as caught:
        serialize_dag(dag, "file.py")
    assert str(caught.value) == "file.py: DAG 'd': task 'add' maps over 1025 items; core.max_map_length is 1024"


def test_mapping_over_another_key_is_refused(dag: DAG) -> None:
    with dag:
        source: Any = numbers()
        add.expand(x=source["part"])
    with pytest.raises(DagSpecError, match="cannot map over XCom with custom key 'part'"):
        serialize_dag(dag, "file.py")


def test_whoever_uses_an_argument_of_a_mapped_group_comes_after_what_it_is_mapped_over(dag: DAG) -> None:
    @task_group
    def group(x: Any) -> None:
        add.override(task_id="second")(add.override(task_id="first")(1), [x])

    with dag:
        group.expand(x=numbers())
    _, tasks = spec_of(dag)
    assert tasks["group.second"].upstream_task_ids == ("group.first", "numbers")


def test_setup_and_teardown(dag: DAG) -> None:
    with dag:
        begin, work, end = (EmptyOperator(task_id=name) for name in ("begin", "work", "end"))
        chain(begin, work, end.as_teardown(setups=begin, on_failure_fail_dagrun=True))
    _, tasks = spec_of(dag)
    assert tasks["begin"].is_setup
    assert (tasks["end"].is_teardown, tasks["end"].on_failure_fail_dagrun) == (True, True)
    assert tasks["end"].trigger_rule is TriggerRule.ALL_DONE_SETUP_SUCCESS
    assert tasks["end"].upstream_task_ids == ("begin", "work")


def test_scope_of_a_teardown(dag: DAG) -> None:
    @setup
    def begin() -> str:
        return "cluster"

    @teardown
    def end(_cluster: Any) -> None: ...

    with dag, end(begin()):
        chain(EmptyOperator(task_id="first"), EmptyOperator(task_id="second"))
        EmptyOperator(task_id="beside")
    _, tasks = spec_of(dag)
    assert {task_id: spec.upstream_task_ids for task_id, spec in tasks.items()} == {
        "begin": (),
        "first": ("begin",),
        "second": ("first",),
        "beside": ("begin",),
        "end": ("begin", "beside", "second"),
    }


def test_blocks_of_setups_and_teardowns_are_joined_as_airflow_joins_them(dag: DAG) -> None:
    with dag:
        first, second, third, fourth, before, added = (
            EmptyOperator(task_id=name) for name in ("first", "second", "third", "fourth", "before", "added")
        )
        EmptyOperator(task_id="end_first").as_teardown(setups=first)
        EmptyOperator(task_id="end_second").as_teardown(setups=second)
        EmptyOperator(task_id="end_both").as_teardown(setups=[third, fourth])
        with first as scope:
            EmptyOperator(task_id="work")
            chain(before, EmptyOperator(task_id="has_upstream"))
            add.expand(x=[1])
            scope.add_task(added)
            with second:
                EmptyOperator(task_id="inside")
            EmptyOperator(task_id="too_late")
        with ContextWrapper([third, fourth]):
            EmptyOperator(task_id="for_both")
    _, tasks = spec_of(dag)
    assert {task_id: spec.upstream_task_ids for task_id, spec in tasks.items() if spec.upstream_task_ids} == {
        "added": ("first",),
        "second": ("first",),
        "work": ("first",),
        "has_upstream": ("before",),
        "inside": ("second",),
        "for_both": ("fourth", "third"),
        "end_first": ("added", "end_second", "first", "has_upstream", "work"),
        "end_second": ("inside", "second"),
        "end_both": ("for_both", "fourth", "third"),
    }


def test_tasks_are_added_inside_of_a_block_only(dag: DAG) -> None:
    with dag:
        begin = EmptyOperator(task_id="begin").as_setup()
        with begin as scope:
            EmptyOperator(task_id="work")
        with pytest.raises(AirflowException, match="only inside of it"):
            scope.add_task(EmptyOperator(task_id="late"))
        end = EmptyOperator(task_id="end").as_teardown()
        with pytest.raises(ValueError, match="not of both: 'begin, end'"):
            ContextWrapper([begin, end]).__enter__()


def test_a_teardown_has_its_own_trigger_rule(dag: DAG) -> None:
    @teardown
    def end(x: Any = None) -> None: ...

    made: Any = end
    with dag, pytest.raises(ValueError, match="task 'end' is a teardown, whose trigger rule cannot be set: 'all_done'"):
        made.override(trigger_rule="all_done")()
    with dag, pytest.raises(ValueError, match="is a teardown, whose trigger rule cannot be set"):
        made.override(task_id="mapped", trigger_rule="all_done").expand(x=[1])


def test_a_teardown_keeps_what_its_decorator_says(dag: DAG) -> None:
    @teardown(on_failure_fail_dagrun=True)
    def end() -> None: ...

    with dag:
        made: Any = end()
        made.as_teardown()
    assert dag.task_dict["end"].on_failure_fail_dagrun


def test_only_setups_and_teardowns_have_a_scope(dag: DAG) -> None:
    with dag, pytest.raises(ValueError, match="Only setup/teardown tasks can be used as a context manager, not 't'"):
        EmptyOperator(task_id="t").__enter__()


def test_what_comes_after_a_group_does_not_wait_for_its_teardowns(dag: DAG) -> None:
    with dag:
        with TaskGroup("group") as group:
            begin, work, last, end, end_of_all = (
                EmptyOperator(task_id=name) for name in ("begin", "work", "last", "end", "end_of_all")
            )
            chain(begin, work, end.as_teardown(setups=begin), end_of_all.as_teardown(setups=begin))
            chain(work, last)
        chain(group, EmptyOperator(task_id="after"))
        with TaskGroup("only") as only:
            chain(EmptyOperator(task_id="alone"), EmptyOperator(task_id="tidy").as_teardown())
        chain(only, EmptyOperator(task_id="next"))
    _, tasks = spec_of(dag)
    assert tasks["after"].upstream_task_ids == ("group.last",)
    assert tasks["next"].upstream_task_ids == ("only.alone",)


def test_an_empty_group_hands_on_what_comes_before_it(dag: DAG) -> None:
    with dag:
        with TaskGroup("empty") as empty:
            pass
        with TaskGroup("outer"):
            EmptyOperator(task_id="member")
            with TaskGroup("inner") as inner:
                pass
        chain(EmptyOperator(task_id="before"), empty, EmptyOperator(task_id="after"))
        chain(inner, EmptyOperator(task_id="behind"))
    _, tasks = spec_of(dag)
    assert tasks["after"].upstream_task_ids == ("before",)
    assert tasks["behind"].upstream_task_ids == ("outer.member",)


def test_a_label_between_groups_joins_the_group_that_was_named_first(dag: DAG) -> None:
    with dag:
        outside = EmptyOperator(task_id="outside")
        with TaskGroup("group"):
            first, second, third = (EmptyOperator(task_id=name) for name in ("first", "second", "third"))
        chain(first, Label("inside"), second)
        chain(first, Label("out"), outside)
        label = Label("in")
        label.set_downstream(third)
        label.set_upstream(EmptyOperator(task_id="other"))
    _, tasks = spec_of(dag)
    assert {task_id: spec.upstream_task_ids for task_id, spec in tasks.items()} == {
        "group.first": ("other",),
        "group.second": ("group.first",),
        "group.third": ("other",),
        "outside": ("group.second", "group.third"),
        "other": (),
    }
