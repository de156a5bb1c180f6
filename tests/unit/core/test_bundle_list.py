"""The list of bundles: what is wrong with all of it is an error, what is wrong with one concerns that one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.core.bundle_list import (
    DEFAULT_LIST,
    GIT_CLASSPATH,
    LOCAL_CLASSPATH,
    SETTING,
    BrokenBundle,
    GitBundle,
    InvalidBundleList,
    LocalBundle,
    is_repository_url,
    parse_bundle_list,
)

AIRFLOW_EXAMPLE = """
[
      {
        "name": "my-git-repo",
        "classpath": "airflow.providers.git.bundles.git.GitDagBundle",
        "kwargs": {
          "subdir": "dags/",
          "tracking_ref": "main",
          "git_conn_id": "git_default",
          "refresh_interval": 0
        }
      },
      {"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}}
]
"""


def item(name: str = "team", classpath: str = GIT_CLASSPATH, **kwargs: Any) -> dict[str, Any]:
    return {"name": name, "classpath": classpath, "kwargs": kwargs}


def only(entry: dict[str, Any]) -> object:
    (bundle,) = parse_bundle_list(json.dumps([entry]))
    return bundle


def test_lists_are_written_as_airflow_has_them() -> None:
    git, local = parse_bundle_list(AIRFLOW_EXAMPLE)
    assert git == GitBundle(
        name="my-git-repo",
        tracking_ref="main",
        subdir="dags",
        git_conn_id="git_default",
        repo_url=None,
        submodules=False,
        refresh_interval_seconds=0.0,
    )
    assert local == LocalBundle(name="dags-folder", path=None, refresh_interval_seconds=None)
    assert parse_bundle_list(DEFAULT_LIST) == (local,)
    assert only(
        item("x", LOCAL_CLASSPATH, path="/srv", refresh_interval=2.5, view_url_template="https://h")
    ) == LocalBundle(name="x", path="/srv", refresh_interval_seconds=2.5)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[", "is not JSON"),
        ('{"name": "x"}', "must be a JSON list"),
        ("[]", "names no bundle"),
        ("[1]", "bundle 1 must be an object"),
        (json.dumps([item(), item()]), "'team' more than once"),
        (json.dumps([item("example_dags")]), "'example_dags' is reserved"),
        (json.dumps([item(".hidden")]), "'.hidden'"),
        (json.dumps([item("a/b")]), "'a/b'"),
        (json.dumps([{"classpath": GIT_CLASSPATH, "kwargs": {}}]), "bundle 1: the name must be"),
        (json.dumps([{"name": "x", "kwargs": {}}]), "'x') has no classpath"),
        (json.dumps([{"name": "x", "classpath": GIT_CLASSPATH}]), "'x'): kwargs must be an object"),
        (json.dumps([{**item(), "team_name": "a"}]), "team_name"),
        (json.dumps([{**item(), "kwarg": {}}]), "'kwarg'; known are name, classpath, kwargs"),
    ],
)
def test_a_list_that_cannot_be_read_names_the_setting_and_the_place(text: str, part: str) -> None:
    with pytest.raises(InvalidBundleList) as caught:
        parse_bundle_list(text)
    assert SETTING in str(caught.value)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "part"),
    [
        (item(classpath="no.such.Bundle"), "'no.such.Bundle' is unknown; known are airflow.dag"),
        (item(repo_url="https://host/x.git"), "tracking_ref is missing"),
        (item(tracking_ref="main"), "git_conn_id or repo_url is needed"),
        (item(tracking_ref="--upload-pack=evil", repo_url="/x"), "no name of a branch"),
        (item(tracking_ref="a..b", repo_url="/x"), "no name of a branch"),
        (item(tracking_ref="a:b", repo_url="/x"), "no name of a branch"),
        (item(tracking_ref="main", repo_url="--upload-pack=evil"), "repo_url is no URL"),
        (item(tracking_ref="main", repo_url="ext::sh -c evil"), "repo_url is no URL"),
        (item(tracking_ref="main", repo_url="/x", subdir="../y"), "'../y' leaves the repository"),
        (item(tracking_ref="main", repo_url="/x", subdirectory="y"), "'subdirectory' is unknown; known are tracking"),
        (item(tracking_ref="main", repo_url="/x", submodules="yes"), "submodules must be true or false"),
        (item(tracking_ref="main", repo_url="/x", refresh_interval=-1), "refresh_interval must be a number"),
        (item(tracking_ref="main", repo_url="/x", refresh_interval=True), "refresh_interval must be a number"),
        (item(tracking_ref=1, repo_url="/x"), "tracking_ref must be a text"),
        (item(classpath=LOCAL_CLASSPATH, tracking_ref="main"), "'tracking_ref' is unknown; known are path"),
    ],
)
def test_what_is_wrong_with_one_bundle_leaves_the_others_alone(entry: dict[str, Any], part: str) -> None:
    broken, local = parse_bundle_list(json.dumps([entry, item("dags-folder", LOCAL_CLASSPATH)]))
    assert isinstance(broken, BrokenBundle)
    assert broken.name == "team"
    assert "'team'" in broken.error
    assert part in broken.error
    assert SETTING in broken.error
    assert isinstance(local, LocalBundle)


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "kwargs"]), inner, max_size=3),
    max_leaves=8,
)


@given(
    name=_JSON | st.just("team"),
    classpath=st.sampled_from([GIT_CLASSPATH, LOCAL_CLASSPATH, "x"]),
    kwargs=_JSON | st.fixed_dictionaries({"tracking_ref": _JSON, "repo_url": _JSON}),
)
def test_whatever_is_written_there_is_an_answer(name: Any, classpath: str, kwargs: Any) -> None:
    text = json.dumps([{"name": name, "classpath": classpath, "kwargs": kwargs}])
    try:
        (bundle,) = parse_bundle_list(text)
    except InvalidBundleList:
        return
    if isinstance(bundle, GitBundle):
        assert not bundle.tracking_ref.startswith("-")
        assert bundle.repo_url is not None
        assert is_repository_url(bundle.repo_url)
