"""What authors and deployments bring along, through all services: archives, policies, extra links and the like."""

from collections.abc import Generator
from pathlib import Path

import pytest
from airflow_client import client as airflow_client
from airflow_client.client.api import extra_links_api

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

LINKS = """
from airflow.sdk import DAG, BaseOperator, BaseOperatorLink, task
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

class Report(BaseOperatorLink):
    name = "Report"
    def get_link(self, operator, *, ti_key):
        return f"https://reports/{operator.report}/{ti_key.run_id}"

class Later(BaseOperatorLink):
    name = "Later"
    @property
    def xcom_key(self): return "later_key"
    def get_link(self, operator, *, ti_key): raise ValueError("not known")

class Reports(BaseOperator):
    template_fields = ("report",)
    operator_extra_links = (Report(), Later())
    def __init__(self, report, **kwargs):
        super().__init__(**kwargs)
        self.report = report
    def execute(self, context): pass

with DAG("linked", access_control={"Viewer": {"can_read"}, "Op": {"DAG Runs": ["can_edit", "can_create"]}}):
    Reports(task_id="single", report="{{ dag.dag_id }}")
    Reports.partial(task_id="mapped").expand(report=["a", "b"])
    TriggerDagRunOperator(task_id="trigger", trigger_dag_id="ruled", trigger_run_id="by_link")
"""

PLUGIN = """
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
class Everywhere(BaseOperatorLink):
    name = "Everywhere"
    def get_link(self, operator, *, ti_key): return f"https://all/{operator.task_id}"
class Some(BaseOperatorLink):
    name = "Some"
    operators = [TriggerDagRunOperator]
    def get_link(self, operator, *, ti_key): return "https://some"
class Links(AirflowPlugin):
    name = "links"
    operator_extra_links = [Some()]
    global_operator_extra_links = [Everywhere()]
"""

FORBIDDEN = "from airflow.sdk import DAG\nwith DAG('forbidden'): pass\n"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[ApiClient]:
    folder = tmp_path_factory.mktemp("authoring")
    dags_folder, config = folder / "dags", folder / "config"
    plugins = folder / "plugins"
    for each in (dags_folder, config, plugins):
        each.mkdir()
    (config / "airflow_local_settings.py").write_text(POLICIES)
    (plugins / "links_plugin.py").write_text(PLUGIN)
    (dags_folder / "ruled.py").write_text(FILE)
    (dags_folder / "linked.py").write_text(LINKS)
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


def test_extra_links_are_made_when_a_task_has_run(api: ApiClient) -> None:
    api.wait_for_dag("linked")
    run_id, state = _run(api, "linked")
    assert state == "success"

    def links(task_id: str, **query: int) -> dict[str, str | None]:
        answer = api.get(f"/dags/linked/dagRuns/{run_id}/taskInstances/{task_id}/links", **query)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["total_entries"] == len(found["extra_links"])
        return found["extra_links"]

    everywhere = {"Everywhere": "https://all/single", "Later": None}
    assert links("single") == {"Report": f"https://reports/linked/{run_id}", **everywhere}
    assert links("single", try_number=1) == links("single")
    assert links("mapped", map_index=1)["Report"] == f"https://reports/b/{run_id}"
    assert links("trigger") == {
        "Everywhere": "https://all/trigger",
        "Some": "https://some",
        "Triggered DAG": "/dags/ruled/runs/by_link",
    }
    assert api.get("/dags/linked/tasks/single").json()["extra_links"] == ["Everywhere", "Later", "Report"]
    with airflow_client.ApiClient(airflow_client.Configuration(api.url, access_token=api.token)) as client:
        seen = extra_links_api.ExtraLinksApi(client).get_extra_links("linked", run_id, "trigger")
    assert (seen.extra_links, seen.total_entries) == (links("trigger"), 3)
    for path, query in (("nothing", {}), ("mapped", {"map_index": 7}), ("single", {"try_number": 9})):
        answer = api.get(f"/dags/linked/dagRuns/{run_id}/taskInstances/{path}/links", **query)
        assert answer.status_code == 404, answer.text
