"""Plugins and authors' own priority strategies."""

import logging
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tradewind.sdk import DAG, aliases, macros
from tradewind.sdk.dag_file import load_dag_file
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
    for name in [name for name in sys.modules if name.startswith("tradewind_test_")]:
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
