"""`@task`, `@dag`, `@task_group` and groups."""
# pyright: reportUnusedExpression=false
# (`a >> b` is an edge)

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.sdk.conftest import LoadSource
from tradewind.sdk import DAG, TaskGroup, XComArg, dag, result, task, task_group
from tradewind.sdk.exceptions import DuplicateTaskIdFound
from tradewind.sdk.operators.empty import EmptyOperator

if TYPE_CHECKING:
    from pathlib import Path


def _ids(dag: DAG) -> dict[str, set[str]]:
    return {task.task_id: task.upstream_task_ids for task in dag.tasks}


@task
def one() -> int:
    """Gives one."""
    return 1


@task(retries=2, multiple_outputs=True)
def two(value: object) -> Any:
    return {"value": value}


def test_call_makes_a_task_and_a_reference() -> None:
    with DAG("d") as made:
        reference = one()
    assert isinstance(reference, XComArg)
    operator = made.get_task("one")
    assert (operator.doc_md, operator.operator_name, operator.multiple_outputs) == ("Gives one.", "@task", False)


def test_arguments_make_edges() -> None:
    with DAG("d") as made:
        two(one())
    assert _ids(made) == {"one": set(), "two": {"one"}}
    assert (made.get_task("two").retries, made.get_task("two").multiple_outputs) == (2, True)


def test_further_calls_get_a_suffix() -> None:
    with DAG("d") as made:
        for _ in range(3):
            one()
        one.override(task_id="other__1")()
        one.override(task_id="other__1")()
    assert made.task_ids == ["one", "one__1", "one__2", "other__1", "other__2"]


def test_override_leaves_the_original_alone() -> None:
    changed = one.override(task_id="uno", retries=4)
    with DAG("d") as made:
        one()
        changed()
    assert [(t.task_id, t.retries) for t in made.tasks] == [("one", 0), ("uno", 4)]


def test_function_can_still_be_called_plainly() -> None:
    assert one.function() == 1
    assert one.__name__ == "one"


def test_mapping_annotation_means_multiple_outputs() -> None:
    @task
    def a() -> dict[str, int]:
        return {}

    @task
    def b() -> "dict[str, Any]":
        return {}

    @task
    def c() -> "Path":
        return Path()

    @task(multiple_outputs=False)
    def d() -> dict[str, int]:
        return {}

    assert [f.multiple_outputs for f in (a, b, c, d)] == [True, True, False, False]  # pyright: ignore[reportUnknownVariableType]


def test_arguments_are_checked_when_called() -> None:
    with DAG("d"):
        with pytest.raises(TypeError, match="missing required argument\\(s\\): 'value'"):
            two()  # pyright: ignore[reportCallIssue] - the point
        with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
            one(colour=1)  # pyright: ignore[reportCallIssue] - the point


def test_context_keys_need_not_be_given() -> None:
    @task
    def with_context(ti: Any, value: object, ds: str | None = None) -> None: ...

    with DAG("d") as made:
        with_context(value=1)  # pyright: ignore[reportCallIssue] - `ti` is filled in
    assert made.task_ids == ["with_context"]


def test_context_key_with_a_default_is_refused() -> None:
    @task
    def wrong(ds: str = "2021-01-01") -> None: ...

    with DAG("d"), pytest.raises(ValueError, match="Context key parameter ds"):
        wrong()


def test_default_args_fill_function_arguments() -> None:
    with DAG("d", default_args={"value": 5}) as made:
        two()  # pyright: ignore[reportCallIssue] - filled in
    assert getattr(made.get_task("two"), "op_kwargs") == {"value": 5}  # noqa: B009 - of the operator behind


def test_methods_and_non_functions_are_refused() -> None:
    with pytest.raises(TypeError, match="does not support methods"):
        task(lambda self: None)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType] - the point
    with pytest.raises(TypeError, match="use named arguments"):
        task("name")  # pyright: ignore[reportArgumentType, reportCallIssue] - the point


def test_unknown_decorator_is_named() -> None:
    with pytest.raises(AttributeError, match=r"@task\.docker is not available"):
        _ = task.docker


def test_dag_function_makes_a_dag() -> None:
    @dag(schedule=None, tags=["x"])
    def pipeline(limit: int = 5) -> None:
        """What it does."""
        two(limit)

    made = pipeline(limit=7)
    assert (made.dag_id, made.doc_md, made.tags) == ("pipeline", "What it does.", {"x"})
    assert made.params.dump() == {"limit": 7}
    assert made.fileloc == __file__


def test_bare_dag_decorator() -> None:
    @dag
    def pipeline() -> None:
        one()

    assert pipeline().task_ids == ["one"]


def test_dag_function_takes_an_id() -> None:
    @dag("named")
    def first() -> None: ...

    @dag(dag_id="named_too")
    def second() -> None: ...

    assert (first().dag_id, second().dag_id) == ("named", "named_too")


def test_group_prefixes_ids_and_carries_edges() -> None:
    with DAG("d") as made:
        start, end = EmptyOperator(task_id="start"), EmptyOperator(task_id="end")
        with TaskGroup("g") as group:
            a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
            with TaskGroup("inner"):
                EmptyOperator(task_id="c")
            a >> b
        start >> group >> end
    assert _ids(made) == {
        "start": set(),
        "end": {"g.b", "g.inner.c"},
        "g.a": {"start"},
        "g.b": {"g.a"},
        "g.inner.c": {"start"},
    }
    assert b.label == "b"


def test_edges_between_groups() -> None:
    with DAG("d") as made:
        with TaskGroup("g") as first:
            EmptyOperator(task_id="a")
        with TaskGroup("h") as second:
            EmptyOperator(task_id="b")
        first >> second
    assert _ids(made) == {"g.a": set(), "h.b": {"g.a"}}


def test_empty_group_passes_edges_on() -> None:
    with DAG("d") as made:
        a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
        with TaskGroup("nothing") as group:
            pass
        a >> group >> b
    assert _ids(made) == {"a": set(), "b": {"a"}}


def test_group_without_prefix_and_with_defaults() -> None:
    with (
        DAG("d", default_args={"retries": 1}) as made,
        TaskGroup("g", prefix_group_id=False, default_args={"retries": 3}),
    ):
        EmptyOperator(task_id="a")
    assert [(t.task_id, t.retries) for t in made.tasks] == [("a", 3)]


def test_group_id_is_used_once() -> None:
    with DAG("d"):
        TaskGroup("g")
        with pytest.raises(DuplicateTaskIdFound, match="'g'"):
            TaskGroup("g")
        with pytest.raises(DuplicateTaskIdFound, match="'g'"):
            EmptyOperator(task_id="g")
        assert TaskGroup("g", add_suffix_on_collision=True).group_id == "g__1"


def test_group_needs_a_dag() -> None:
    with pytest.raises(RuntimeError, match="inside a dag"):
        TaskGroup("g")


def test_group_id_with_a_dot_is_refused() -> None:
    with DAG("d"), pytest.raises(ValueError, match="group_id"):
        TaskGroup("a.b")


def test_group_function_makes_a_group_for_each_call() -> None:
    @task_group
    def section(value: object) -> XComArg:
        return two(value)

    @task_group(group_id="quiet", prefix_group_id=False)
    def silent() -> None:
        one()

    with DAG("d") as made:
        result = section(1)
        section(result)
        assert isinstance(silent(), TaskGroup)
    assert _ids(made) == {"section.two": set(), "section__1.two": {"section.two"}, "one": set()}


def test_conditions_are_asked_before_a_task_begins(load: LoadSource) -> None:
    dag = load("""
        from airflow.sdk import DAG, task, result
        with DAG("d", params={"go": False}) as dag:
            @task.run_if(lambda context: context["params"]["go"])
            @task
            def never(): raise AssertionError
            @task.run_if(lambda context: (False, "not today"), skip_message="unused")
            @task.bash
            def told(): raise AssertionError
            @task.skip_if(lambda context: context["ti"].map_index == 0, skip_message="the first is skipped")
            @task(pre_execute=lambda context: context["ti"].xcom_push("seen", 1))
            def mapped(n): return n
            @result
            @task.skip_if(lambda context: False)
            @task
            def last(): return "result"
            never(), told(), mapped.expand(n=[1, 2]), last()
    """).dags["d"]
    run = dag.test()
    assert run.states() == {
        "never": "skipped",
        "told": "skipped",
        "last": "success",
        "mapped[0]": "skipped",
        "mapped[1]": "success",
    }
    errors = {ti.task_id: ti.error for ti in run.get_task_instances(state="skipped")}
    assert errors == {
        "never": "AirflowSkipException: Task was skipped due to condition.",
        "told": "AirflowSkipException: not today",
        "mapped": "AirflowSkipException: the first is skipped",
    }
    assert run.get_task_instance("mapped", map_index=1).xcom_pull(key="seen") == 1
    assert [task_id for task_id, each in dag.task_dict.items() if each.returns_dag_result] == ["last"]


def test_what_a_dag_function_returns_is_its_result(load: LoadSource) -> None:
    dags = load("""
        from airflow.sdk import dag, task
        @task
        def one(): return {"a": 1}
        @dag
        def plain(): return one()
        @dag
        def item(): return one()["a"]
        plain(), item()
    """).dags
    assert [dag.get_task("one").returns_dag_result for dag in dags.values()] == [True, False]
    with pytest.raises(ValueError, match="Only plain return value"):
        dags["plain"].add_result(dags["plain"].get_task("one").output["a"])


@pytest.mark.parametrize("name", ["run_if", "skip_if"])
def test_conditions_stand_above_a_task(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} can only be used with task"):
        getattr(task, name)(bool)(len)
    with pytest.raises(TypeError, match="@result must be used on top"):
        result(len)  # pyright: ignore[reportArgumentType, reportUnknownArgumentType] - authors err


@task.branch
def chooses() -> str:
    return "one"


@task.bash
def says(word: str) -> str:
    return f"echo {word}"


@task.sensor
def looks() -> bool:
    return True


def test_decorated_tasks_are_of_the_types_that_clients_look_for() -> None:
    with DAG("d") as made:
        one(), chooses(), looks()
        says.expand(word=["a", "b"])
    assert {each.task_id: (each.task_type, each.operator_name) for each in made.tasks} == {
        "one": ("_PythonDecoratedOperator", "@task"),
        "chooses": ("_BranchPythonDecoratedOperator", "@task.branch"),
        "looks": ("DecoratedSensorOperator", "@task.sensor"),
        "says": ("_BashDecoratedOperator", "@task.bash"),
    }
