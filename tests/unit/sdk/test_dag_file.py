"""Loading DAG files."""

import os
import sys
from pathlib import Path

import pytest

from tests.unit.sdk.conftest import LoadSource
from tradewind.sdk.dag_file import DagFileError, load_dag_file


def test_dags_are_found_in_order(load: LoadSource) -> None:
    loaded = load("""
        from airflow.sdk import DAG, dag
        def make():
            with DAG("inside_a_function"):
                pass
        make()
        top_level = DAG("top_level")
        with DAG("not_registered", auto_register=False):
            pass
        @dag
        def decorated(): ...
        decorated()
        """)
    # The unregistered one has a name of its own nowhere.
    assert list(loaded.dags) == ["inside_a_function", "decorated", "top_level"]
    assert loaded.dags["top_level"].fileloc == str(loaded.path)
    assert loaded.dags["decorated"].fileloc == str(loaded.path)


def test_dags_of_imported_modules_are_found(load: LoadSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "makers.py").write_text("from airflow.sdk import DAG\nwith DAG('from_module'):\n    pass\n")
    assert list(load("import makers").dags) == ["from_module"]
    sys.modules.pop("makers")


def test_plugins_can_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "my_plugin.py").write_text("NAME = 'from_plugin'")
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "file.py").write_text("import my_plugin\nfrom tradewind.sdk import DAG\ndag = DAG(my_plugin.NAME)\n")
    assert list(load_dag_file(folder / "file.py", folder).dags) == ["from_plugin"]
    sys.modules.pop("my_plugin")


def test_files_of_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    names: list[str] = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "same.py"
        path.write_text(f"VALUE = {folder!r}")
        names.append(load_dag_file(path, tmp_path).module_name)
    assert names[0] != names[1]
    assert [getattr(sys.modules[name], "VALUE") for name in names] == ["a", "b"]  # noqa: B009 - of a module made here


def test_two_dags_of_one_id_are_refused(load: LoadSource) -> None:
    with pytest.raises(DagFileError, match="two different DAGs have the id 'x'"):
        load("from airflow.sdk import DAG\na = DAG('x')\nb = DAG('x')\n")


def test_error_shows_the_authors_frames_only(load: LoadSource, tmp_path: Path) -> None:
    with pytest.raises(DagFileError) as caught:
        load("""
            from airflow.sdk import DAG
            from airflow.providers.standard.operators.bash import BashOperator
            def build():
                BashOperator(task_id="a b", bash_command="true")
            with DAG("d"):
                build()
            """)
    text = str(caught.value)
    assert text.count(f'File "{tmp_path / "file.py"}"') == 2
    assert text.count('File "') == 2
    error, *notes = text.splitlines()[-3:]
    assert error.startswith("ValueError: The task_id 'a b'")
    assert notes == ["while task 'a b' of DAG 'd' was made", "in DAG 'd'"]


def test_chained_errors_are_stripped_too(load: LoadSource, tmp_path: Path) -> None:
    with pytest.raises(DagFileError) as caught:
        load("""
            from airflow.sdk import DAG
            try:
                DAG("a b")
            except ValueError as exc:
                raise RuntimeError("no DAG") from exc
            """)
    text = str(caught.value)
    assert "ValueError: The dag_id 'a b'" in text
    assert "direct cause" in text
    assert all(str(tmp_path) in line for line in text.splitlines() if line.strip().startswith("File"))


def test_syntax_error_shows_the_line(load: LoadSource) -> None:
    with pytest.raises(DagFileError, match=r"line 2[\s\S]*def broken\([\s\S]*SyntaxError"):
        load("\ndef broken(\n")


def test_exit_at_import_is_an_error(load: LoadSource) -> None:
    with pytest.raises(DagFileError, match="SystemExit: 3"):
        load("import sys\nsys.exit(3)\n")


def test_failed_file_leaves_no_module_and_no_active_dag(load: LoadSource) -> None:
    before = set(sys.modules)
    with pytest.raises(DagFileError):
        load("from airflow.sdk import DAG\nDAG('d').__enter__()\nraise ValueError\n")
    assert not [name for name in set(sys.modules) - before if name.startswith("tradewind_dag_")]
    assert list(load("from airflow.sdk import DAG\nwith DAG('e'):\n    pass\n").dags) == ["e"]


def test_name_that_does_not_exist_is_named(load: LoadSource) -> None:
    with pytest.raises(DagFileError, match=r"ImportError: cannot import name 'NoSuchName' from 'airflow\.sdk'"):
        load("from airflow.sdk import NoSuchName")
    with pytest.raises(DagFileError, match=r"ModuleNotFoundError: No module named 'airflow\.providers\.amazon'"):
        load("import airflow.providers.amazon.aws")


def test_airflow_home_is_set_for_commands(load: LoadSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND__HOME", "/somewhere")
    monkeypatch.delenv("AIRFLOW_HOME", raising=False)
    load("")
    assert os.environ["AIRFLOW_HOME"] == "/somewhere"
    monkeypatch.setenv("AIRFLOW_HOME", "/chosen")
    load("")
    assert os.environ["AIRFLOW_HOME"] == "/chosen"
