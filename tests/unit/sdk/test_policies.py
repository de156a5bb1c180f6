"""Policies of a deployment: `airflow_local_settings.py` and plugins."""

import sys
from collections.abc import Callable, Generator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tradewind.sdk import aliases
from tradewind.sdk.dag_bag import DagBag
from tradewind.sdk.dag_file import DagFileError, import_timeout_of, load_dag_file
from tradewind.sdk.entry_points import installed_groups
from tradewind.sdk.exceptions import AirflowClusterPolicyError
from tradewind.sdk.policies import Policies, hookimpl, policies
from tradewind.sdk.serialize import serialize_dag

FILE = """
from airflow.sdk import DAG, BaseOperator
with DAG("first", tags=["team-a"]):
    BaseOperator(task_id="low"), BaseOperator(task_id="high", queue="big", retries=2)
    BaseOperator(task_id="above") >> BaseOperator(task_id="below")
with DAG("second"):
    BaseOperator(task_id="any")
"""

Write = Callable[[str], Path]


@pytest.fixture
def deployment(tmp_path: Path) -> Generator[Write]:
    """Writes `airflow_local_settings.py`; the DAGs folder beside it has one file. Nothing of it is left afterwards."""

    def write(text: str) -> Path:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "airflow_local_settings.py").write_text(dedent(text))
        folder = tmp_path / "dags"
        folder.mkdir()
        (folder / "file.py").write_text(FILE)
        return folder

    path = list(sys.path)
    policies.cache_clear()
    installed_groups.cache_clear()
    yield write
    policies.cache_clear()
    installed_groups.cache_clear()
    sys.modules.pop("airflow_local_settings", None)
    sys.path[:] = path
    aliases.uninstall()


def test_dags_and_tasks_are_changed(deployment: Write) -> None:
    folder = deployment("""
        from airflow.exceptions import AirflowClusterPolicySkipDag
        def dag_policy(dag):
            dag.tags.add("checked")
            if dag.dag_id == "second": raise AirflowClusterPolicySkipDag("not here")
        def task_policy(task):
            task.owner = f"owner of {task.task_id}"
            if task.queue == "big": task.execution_timeout = None; task.pool_slots = 3
        def task_instance_mutation_hook(ti):
            if ti.task_id == "low": ti.queue, ti.priority_weight = "slow", 7
            if ti.task_id == "high": ti.max_tries = ti.max_tries + 3
        def another(): raise AssertionError
    """)
    loaded = load_dag_file(folder / "file.py", folder)
    assert (list(loaded.dags), loaded.refused) == (["first"], {})
    spec = serialize_dag(loaded.dags["first"], "file.py")
    assert spec.tags == ("checked", "team-a")
    low, high, above = (next(t for t in spec.tasks if t.task_id == name) for name in ("low", "high", "above"))
    assert (low.queue, low.priority_weight, low.owner) == ("slow", 7, "owner of low")
    assert (high.queue, high.pool_slots, high.retries) == ("big", 3, 5)
    assert above.priority_weight == 2


def test_violation_refuses_one_dag_and_names_it(deployment: Write) -> None:
    folder = deployment("""
        from airflow.exceptions import AirflowClusterPolicyViolation
        def task_policy(task):
            if not task.dag.tags:
                raise AirflowClusterPolicyViolation(f"DAG {task.dag_id} has no tags")
    """)
    bag = DagBag(folder, bundle_path=folder)
    assert bag.dag_ids == ["first"]
    assert bag.import_errors == {
        "file.py": "file.py: DAG 'second': AirflowClusterPolicyViolation: DAG second has no tags"
    }


def test_policy_that_fails_and_settings_that_do(deployment: Write) -> None:
    folder = deployment("def dag_policy(dag): return 1 / 0")
    assert load_dag_file(folder / "file.py", folder).refused["first"] == (
        "file.py: DAG 'first': AirflowClusterPolicyError: ZeroDivisionError: division by zero"
    )
    policies.cache_clear()
    installed_groups.cache_clear()
    sys.modules.pop("airflow_local_settings")
    (folder.parent / "config" / "airflow_local_settings.py").write_text("import nothing_there")
    with pytest.raises(DagFileError, match="policies of this deployment cannot be loaded"):
        load_dag_file(folder / "file.py", folder)


def test_installed_plugins_take_part_and_local_settings_come_first(deployment: Write, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "policies-1.0.dist-info").mkdir(parents=True)
    (site / "policies-1.0.dist-info" / "entry_points.txt").write_text("[airflow.policy]\nthe = the_policies\n")
    (site / "policies-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: policies\nVersion: 1.0\n")
    (site / "the_policies.py").write_text(
        "from airflow.policies import hookimpl\n"
        "@hookimpl\ndef task_policy(task): task.owner += ' plugin'\n"
        "@hookimpl\ndef get_airflow_context_vars(context): return {'by': 'plugin'}\n"
        "def dag_policy(dag): raise AssertionError('not marked')\n"
    )
    sys.path.append(str(site))
    folder = deployment("""
        def task_policy(task): task.owner = "local"
        def get_airflow_context_vars(context): return {"team": "a", "AIRFLOW_CTX_X": "y"} if context else None
    """)
    loaded = load_dag_file(folder / "file.py", folder)
    assert loaded.dags["second"].get_task("any").owner == "local plugin"
    rules = policies()
    assert rules.context_vars({"a": 1}) == {"team": "a", "AIRFLOW_CTX_X": "y"}
    assert rules.context_vars({}) == {"by": "plugin"}
    sys.modules.pop("the_policies")


def test_tasks_see_the_context_variables(deployment: Write) -> None:
    folder = deployment("def get_airflow_context_vars(context): return {'team': context['ti'].task_id}")
    (folder / "file.py").write_text(
        "import os\nfrom airflow.sdk import dag, task\n@dag\ndef seen():\n    @task\n"
        "    def look(): return os.environ['AIRFLOW_CTX_TEAM']\n    look()\nseen()\n"
    )
    run = load_dag_file(folder / "file.py", folder).dags["seen"].test()
    assert run.get_task_instance("look").xcom_pull() == "look"


@pytest.mark.parametrize("wrong", [{1: "a"}, {"a": 1}])
def test_context_variables_are_texts(wrong: Any) -> None:
    def answer(context: Any) -> Any:
        return wrong

    rules = Policies([{"get_airflow_context_vars": answer}])
    with pytest.raises(TypeError, match="must be string"):
        rules.context_vars({})


def test_pods_and_arguments_by_other_names() -> None:
    def change(the_pod: dict[str, int]) -> None:
        the_pod["changed"] = 1

    def hook(dag_run: Any, task_instance: Any) -> None:
        assert dag_run is None
        task_instance.queue = "found"

    pod: dict[str, int] = {}
    rules = Policies([{"pod_mutation_hook": change, "task_instance_mutation_hook": hookimpl(hook)}])
    rules.mutate_pod(pod)
    assert pod == {"changed": 1}
    assert rules.has("task_instance_mutation_hook")
    assert not rules.has("dag_policy")


def test_hook_that_tells_tries_apart_is_told_that_it_is_not_followed(caplog: pytest.LogCaptureFixture) -> None:
    from tradewind.sdk import DAG, BaseOperator

    def hook(task_instance: Any) -> None:
        task_instance.queue = "big" if task_instance.try_number else "small"

    with DAG("d") as dag:
        tasks = [BaseOperator(task_id="again", retries=2), BaseOperator(task_id="once")]
    assert Policies([{"task_instance_mutation_hook": hook}]).apply(dag)

    assert [task.queue for task in tasks] == ["small", "small"]
    [record] = caplog.records
    message = "wants queue 'big' for retries of task again in DAG d: they have 'small' like the first"
    assert record.getMessage() == f"task_instance_mutation_hook {message}"


def test_policy_error_tells_what_went_wrong() -> None:
    from tradewind.sdk import DAG

    def refuse(dag: DAG) -> None:
        raise KeyError("owner")

    with pytest.raises(AirflowClusterPolicyError, match="KeyError: 'owner'"):
        Policies([{"dag_policy": refuse}]).apply(DAG("d"))


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [("90", 90.0), ("0", 86_400.0), ("-1.5", 86_400.0), ("None", None), ("'soon'", None), ("1 / 0", None)],
)
def test_how_long_a_file_may_take(deployment: Write, answer: str, seconds: float | None) -> None:
    folder = deployment(f"""
        def get_dagbag_import_timeout(path):
            return {answer} if path.endswith("slow.py") else None
    """)
    assert import_timeout_of(folder / "slow.py", folder) == seconds
    assert import_timeout_of(folder / "file.py", folder) is None


def test_a_timeout_that_is_no_number_is_named() -> None:
    def soon(dag_file_path: str) -> str:
        return "soon"

    rules = Policies([{"get_dagbag_import_timeout": soon}])
    with pytest.raises(TypeError, match=r"get_dagbag_import_timeout\('x.py'\) must be a number, not str: 'soon'"):
        rules.import_timeout("x.py")
