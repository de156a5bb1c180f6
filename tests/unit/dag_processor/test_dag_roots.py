import json
from pathlib import Path

import pytest

from tradewind.core.bundle_list import GIT_CLASSPATH, LOCAL_CLASSPATH
from tradewind.core.errors import ConfigError, NotFound
from tradewind.service.dag_roots import DagRoot, dag_roots, resolve_dag_file
from tradewind.service.settings import ServiceSettings, load_settings

ROOTS = (DagRoot(Path("/dags")), DagRoot(Path("/lib/examples"), ".example_dags/"))


def test_names_resolve_by_their_prefix() -> None:
    assert resolve_dag_file(ROOTS, "team/a.py") == (Path("/dags/team/a.py"), Path("/dags"))
    assert resolve_dag_file(ROOTS, ".example_dags/a.py") == (Path("/lib/examples/a.py"), Path("/lib/examples"))


@pytest.mark.parametrize("root", ROOTS)
def test_a_name_resolves_to_the_path_it_was_made_from(root: DagRoot) -> None:
    path = root.folder / "deep" / "b.py"
    assert resolve_dag_file(ROOTS, root.name_of(path)) == (path, root.folder)


@pytest.mark.parametrize(
    "name", ["", "../secret.py", "a/../../b.py", "/etc/passwd", ".example_dags/../../x.py", ".other/a.py"]
)
def test_names_cannot_leave_their_root(name: str) -> None:
    with pytest.raises(NotFound):
        resolve_dag_file(ROOTS, name)


def configured(monkeypatch: pytest.MonkeyPatch, text: str, prefix: str = "TRADEWIND") -> ServiceSettings:
    monkeypatch.setenv(f"{prefix}__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", text)
    return load_settings(ServiceSettings)


def test_without_a_list_there_is_the_dags_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND__CORE__DAGS_FOLDER", "/srv/dags")
    assert dag_roots(load_settings(ServiceSettings)) == (DagRoot(Path("/srv/dags")),)


@pytest.mark.parametrize("prefix", ["TRADEWIND", "AIRFLOW"])
def test_each_bundle_with_a_folder_is_a_root(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    git = {"name": "git", "classpath": GIT_CLASSPATH, "kwargs": {"tracking_ref": "main", "repo_url": "/repo"}}
    team = {"name": "team", "classpath": LOCAL_CLASSPATH, "kwargs": {"path": "/srv/team"}}
    roots = dag_roots(configured(monkeypatch, json.dumps([git, team]), prefix))
    assert roots == (DagRoot(Path("/srv/team"), ".team/", "team"),)
    assert resolve_dag_file(roots, ".team/a.py").path == Path("/srv/team/a.py")
    with pytest.raises(NotFound, match="'dags-folder'"):
        resolve_dag_file(roots, "a.py")


def test_our_name_of_the_list_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    team = {"name": "team", "classpath": LOCAL_CLASSPATH, "kwargs": {"path": "/srv/team"}}
    configured(monkeypatch, "[", "AIRFLOW")
    assert [root.bundle_name for root in dag_roots(configured(monkeypatch, json.dumps([team])))] == ["team"]


def test_a_list_that_cannot_be_read_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="TRADEWIND__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST is not JSON"):
        dag_roots(configured(monkeypatch, "[{"))
