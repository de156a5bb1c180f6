"""Mapped groups and skips in whole runs: what is joined index by index, and what those outside are given."""

from collections.abc import Callable, Generator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tradewind.sdk import aliases
from tradewind.sdk.dag_file import load_dag_file

HEAD = """
from airflow.sdk import DAG, task, task_group
@task
def act(x=None): return x
@task
def fails(x=None): raise ValueError(x)
@task.branch
def pick(x): return "g.left" if x else "g.right"
@task.short_circuit
def go_on(x): return x
with DAG("d"):
"""

Try = Callable[[str], Any]


@pytest.fixture
def tried(tmp_path: Path) -> Generator[Try]:
    def try_dag(body: str) -> Any:
        path = tmp_path / "file.py"
        path.write_text(HEAD + dedent(body).replace("\n", "\n    "))
        (dag,) = load_dag_file(path, tmp_path).dags.values()
        return dag.test()

    yield try_dag
    aliases.uninstall()


def states(run: Any, *names: str) -> list[str]:
    return [run.states()[name] for name in names]


def test_a_branch_in_a_mapped_group_chooses_for_its_own_index(tried: Try) -> None:
    run = tried("""
        @task_group
        def g(x):
            pick(x) >> [act.override(task_id="left")(x), act.override(task_id="right")(x)]
        g.expand(x=[1, 0])
    """)
    assert states(run, "g.left[0]", "g.left[1]", "g.right[0]", "g.right[1]") == [
        "success",
        "skipped",
        "skipped",
        "success",
    ]


def test_a_mapped_short_circuit_has_nothing_skipped(tried: Try) -> None:
    run = tried("""
        many = go_on.expand(x=[1, 0])
        many >> [act.override(task_id="plain")(1), act.override(task_id="mapped").expand(x=[1, 2])]
    """)
    assert states(run, "go_on[1]", "plain", "mapped[0]", "mapped[1]") == ["success"] * 4


def test_a_short_circuit_reaches_everything_behind_it_mapped_or_not(tried: Try) -> None:
    run = tried("""
        @task_group
        def g(x):
            act(x) >> act.override(task_id="far", trigger_rule="all_done")(x)
        mapped = g.expand(x=[1, 2])
        go_on(0) >> mapped
    """)
    assert states(run, "go_on", "g.act[0]", "g.act[1]", "g.far[0]", "g.far[1]") == ["success", *["skipped"] * 4]


def test_setups_of_a_mapped_group_are_for_their_own_index(tried: Try) -> None:
    run = tried("""
        @task
        def begin(x):
            assert x
        @task
        def end(): pass
        @task_group
        def g(x):
            first = begin(x).as_setup()
            later = act.override(task_id="later", trigger_rule="all_done")(x)
            first >> act(x) >> later >> end().as_teardown(setups=first)
        g.expand(x=[1, 0])
    """)
    assert states(run, *(f"g.{name}[0]" for name in ("begin", "act", "later", "end"))) == ["success"] * 4
    assert states(run, *(f"g.{name}[1]" for name in ("begin", "act", "later", "end"))) == [
        "failed",
        "upstream_failed",
        "upstream_failed",
        "upstream_failed",
    ]


@pytest.mark.parametrize(("over", "given"), [("[]", None), ("[7]", 7), ("[7, 8]", [7, 8])])
def test_what_a_mapped_group_returns_is_given_as_airflow_gives_it(tried: Try, over: str, given: object) -> None:
    run = tried(f"""
        @task_group
        def g(x): return act(x)
        act.override(task_id="outside", trigger_rule="all_done")(g.expand(x={over}))
    """)
    assert run.get_task_instance("outside").xcom_pull() == given


def test_what_can_run_at_a_time_has_run_before_anything_is_decided(tried: Try) -> None:
    run = tried("""
        act.override(task_id="both")([act.override(task_id="a")(1), fails()])
        skips = go_on.override(task_id="skips")(0)
        act.override(task_id="either", trigger_rule="one_done")(act.override(task_id="b")(1)) << skips
    """)
    assert states(run, "both", "either") == ["upstream_failed", "skipped"]
