"""Files of Airflow's own wheels, unmodified, run to success when triggered over REST."""

from pathlib import Path

import pytest

from tests.airflow_files import airflow_file
from tests.e2e.client import ApiClient

FILES = {
    "airflow/example_dags/tutorial_taskflow_api.py": ("tutorial_taskflow_api",),
    "airflow/example_dags/tutorial_dag.py": ("tutorial_dag",),
    "airflow/providers/standard/example_dags/example_bash_operator.py": ("example_bash_operator",),
    "airflow/example_dags/example_complex.py": ("example_complex",),
    "airflow/example_dags/example_xcom.py": ("example_xcom",),
    "airflow/example_dags/example_xcomargs.py": ("example_xcom_args", "example_xcom_args_with_operators"),
}


@pytest.fixture(scope="module", autouse=True)
def _files(dags_folder: Path) -> None:  # pyright: ignore[reportUnusedFunction] - autouse
    for path in FILES:
        source = airflow_file(path)
        (dags_folder / source.name).write_bytes(source.read_bytes())


@pytest.mark.parametrize("dag_id", [dag_id for dag_ids in FILES.values() for dag_id in dag_ids])
def test_runs_to_success(api: ApiClient, dag_id: str) -> None:
    assert api.wait_for_dag(dag_id)["is_paused"] is True
    api.unpause(dag_id)
    run_id = api.trigger(dag_id)
    run = api.wait_for_run(dag_id, run_id)
    states = api.states(dag_id, run_id)
    assert run["state"] == "success", states
    skipped = {ti["task_id"] for ti in api.task_instances(dag_id, run_id) if ti["state"] == "skipped"}
    # Exit code 99 skips the one, and all_success the other that follows.
    assert skipped == ({"this_will_skip", "run_this_last"} if dag_id == "example_bash_operator" else set())
    assert states["success"] + states["skipped"] == states.total()


def test_results_are_what_the_tutorial_says(api: ApiClient) -> None:
    dag_id = "tutorial_taskflow_api"
    api.wait_for_dag(dag_id)
    api.unpause(dag_id)
    run_id = api.trigger(dag_id)
    assert api.wait_for_run(dag_id, run_id)["state"] == "success"
    assert api.xcom(dag_id, run_id, "extract") == {"1001": 301.27, "1002": 433.21, "1003": 502.22}
    assert api.xcom(dag_id, run_id, "transform", "total_order_value") == pytest.approx(1236.7)
    assert "Total order value is: 1236.70" in api.log_events(dag_id, run_id, "load")


def test_bash_output_reaches_log_and_xcom(api: ApiClient) -> None:
    dag_id = "example_xcom"
    api.wait_for_dag(dag_id)
    api.unpause(dag_id)
    run_id = api.trigger(dag_id)
    assert api.wait_for_run(dag_id, run_id)["state"] == "success"
    assert api.xcom(dag_id, run_id, "bash_push") == "value_by_return"
    assert api.xcom(dag_id, run_id, "bash_push", "manually_pushed_value") == "manually_pushed_value"
    log = api.log_events(dag_id, run_id, "bash_pull")
    assert any("The returned_value xcom is 'value_by_return'" in line for line in log), log
