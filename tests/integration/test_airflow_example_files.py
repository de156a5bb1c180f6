"""Airflow's own example files, unmodified: loaded and turned into specs."""

import shutil
from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest

from tests.airflow_files import airflow_file
from tradewind.core.spec import DagSpec
from tradewind.sdk import aliases
from tradewind.sdk.dag_file import load_dag_file
from tradewind.sdk.serialize import serialize_dag

CORE = "airflow/example_dags/"
STANDARD = "airflow/providers/standard/example_dags/"


@pytest.fixture(autouse=True)
def _aliases() -> Generator[None]:  # pyright: ignore[reportUnusedFunction] - autouse
    yield
    aliases.uninstall()


def _specs(path: str, folder: Path) -> dict[str, DagSpec]:
    copy = Path(shutil.copy(airflow_file(path), folder))
    loaded = load_dag_file(copy, folder)
    return {dag_id: serialize_dag(dag, copy.name) for dag_id, dag in loaded.dags.items()}


@pytest.mark.parametrize(
    ("path", "task_counts"),
    [
        (CORE + "tutorial_taskflow_api.py", {"tutorial_taskflow_api": 3}),
        (CORE + "tutorial_dag.py", {"tutorial_dag": 3}),
        (CORE + "example_complex.py", {"example_complex": 37}),
        (CORE + "example_xcom.py", {"example_xcom": 6}),
        (CORE + "example_xcomargs.py", {"example_xcom_args": 2, "example_xcom_args_with_operators": 4}),
        (STANDARD + "example_bash_operator.py", {"example_bash_operator": 9}),
    ],
)
def test_file_gives_the_same_specs_each_time(path: str, task_counts: dict[str, int], tmp_path: Path) -> None:
    specs = _specs(path, tmp_path)
    assert {dag_id: len(spec.tasks) for dag_id, spec in specs.items()} == task_counts
    again = _specs(path, tmp_path)
    assert [msgspec.json.encode(spec) for spec in again.values()] == [msgspec.json.encode(s) for s in specs.values()]


def test_edges_of_the_tutorial(tmp_path: Path) -> None:
    spec = _specs(CORE + "tutorial_taskflow_api.py", tmp_path)["tutorial_taskflow_api"]
    assert [(task.task_id, task.upstream_task_ids) for task in spec.tasks] == [
        ("extract", ()),
        ("transform", ("extract",)),
        ("load", ("transform",)),
    ]
    assert spec.doc_md is not None
    assert spec.doc_md.strip().startswith("### TaskFlow API Tutorial")


def test_bash_example(tmp_path: Path) -> None:
    spec = _specs(STANDARD + "example_bash_operator.py", tmp_path)["example_bash_operator"]
    tasks = {task.task_id: task for task in spec.tasks}
    assert (spec.timetable_summary, spec.dagrun_timeout_seconds) == ("0 0 * * *", 3600.0)
    shown: dict[str, object] = {"value": "example_value", "schema": {}, "description": None, "source": None}
    assert spec.params["example_key"] == shown
    assert tasks["run_this_last"].is_empty
    assert tasks["run_this_last"].upstream_task_ids == (
        "also_run_this",
        "run_after_loop",
        "show_dag_folder_stats",
        "this_will_skip",
    )
    assert tasks["run_after_loop"].upstream_task_ids == ("runme_0", "runme_1", "runme_2")


def test_pairwise_lists_of_the_complex_example(tmp_path: Path) -> None:
    spec = _specs(CORE + "example_complex.py", tmp_path)["example_complex"]
    tasks = {task.task_id: task for task in spec.tasks}
    assert tasks["search_catalog"].upstream_task_ids == (
        "create_entry_gcs",
        "create_entry_group",
        "create_tag",
        "create_tag_template",
        "create_tag_template_field",
    )
