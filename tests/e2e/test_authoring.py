"""What authors and deployments bring along, through all services: archives, policies, extra links and the like."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.client import ApiClient
from tests.servers.stack import standalone_stack
from tests.unit.sdk.test_zipped_files import FILES, pack

POLICIES = """
from airflow.exceptions import AirflowClusterPolicySkipDag, AirflowClusterPolicyViolation
def dag_policy(dag):
    if dag.dag_id == "left_out": raise AirflowClusterPolicySkipDag()
    if dag.dag_id == "forbidden": raise AirflowClusterPolicyViolation("no DAG may be called so")
def task_policy(task): task.retries = 0 if task.retries > 100 else task.retries
def task_instance_mutation_hook(ti): ti.priority_weight = 42 if ti.task_id == "under_policies" else ti.priority_weight
def get_airflow_context_vars(context): return {"team": "night-shift"}
"""

FILE = """
import os
from airflow.sdk import DAG, task
with DAG("ruled"):
    @task(retries=1000)
    def under_policies():
        return os.environ["AIRFLOW_CTX_TEAM"]
    under_policies()
with DAG("left_out"): pass
"""

FORBIDDEN = "from airflow.sdk import DAG\nwith DAG('forbidden'): pass\n"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[ApiClient]:
    folder = tmp_path_factory.mktemp("authoring")
    dags_folder, config = folder / "dags", folder / "config"
    for each in (dags_folder, config):
        each.mkdir()
    (config / "airflow_local_settings.py").write_text(POLICIES)
    (dags_folder / "ruled.py").write_text(FILE)
    (dags_folder / "forbidden.py").write_text(FORBIDDEN)
    pack(dags_folder / "packed.zip", {name: text for name, text in FILES.items() if name != "broken.py"})
    pack(dags_folder / "broken.zip", {"broken.py": FILES["broken.py"]})
    (dags_folder / ".airflowignore").write_text("ignored_*\n")
    (dags_folder / "ignored_one.py").write_text("from airflow.sdk import DAG\nwith DAG('ignored'): pass\n")
    with (
        standalone_stack(folder, dags_folder=dags_folder) as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        client.wait_for_dag("zipped", timeout_seconds=60)
        client.wait_for_dag("ruled")
        yield client


def _run(api: ApiClient, dag_id: str) -> tuple[str, str]:
    api.unpause(dag_id)
    run_id = api.trigger(dag_id)
    return run_id, api.wait_for_run(dag_id, run_id)["state"]


def _errors(api: ApiClient) -> dict[str, str]:
    found = api.get("/importErrors", limit=100).json()["import_errors"]
    return {Path(error["filename"]).name: error["stack_trace"] for error in found}


def test_archive_is_parsed_and_run_with_its_templates(api: ApiClient) -> None:
    assert api.get("/dags/zipped").json()["relative_fileloc"] == "packed.zip"
    run_id, state = _run(api, "zipped")
    assert state == "success"
    assert api.xcom("zipped", run_id, "say") == "hello"
    assert api.xcom("zipped", run_id, "script") == "hello of zipped"
    assert "ZeroDivisionError" in _errors(api)["broken.zip"]


def test_policies_change_leave_out_and_refuse(api: ApiClient) -> None:
    run_id, state = _run(api, "ruled")
    assert state == "success"
    assert api.xcom("ruled", run_id, "under_policies") == "night-shift"
    (ti,) = api.task_instances("ruled", run_id)
    assert (ti["priority_weight"], ti["max_tries"]) == (42, 0)
    assert [api.get(f"/dags/{dag_id}").status_code for dag_id in ("left_out", "forbidden", "ignored")] == [404] * 3
    error = _errors(api)["forbidden.py"]
    assert error == "forbidden.py: DAG 'forbidden': AirflowClusterPolicyViolation: no DAG may be called so"
