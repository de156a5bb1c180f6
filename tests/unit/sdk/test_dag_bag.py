"""`DagBag`, as authors use it in their own tests."""

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tradewind.sdk import aliases
from tradewind.sdk.dag_bag import DagBag

GOOD = "from airflow.sdk import DAG, task\nwith DAG('{0}'):\n    @task\n    def one(): return '{0}'\n    one()\n"
CYCLE = """
from airflow.sdk import DAG, BaseOperator
with DAG("fine"):
    BaseOperator(task_id="only")
with DAG("round"):
    a, b = BaseOperator(task_id="a"), BaseOperator(task_id="b")
    a >> b >> a
"""


@pytest.fixture(autouse=True)
def _aliases() -> Generator[None]:  # pyright: ignore[reportUnusedFunction] - autouse
    yield
    aliases.uninstall()


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".py").write_text(text)


def test_dags_errors_and_ignored_files(tmp_path: Path) -> None:
    write(tmp_path, good=GOOD.format("good"), team__other=GOOD.format("other"), old__gone="airflow dag 1/0")
    write(tmp_path, broken="import airflow  # dag\nvalue = 1 / 0\n", cycle=CYCLE, helper="1 / 0")
    write(tmp_path, twice=GOOD.format("good"))
    (tmp_path / ".airflowignore").write_text("old/\n")
    bag = DagBag(tmp_path)
    assert bag.dag_ids == ["fine", "good", "other"]
    assert bag.size() == 3
    dag = bag.get_dag("other")
    assert dag is not None
    assert dag.fileloc == str(tmp_path / "team" / "other.py")
    assert dag.test().get_task_instance("one").xcom_pull() == "other"
    assert bag.get_dag("nothing") is None
    errors = {Path(name).name: text for name, text in bag.import_errors.items()}
    assert sorted(errors) == ["broken.py", "cycle.py", "twice.py"]
    assert "ZeroDivisionError" in errors["broken.py"]
    assert "'round': the tasks depend on each other in a cycle: a -> b -> a" in errors["cycle.py"]
    assert f"also found in {tmp_path / 'good.py'}" in errors["twice.py"]
    assert "good.py" in bag.dagbag_report()


def test_one_file_and_changes(tmp_path: Path) -> None:
    write(tmp_path, good=GOOD.format("good"), other=GOOD.format("other"))
    bag = DagBag(tmp_path / "good.py")
    assert bag.dag_ids == ["good"]
    assert bag.process_file(tmp_path / "good.py") == []
    assert [dag.dag_id for dag in bag.process_file(tmp_path / "good.py", only_if_updated=False)] == ["good"]
    assert bag.process_file(tmp_path / "nothing.py") == []
    assert DagBag(tmp_path, collect_dags=False).dags == {}


def test_names_inside_a_bundle_syntax_and_safe_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, team__broken="1 / 0", skip_me="1 / 0")
    (tmp_path / ".airflowignore").write_text("skip_[a-z]+\n")
    monkeypatch.setenv("AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX", "regexp")
    assert DagBag(tmp_path, bundle_path=tmp_path).import_errors == {}
    bag = DagBag(tmp_path, safe_mode=False, bundle_path=tmp_path)
    assert list(bag.import_errors) == ["team/broken.py"]


def test_warnings_are_kept(tmp_path: Path) -> None:
    write(tmp_path, good=f"import warnings\nwarnings.warn('old style', DeprecationWarning)\n{GOOD.format('good')}")
    bag = DagBag(tmp_path)
    (warned,) = bag.captured_warnings[str(tmp_path / "good.py")]
    assert warned.endswith("DeprecationWarning: old style")


OWN_TESTS = """
import pytest
from pathlib import Path
from airflow.models import DagBag

@pytest.fixture(scope="session")
def bag():
    return DagBag(Path(__file__).parent / "dags", include_examples=False)

def test_imports(bag):
    assert bag.import_errors == {}
    assert set(bag.dags) == {"good"}

def test_run(bag):
    run = bag.get_dag("good").test()
    assert run.state == "success"
    assert run.get_task_instance("one").xcom_pull() == "good"
"""


def test_a_test_suite_of_authors(tmp_path: Path) -> None:
    write(tmp_path / "dags", good=GOOD.format("good"))
    (tmp_path / "test_own.py").write_text(OWN_TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tradewind.sdk.pytest_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_bag_says_which_pools_are_unknown_and_reads_template_files(tmp_path: Path) -> None:
    (tmp_path / "hello.sh").write_text("echo {{ ds }}")
    (tmp_path / "dags.py").write_text(
        "from airflow.sdk import DAG\n"
        "from airflow.providers.standard.operators.bash import BashOperator\n"
        "with DAG('d'):\n"
        "    BashOperator(task_id='t', bash_command='hello.sh', pool='unknown')\n"
    )
    (tmp_path / "quiet.py").write_text("x = 1")
    bag = DagBag(tmp_path, known_pools={"default_pool"}, bundle_path=tmp_path, bundle_name="ours")
    assert [tuple(warning) for warning in bag.dag_warnings] == [
        ("d", "non-existent pool", "Dag 'd' references non-existent pools: ['unknown']")
    ]
    assert DagBag(tmp_path).dag_warnings == set()
    assert getattr(bag.dags["d"].get_task("t"), "bash_command", None) == "echo {{ ds }}"
    assert [(stat.file, stat.bundle_path, stat.bundle_name) for stat in bag.dagbag_stats] == [
        ("dags.py", tmp_path, "ours")
    ]
    assert bag.process_file(tmp_path / "quiet.py") == []
    assert str(tmp_path / "quiet.py") not in bag.file_last_changed, "safe mode leaves it alone"
