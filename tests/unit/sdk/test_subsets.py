"""Parts of DAGs, and the order of what is in them."""

import logging
from pathlib import Path

import pytest

from tradewind.sdk import DAG, TaskGroup, task
from tradewind.sdk.exceptions import AirflowDagCycleException, NodeNotFound
from tradewind.sdk.node import DAGNode
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.operators.empty import EmptyOperator


def _dag() -> DAG:
    """setup → a → group(b → c) → d, with a teardown of the setup after d; and one task aside."""
    with DAG("d") as dag:
        begin = EmptyOperator(task_id="begin").as_setup()
        first, last = EmptyOperator(task_id="a"), EmptyOperator(task_id="d")
        with TaskGroup("group") as group:
            EmptyOperator(task_id="b").set_downstream(EmptyOperator(task_id="c"))
        end = EmptyOperator(task_id="end").as_teardown(setups=begin)
        EmptyOperator(task_id="aside")
        begin.set_downstream(first)
        first.set_downstream(group)
        group.set_downstream(last)
        last.set_downstream(end)
    return dag


@pytest.mark.parametrize(
    ("task_ids", "flags", "kept"),
    [
        ("group.c", {}, ["begin", "a", "group.b", "group.c", "end"]),
        (["group.c"], {"include_upstream": False}, ["begin", "group.c", "end"]),
        (
            ["a"],
            {"include_upstream": False, "include_downstream": True},
            ["begin", "a", "d", "group.b", "group.c", "end"],
        ),
        (["d"], {"depth": 1}, ["d", "group.c"]),
        (["d"], {"depth": 1, "include_direct_upstream": True}, ["d", "group.b", "group.c"]),
        ("aside", {}, ["aside"]),
        ("group", {"include_upstream": False}, ["begin", "group.b", "group.c", "end"]),
        ("begin", {"include_upstream": False}, ["begin", "end"]),
        (["group.b", "d"], {"include_downstream": True}, ["begin", "a", "d", "group.b", "group.c", "end"]),
    ],
)
def test_subset_has_what_is_around(task_ids: str | list[str], flags: dict[str, bool], kept: list[str]) -> None:
    dag = _dag()
    part = dag.partial_subset(task_ids, **flags)
    assert sorted(part.task_ids) == sorted(kept)
    for member in part.tasks:
        assert member.upstream_task_ids <= set(part.task_ids)
        assert member.dag is part


def test_subset_is_a_dag_of_its_own() -> None:
    dag = _dag()
    part = dag.partial_subset(["group.b"], include_upstream=False)
    assert part.task_ids == ["begin", "group.b", "end"]
    assert list(part.task_group_dict) == ["group"]
    assert [member.task_id for member in part.task_group_dict["group"]] == ["group.b"]
    part.validate()
    assert len(dag.tasks) == 7, "the DAG itself is as it was"
    assert dag.get_task("group.b").downstream_task_ids == {"group.c"}
    with pytest.raises(ValueError, match="depth must be non-negative, not -1"):
        dag.partial_subset("a", depth=-1)


def test_order_keeps_groups_together() -> None:
    dag = _dag()
    assert [member.node_id for member in dag.topological_sort()] == [
        "begin",
        "a",
        "group.b",
        "group.c",
        "aside",
        "d",
        "end",
    ]
    assert [child.node_id for child in dag.task_group.topological_sort()][2:] == [
        "group",
        "aside",
        "d",
        "end",
    ]
    assert [child.node_id for child in dag.task_group.hierarchical_alphabetical_sort()][:2] == ["group", "a"]
    group = dag.task_group_dict["group"]
    assert [node.node_id for node in (*group.get_roots(), *group.get_leaves())] == ["group.b", "group.c"]
    assert list(dag.task_group.get_task_group_dict()) == [None, "group"]


def test_cycle_is_an_error_that_names_tasks() -> None:
    with DAG("d") as dag:
        one, two = EmptyOperator(task_id="one"), EmptyOperator(task_id="two")
        one.set_downstream(two)
        two.set_downstream(one)
    with pytest.raises(AirflowDagCycleException, match="dag: d: one, two"):
        dag.topological_sort()
    with pytest.raises(AirflowDagCycleException, match="one -> two -> one"):
        dag.check_cycle()


def test_relatives_at_most_so_far() -> None:
    start: DAGNode = _dag().get_task("a")
    assert start.get_flat_relative_ids(upstream=False, depth=2) == {"group.b", "group.c"}
    assert start.get_flat_relative_ids(upstream=False, depth=0) == set()


def test_nodes_are_looked_up_and_joined_by_id() -> None:
    dag = _dag()
    assert dag["group"] is dag.task_group_dict["group"]
    assert dag["a"] is dag.get_task("a")
    assert (dag.has_task_group("group"), dag.has_task_group("a")) == (True, False)
    assert [teardown.task_id for teardown in dag.teardowns] == ["end"]
    dag.set_dependency("aside", "a")
    assert "aside" in dag.get_task("a").upstream_task_ids
    with pytest.raises(NodeNotFound, match="'nobody' not found in DAG d"):
        dag["nobody"]


def test_dag_has_a_decorator_of_its_own() -> None:
    dag = DAG("d")

    @dag.task
    def plain() -> int:
        return 1

    @dag.task(retries=3)
    def with_options() -> int:
        return 2

    plain()
    with_options()
    assert {each.task_id: each.retries for each in dag.tasks} == {"plain": 0, "with_options": 3}
    assert task is not dag.task


def test_dry_run_says_what_would_be_rendered(caplog: pytest.LogCaptureFixture) -> None:
    with DAG("d"):
        bash = BashOperator(task_id="t", bash_command="echo {{ ds }}")
    with caplog.at_level(logging.INFO):
        bash.dry_run()
    assert "echo {{ ds }}" in caplog.messages


def test_template_files_are_read_where_they_are_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "there.sh").write_text("echo there")
    with DAG("d", template_searchpath=str(tmp_path)) as dag:
        there = BashOperator(task_id="there", bash_command="there.sh")
        BashOperator(task_id="gone", bash_command="gone.sh")
    dag.resolve_template_files()
    assert there.bash_command == "echo there"
    assert "Failed to resolve template files of task gone" in caplog.text
