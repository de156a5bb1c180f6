"""DAG files in ZIP archives."""

import sys
from collections.abc import Generator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tradewind.sdk import aliases
from tradewind.sdk.dag_bag import DagBag
from tradewind.sdk.dag_file import DagFileError, load_dag_file
from tradewind.service.dag_files import iterate_dag_files, may_hold_dags

MAIN = """
from airflow.sdk import DAG, task
from airflow.providers.standard.operators.bash import BashOperator
from package.words import WORD
with DAG("zipped", template_searchpath=[]):
    @task
    def say(): return WORD
    say()
    BashOperator(task_id="script", bash_command="scripts/hello.sh", params={"word": WORD})
"""
INNER = """
from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator
def make():
    with DAG("made_inside") as dag:
        BashOperator(task_id="script", bash_command="inner.sh")
    return dag
"""
FILES = {
    "main_dags.py": MAIN,
    "other.py": "from airflow.sdk import DAG\nfrom package.inner import make\nmade = make()\n",
    "broken.py": "import airflow  # dag\nvalue = 1 / 0\n",
    "helper.py": "raise AssertionError",
    "package/__init__.py": "",
    "package/words.py": "WORD = 'hello'",
    "package/inner.py": INNER,
    "package/inner.sh": "echo inner",
    "scripts/hello.sh": "echo {{ params.word }} of {{ dag.dag_id }}",
}


def pack(path: Path, files: dict[str, str] = FILES) -> Path:
    with ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Generator[Path]:
    """A DAGs folder; what is imported from it is forgotten afterwards."""
    before, path = dict(sys.modules), list(sys.path)
    yield tmp_path
    for name in [name for name in sys.modules if name not in before]:
        del sys.modules[name]
    sys.path[:] = path
    aliases.uninstall()


def test_modules_at_the_top_are_imported_with_what_the_archive_holds(folder: Path) -> None:
    path = pack(folder / "packed.zip")
    loaded = load_dag_file(path, folder)
    assert list(loaded.dags) == ["zipped", "made_inside"]
    assert loaded.dags["zipped"].fileloc == f"{path}/main_dags.py"
    assert list(loaded.refused) == ["packed.zip/broken.py"]
    assert "ZeroDivisionError" in loaded.refused["packed.zip/broken.py"]


def test_templates_lie_in_the_archive(folder: Path) -> None:
    loaded = load_dag_file(pack(folder / "packed.zip"), folder)
    run = loaded.dags["zipped"].test()
    assert run.states() == {"say": "success", "script": "success"}
    assert run.get_task_instance("script").xcom_pull() == "hello of zipped"
    run = loaded.dags["made_inside"].test()
    assert run.get_task_instance("script").xcom_pull() == "inner"


def test_template_that_is_not_there_is_named(folder: Path) -> None:
    path = pack(folder / "packed.zip", {name: text for name, text in FILES.items() if name != "scripts/hello.sh"})
    run = load_dag_file(path, folder).dags["zipped"].test()
    assert "scripts/hello.sh" in run.get_task_instance("script").error


def test_an_archive_that_was_packed_anew_is_read_anew(folder: Path) -> None:
    path = pack(folder / "packed.zip", {"one.py": "from airflow.sdk import DAG\nDAG('first')\n"})
    assert list(load_dag_file(path, folder).dags) == []
    del sys.modules["one"]
    pack(path, {"two.py": "from airflow.sdk import DAG\nmade = DAG('second')\n" + "# longer\n" * 50})
    assert list(load_dag_file(path, folder).dags) == ["second"]


def test_a_module_of_the_same_name_elsewhere_is_no_hindrance(folder: Path) -> None:
    text = "from airflow.sdk import DAG\nmade = DAG('{}')\n"
    first = pack(folder / "first.zip", {"same.py": text.format("first")})
    second = pack(folder / "second.zip", {"same.py": text.format("second")})
    assert list(load_dag_file(first, folder).dags) == ["first"]
    assert list(load_dag_file(second, folder).dags) == ["second"]


def test_archives_are_found_by_what_they_hold(folder: Path) -> None:
    pack(folder / "packed.zip")
    pack(folder / "nothing.zip", {"readme.txt": "airflow dag", "inside/dags.py": MAIN, "plain.py": "x = 1"})
    (folder / "broken.zip").write_bytes(b"no archive")
    assert [path.name for path in iterate_dag_files(folder)] == ["broken.zip", "packed.zip"]
    assert may_hold_dags("x.py", b"import airflow; dag")
    bag = DagBag(folder)
    assert sorted(bag.dags) == ["made_inside", "zipped"]
    errors = {Path(name).name: text for name, text in bag.import_errors.items()}
    assert errors["broken.zip"].startswith("broken.zip cannot be read as an archive")
    assert "ZeroDivisionError" in errors["packed.zip"]
    with pytest.raises(DagFileError, match="cannot be read as an archive"):
        load_dag_file(folder / "broken.zip", folder)
