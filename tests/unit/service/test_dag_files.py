from pathlib import Path, PurePosixPath

import pytest

from tradewind.service.dag_files import IgnoreRules, Syntax, is_dag_file_name, may_contain_dag


def rules_of(folder: Path, text: str, syntax: Syntax = "glob") -> IgnoreRules:
    (folder / ".airflowignore").write_text(text)
    return IgnoreRules(syntax).within(folder, PurePosixPath())


@pytest.mark.parametrize("name", ["etl.py", "_private.py", "a.b.py"])
def test_python_files_are_dag_files(name: str) -> None:
    assert is_dag_file_name(name)


@pytest.mark.parametrize(
    "name", [".etl.py", ".#etl.py", "#etl.py#", "etl.py~", ".etl.py.swp", "flycheck_etl.py", "etl.pyc", "etl.txt"]
)
def test_hidden_and_temporary_files_are_not(name: str) -> None:
    assert not is_dag_file_name(name)


@pytest.mark.parametrize(
    "content",
    [
        b"from airflow.sdk import dag",
        b"import AIRFLOW\nDaG = 1",
        b"from tradewind.sdk import DAG",
        b"from airflow.sdk import Asset",
    ],
)
def test_safe_mode_takes_files_with_both_words(content: bytes) -> None:
    assert may_contain_dag(content)


@pytest.mark.parametrize("content", [b"", b"import airflow", b"dag = 1", b"asset = 1"])
def test_safe_mode_leaves_files_with_one_word(content: bytes) -> None:
    assert not may_contain_dag(content)


@pytest.mark.parametrize(
    ("path", "is_folder", "expected"),
    [
        ("helpers.py", False, True),
        ("deep/down/helpers.py", False, True),
        ("tests", True, True),
        ("tests", False, False),
        ("top.py", False, True),
        ("deep/top.py", False, False),
        ("tmp_one.py", False, True),
        ("tmp_keep.py", False, False),
        ("etl.py", False, False),
    ],
)
def test_glob_rules_are_gitignores(tmp_path: Path, path: str, is_folder: bool, expected: bool) -> None:
    rules = rules_of(tmp_path, "helpers.py  # not DAGs\ntests/\n/top.py\ntmp_*\n!tmp_keep.py\n\n# nothing\n")
    assert rules.ignore(PurePosixPath(path), is_folder=is_folder) is expected


def test_rules_of_a_folder_hold_below_it_and_overrule_those_above(tmp_path: Path) -> None:
    inner = tmp_path / "team"
    inner.mkdir()
    (inner / ".airflowignore").write_text("!shared_*\n/local.py\n")
    above = rules_of(tmp_path, "shared_*\n")
    assert above.ignore(PurePosixPath("shared_a.py"), is_folder=False)
    rules = above.within(inner, PurePosixPath("team"))
    assert not rules.ignore(PurePosixPath("team/shared_a.py"), is_folder=False)
    assert rules.ignore(PurePosixPath("team/local.py"), is_folder=False)


def test_regexp_rules_search_the_path_inside_the_dags_folder(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, "project_a\ntenant_[0-9]\n", "regexp")
    assert rules.ignore(PurePosixPath("project_a_dag_1.py"), is_folder=False)
    assert rules.ignore(PurePosixPath("x/tenant_1.py"), is_folder=False)
    assert not rules.ignore(PurePosixPath("tenant_a.py"), is_folder=False)


@pytest.mark.parametrize("syntax", ["glob", "regexp"])
def test_a_wrong_rule_is_reported_and_the_others_hold(
    tmp_path: Path, syntax: Syntax, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = "(" if syntax == "regexp" else "!"
    rules = rules_of(tmp_path, f"{wrong}\nother", syntax)
    assert rules.ignore(PurePosixPath("other"), is_folder=False)
    assert "ignore_rule.invalid" in capsys.readouterr().out
