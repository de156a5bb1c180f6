"""What older DAG files, plugins and authors' tests import beside the authoring API."""

import logging
import os
import subprocess
from collections.abc import Callable, Generator
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tradewind.sdk import DAG, DagRunState, TaskInstanceState, aliases
from tradewind.sdk.commands import execute_in_subprocess, patch_environ
from tradewind.sdk.cycles import check_cycle
from tradewind.sdk.dag_paths import correct_maybe_zipped, list_py_file_paths, might_contain_dag, open_maybe_zipped
from tradewind.sdk.exceptions import AirflowDagCycleException, DagRunAlreadyExists, FileSyntaxError
from tradewind.sdk.hosts import get_hostname
from tradewind.sdk.iterables import as_flattened_list, chunks, is_container, partition
from tradewind.sdk.no_database import DagRun, create_session, provide_session
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.resources import Resources
from tradewind.sdk.state import State
from tradewind.sdk.strings import convert_camel_to_snake

IMPORTS = """
from airflow import DAG, Asset, Dataset
from airflow.decorators.base import TaskDecoratorCollection
from airflow.exceptions import AirflowBadRequest, ConnectionNotUnique, DagRunAlreadyExists, DagRunNotFound, PoolNotFound
from airflow.io import attach, get_fs
from airflow.io.storage import attach
from airflow.io.typedef import Properties
from airflow.lineage import hook
from airflow.lineage.hook import get_hook_lineage_collector
from airflow.macros import ds_format_locale
from airflow.models import BaseOperatorLink, BaseXCom, DagModel, DagRun, MappedOperator, Pool, SkipMixin, TaskInstance
from airflow.models.abstractoperator import DEFAULT_OWNER, DEFAULT_QUEUE, AbstractOperator, TaskStateChangeCallback
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.operator import Operator
from airflow.models.taskinstance import TaskInstance, TaskInstanceKey, clear_task_instances
from airflow.models.taskmixin import DAGNode
from airflow.operators.smooth import SmoothOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunLink
from airflow.providers.standard.version_compat import AIRFLOW_V_3_3_PLUS
from airflow.sdk.bases.operator import DEFAULT_RETRIES, DEFAULT_TRIGGER_RULE
from airflow.sdk.definitions._internal.abstractoperator import DEFAULT_POOL_NAME
from airflow.sdk.definitions._internal.contextmanager import DagContext, TaskGroupContext
from airflow.sdk.definitions._internal.expandinput import DictOfListsExpandInput
from airflow.sdk.definitions._internal.mixins import DependencyMixin
from airflow.sdk.definitions._internal.node import DAGNode, validate_key
from airflow.sdk.definitions._internal.templater import LiteralValue, SandboxedEnvironment, Templater
from airflow.sdk.definitions.decorators import TaskDecoratorCollection, setup, teardown
from airflow.sdk.definitions.mappedoperator import OperatorPartial
from airflow.sdk.definitions.taskgroup import MappedTaskGroup
from airflow.sdk.definitions.xcom_arg import MapXComArg, PlainXComArg, ZipXComArg
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.sdk.execution_time.lazy_sequence import LazyXComSequence
from airflow.sdk.execution_time.secrets_masker import mask_secret, redact
from airflow.sdk.io.fs import has_fs
from airflow.sdk.serde import deserialize, serialize
from airflow.sensors.external_task import ExternalDagLink
from airflow.providers.standard import __version__
from airflow.sdk.observability import stats
from airflow.sdk.observability.stats import Stats, incr, timing
from airflow.settings import conf, task_policy
from airflow.task.trigger_rule import TriggerRule
from airflow.task.weight_rule import WeightRule, db_safe_priority
from airflow.triggers.testing import FailureTrigger, SuccessTrigger
from airflow.typing_compat import Literal, Self
from airflow.utils import yaml
from airflow.utils.code_utils import get_python_source
from airflow.utils.dag_cycle_tester import check_cycle
from airflow.utils.entry_points import import_string
from airflow.utils.file import list_py_file_paths
from airflow.utils.helpers import as_flattened_list, chunks, partition, validate_key
from airflow.utils.net import get_hostname
from airflow.utils.operator_resources import Resources
from airflow.utils.process_utils import execute_in_subprocess
from airflow.utils.session import NEW_SESSION, create_session, provide_session
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from airflow.utils.xcom import XCOM_RETURN_KEY
"""


@pytest.fixture
def _as_airflow() -> Generator[None]:  # pyright: ignore[reportUnusedFunction] - by name
    aliases.install()
    yield
    aliases.uninstall()


@pytest.mark.usefixtures("_as_airflow")
@pytest.mark.parametrize("line", IMPORTS.strip().splitlines())
def test_is_imported_as_from_airflow(line: str) -> None:
    exec(line, {})


def _with_session(session: object = None) -> object:
    return session


@pytest.mark.parametrize(
    ("use", "named"),
    [
        (lambda: DagRun.find(dag_id="d"), "DagRun.find"),
        (lambda: DagRun(dag_id="d"), "DagRun"),
        (create_session, "create_session"),
        (provide_session(_with_session), "provide_session of"),
    ],
)
def test_the_database_is_out_of_reach(use: Callable[[], Any], named: str) -> None:
    with pytest.raises(RuntimeError, match=rf"Direct database access is not allowed .*\({named}.*REST API"):
        use()


def test_a_session_of_ones_own_may_be_passed() -> None:
    assert provide_session(_with_session)(session="mine") == "mine"


def test_states_in_groups() -> None:
    assert State.unfinished | State.finished == {None, *State.task_states}
    assert TaskInstanceState.AWAITING_INPUT in State.unfinished
    assert TaskInstanceState.REMOVED in State.finished
    assert State.finished_dr_states == {DagRunState.SUCCESS, DagRunState.FAILED}
    assert set(State.state_color) == set(State.task_states)
    assert (State.color(TaskInstanceState.FAILED), State.color_fg(TaskInstanceState.FAILED)) == ("red", "white")


def test_iterables_and_texts() -> None:
    assert list(chunks([1, 2, 3], 2)) == [[1, 2], [3]]
    with pytest.raises(ValueError, match="positive"):
        next(chunks([1], 0))
    assert as_flattened_list([[1], [2, 3]]) == [1, 2, 3]
    assert [list(part) for part in partition(lambda n: n > 1, [1, 2, 3])] == [[1], [2, 3]]
    assert (is_container("ab"), is_container((1,)), is_container(1)) == (False, True, False)
    assert convert_camel_to_snake("DagRunState") == "dag_run_state"


def test_commands(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "before")
    with patch_environ({"KEPT": "within", "NEW_ONE": "x"}), caplog.at_level(logging.INFO):
        execute_in_subprocess(["sh", "-c", "echo $KEPT $NEW_ONE"])
    assert "within x" in caplog.messages
    assert (os.environ["KEPT"], "NEW_ONE" in os.environ) == ("before", False)
    with pytest.raises(subprocess.CalledProcessError):
        execute_in_subprocess(["false"])


def test_hostname_is_what_the_configuration_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__HOSTNAME_CALLABLE", "platform.system")
    assert get_hostname() == import_module("platform").system()


def test_cycle_is_named() -> None:
    with DAG("d") as dag:
        one, two = EmptyOperator(task_id="one"), EmptyOperator(task_id="two")
        one.set_downstream(two)
    check_cycle(dag)
    two.set_downstream(one)
    with pytest.raises(AirflowDagCycleException, match=r"DAG 'd'.*one -> two -> one"):
        check_cycle(dag)


def test_files_that_hold_dags(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("from airflow.sdk import DAG")
    (tmp_path / "other.py").write_text("x = 1")
    (tmp_path / "gone.py").write_text("from airflow.sdk import DAG")
    (tmp_path / ".airflowignore").write_text("gone.py")
    archive = tmp_path / "more.zip"
    with ZipFile(archive, "w") as file:
        file.writestr("inside.py", "from airflow.sdk import DAG")
    assert sorted(list_py_file_paths(tmp_path)) == [str(archive), str(tmp_path / "one.py")]
    assert list_py_file_paths(tmp_path / "other.py") == [str(tmp_path / "other.py")]
    assert sorted(Path(path).name for path in list_py_file_paths(tmp_path, safe_mode=False)) == [
        "more.zip",
        "one.py",
        "other.py",
    ]
    assert [might_contain_dag(str(tmp_path / name), True) for name in ("one.py", "other.py")] == [True, False]
    inside = str(archive / "inside.py")
    assert correct_maybe_zipped(inside) == str(archive)
    with open_maybe_zipped(inside) as text:
        assert text.read() == "from airflow.sdk import DAG"


def test_resources_are_checked_and_shown() -> None:
    resources = Resources(cpus=2)
    assert resources.to_dict()["cpus"] == {"name": "CPU", "qty": 2, "units_str": "core(s)"}
    assert (resources.ram.qty, resources.gpus.qty) == (512, 0)
    with pytest.raises(ValueError, match="resource RAM: the quantity must not be negative: -1"):
        Resources(ram=-1)


def test_errors_say_what_they_are_about() -> None:
    class Run:
        dag_id, run_id = "d", "r"

    assert str(DagRunAlreadyExists(Run())) == "A DAG Run already exists for DAG d with run id r"
    assert str(FileSyntaxError(3, "odd")) == "odd. Line number: 3,"
