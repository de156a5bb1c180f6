"""Plugins and authors' own priority strategies."""

import logging
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tradewind.sdk import DAG, aliases, macros
from tradewind.sdk.dag_file import load_dag_file
from tradewind.sdk.entry_points import installed_groups
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.plugins import FOLDER_VARIABLE, load_plugins
from tradewind.sdk.priority_strategy import PriorityWeightStrategy
from tradewind.sdk.serialize import DagSpecError, serialize_dag

PLUGIN = """
from airflow.plugins_manager import AirflowPlugin
from airflow.task.priority_strategy import PriorityWeightStrategy
def twice(x): return 2 * x
class Decreasing(PriorityWeightStrategy):
    def get_weight(self, ti): return 10 - ti.try_number
class Plugin(AirflowPlugin):
    name = "tradewind_test_team"
    macros = [twice]
    priority_weight_strategies = [Decreasing]
"""
DAG_FILE = """
from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator
with DAG("d"):
    BashOperator(task_id="t", bash_command="x", retries=2, weight_rule="tradewind_test_plugin.Decreasing")
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield folder
    aliases.uninstall()
    for name in [name for name in sys.modules if "tradewind_test_" in name]:
        del sys.modules[name]
    if hasattr(macros, "tradewind_test_team"):
        delattr(macros, "tradewind_test_team")


def test_plugin_is_there_for_dag_files(plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(plugins))
    (plugins / "tradewind_test_plugin.py").write_text(PLUGIN)
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "file.py").write_text(DAG_FILE)
    loaded = load_dag_file(dags / "file.py", dags)
    own: Any = vars(macros)["tradewind_test_team"]
    assert own.twice(4) == 8
    (spec,) = serialize_dag(loaded.dags["d"], "file.py").tasks
    assert (spec.priority_weight, spec.try_weights) == (9, (9, 8, 7))
    assert spec.weight_rule == "tradewind_test_plugin.Decreasing"


def test_broken_plugin_is_logged_and_left_out(plugins: Path, caplog: pytest.LogCaptureFixture) -> None:
    (plugins / "tradewind_test_broken.py").write_text("raise RuntimeError('no')")
    sys.path.append(str(plugins))
    with caplog.at_level(logging.ERROR, logger="tradewind.plugins"):
        assert load_plugins(plugins) == []
    assert "tradewind_test_broken.py cannot be used" in caplog.text


def _plugin(name: str) -> str:
    return f"""
from airflow.plugins_manager import AirflowPlugin
class P(AirflowPlugin):
    name = "{name}"
    @classmethod
    def on_load(cls): print("loaded", cls.name)
"""


def test_plugins_are_found_further_in_and_in_modules_that_others_import(
    plugins: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    aliases.install()
    sys.path.append(str(plugins))
    package = plugins / "tradewind_test_package"
    package.mkdir()
    (package / "__init__.py").write_text(_plugin("tradewind_test_of_package"))
    (package / "inner.py").write_text(_plugin("tradewind_test_inner"))
    (plugins / "tradewind_test_a.py").write_text("import tradewind_test_b\nfrom tradewind_test_package.inner import P")
    (plugins / "tradewind_test_b.py").write_text(_plugin("tradewind_test_b"))
    (plugins / "tradewind_test_ignored.py").write_text("raise RuntimeError('never imported')")
    (plugins / "json.py").write_text(_plugin("tradewind_test_json"))
    (plugins / ".airflowignore").write_text("tradewind_test_ignored.py\n")
    found = [plugin.name for plugin in load_plugins(plugins)]
    assert sorted(map(str, found)) == ["tradewind_test_b", "tradewind_test_inner", "tradewind_test_of_package"]
    assert capsys.readouterr().out.count("loaded") == 3
    assert load_plugins(plugins) == [], "each is taken in once"
    assert "the name 'json' is taken by" in caplog.text
    assert "never imported" not in caplog.text


def test_macros_of_plugins_are_modules(plugins: Path, tmp_path: Path) -> None:
    aliases.install()
    sys.path.append(str(plugins))
    (plugins / "tradewind_test_plugin.py").write_text(PLUGIN)
    load_plugins(plugins)
    scope: dict[str, Any] = {}
    exec("from airflow.macros.tradewind_test_team import twice\nfrom airflow.sdk import macros", scope)
    assert scope["twice"](4) == scope["macros"].tradewind_test_team.twice(4) == 8


def test_installed_packages_bring_plugins(
    plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    aliases.install()
    site = tmp_path / "site"
    info = site / "tradewind_test_dist-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tradewind-test-dist\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[airflow.plugins]\none = tradewind_test_installed:P\nnone = tradewind_test_nowhere:P\n"
    )
    (site / "tradewind_test_installed.py").write_text(_plugin("tradewind_test_installed"))
    sys.path.append(str(site))
    installed_groups.cache_clear()
    assert [plugin.name for plugin in load_plugins(plugins)] == ["tradewind_test_installed"]
    assert "plugin tradewind_test_nowhere:P cannot be used" in caplog.text
    installed_groups.cache_clear()


class Failing(PriorityWeightStrategy):
    def get_weight(self, ti: Any) -> int:
        raise KeyError(ti.task_id)


def test_strategy_that_fails_is_named() -> None:
    with DAG("d") as dag:
        BashOperator(task_id="t", bash_command="x", weight_rule=Failing())
    with pytest.raises(DagSpecError, match=r"file.py: DAG 'd': task 't': weight_rule .*Failing: KeyError\('t'\)"):
        serialize_dag(dag, "file.py")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("no.such.Strategy", "weight_rule 'no.such.Strategy' cannot be imported"),
        ("os.path", "weight_rule 'os.path' is neither a rule nor a PriorityWeightStrategy"),
        ("upwards", "weight_rule of task 't' of DAG 'd' must be one of"),
    ],
)
def test_strategy_that_is_none_is_named(rule: str, message: str) -> None:
    with DAG("d"), pytest.raises(ValueError, match=message):
        BashOperator(task_id="t", bash_command="x", weight_rule=rule)
