"""`import airflow` means Tradewind where it was asked for, and nowhere else."""

import subprocess
import sys
from collections.abc import Generator
from importlib import import_module
from pathlib import Path

import pytest

import tradewind.sdk
from tradewind.sdk import aliases
from tradewind.sdk.airflow import names


@pytest.fixture(autouse=True)
def _installed() -> Generator[None]:  # pyright: ignore[reportUnusedFunction] - autouse
    aliases.install()
    yield
    aliases.uninstall()


@pytest.mark.parametrize(
    ("alias", "original"),
    [
        ("airflow.models.DAG", "tradewind.sdk.DAG"),
        ("airflow.DAG", "tradewind.sdk.DAG"),
        ("airflow.sdk.DAG", "tradewind.sdk.DAG"),
        ("airflow.models.dag.DAG", "tradewind.sdk.DAG"),
        ("airflow.models.baseoperator.chain", "tradewind.sdk.chain"),
        ("airflow.decorators.task", "tradewind.sdk.task"),
        ("airflow.operators.bash.BashOperator", "tradewind.sdk.operators.bash.BashOperator"),
        ("airflow.providers.standard.operators.bash.BashOperator", "tradewind.sdk.operators.bash.BashOperator"),
        ("airflow.providers.standard.operators.python.PythonOperator", "tradewind.sdk.operators.python.PythonOperator"),
        ("airflow.operators.dummy.DummyOperator", "tradewind.sdk.operators.empty.EmptyOperator"),
        ("airflow.exceptions.AirflowSkipException", "tradewind.sdk.exceptions.AirflowSkipException"),
        ("airflow.sdk.exceptions.AirflowSkipException", "tradewind.sdk.exceptions.AirflowSkipException"),
        ("airflow.utils.trigger_rule.TriggerRule", "tradewind.sdk.TriggerRule"),
        ("airflow.utils.task_group.TaskGroup", "tradewind.sdk.TaskGroup"),
        ("airflow.utils.state.State", "tradewind.sdk.state.State"),
        ("airflow.hooks.base.BaseHook", "tradewind.sdk.BaseHook"),
        ("airflow.configuration.conf", "tradewind.sdk.conf"),
        ("airflow.models.param.Param", "tradewind.sdk.Param"),
        ("airflow.macros.ds_add", "tradewind.sdk.macros.ds_add"),
        ("airflow.security.permissions.ACTION_CAN_READ", "tradewind.sdk.permissions.ACTION_CAN_READ"),
        (
            "airflow.sdk.execution_time.task_runner.RuntimeTaskInstance",
            "tradewind.task_runner.attempt.task_instance.RuntimeTaskInstance",
        ),
    ],
)
def test_objects_are_the_same_by_every_path(alias: str, original: str) -> None:
    module, _, name = alias.rpartition(".")
    place, _, own = original.rpartition(".")
    assert getattr(import_module(module), name) is getattr(import_module(place), own)


def test_every_alias_leads_somewhere() -> None:
    for alias in names.TABLES:
        module = import_module(alias)
        for name in names.names_in(alias):
            place = names.origin_of(alias, name)
            is_foreign = place is not None and place[0].startswith("airflow.")
            assert is_foreign or hasattr(module, name), f"{alias}.{name}"
    for alias in names.WHOLE:
        assert import_module(alias).__name__ == alias


def test_everything_declared_is_exported() -> None:
    assert sorted(names.names_in("airflow.sdk")) == sorted(tradewind.sdk.__all__)


def test_version_is_airflows() -> None:
    assert import_module("airflow").__version__ == "3.3.2"


def test_submodules_can_be_imported_by_attribute() -> None:
    scope: dict[str, object] = {}
    exec("from airflow.sdk.definitions import dag\nimport airflow.utils.state\nx = airflow.utils.state", scope)
    assert getattr(scope["dag"], "DAG", None) is tradewind.sdk.DAG


def test_star_import_gives_the_table() -> None:
    scope: dict[str, object] = {}
    exec("from airflow.decorators import *", scope)
    assert scope["task"] is tradewind.sdk.task


def test_missing_names_are_named() -> None:
    with pytest.raises(ImportError, match=r"cannot import name 'Nothing' from 'airflow\.sdk'"):
        exec("from airflow.sdk import Nothing")
    with pytest.raises(ImportError, match=r"cannot import name 'Nothing' from 'tradewind\.sdk'"):
        exec("from tradewind.sdk import Nothing")
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'airflow\.jobs'"):
        import_module("airflow.jobs.job")


def test_wins_over_an_installed_airflow(tmp_path: Path) -> None:
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow" / "__init__.py").write_text("__version__ = 'the real one'")
    script = "import airflow; print(airflow.__version__)"
    own = "from tradewind.sdk import aliases; aliases.install(); "
    environment = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin"}

    def run(code: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert run(own + script) == "3.3.2"
    assert run("import tradewind.sdk; " + script) == "the real one"
    assert run("import airflow; " + own + script) == "3.3.2"


def test_operators_of_provider_packages_keep_their_older_names(tmp_path: Path) -> None:
    with pytest.raises(ImportError, match=r"airflow\.providers\.smtp"):
        exec("from airflow.operators.email import EmailOperator")
    package = tmp_path / "airflow" / "providers" / "smtp" / "operators"
    package.mkdir(parents=True)
    (package / "smtp.py").write_text("class EmailOperator: pass")
    code = "from tradewind.sdk import aliases; aliases.install()\nfrom airflow.operators.email import EmailOperator\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print(EmailOperator.__module__)"],
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "airflow.providers.smtp.operators.smtp", done.stderr
