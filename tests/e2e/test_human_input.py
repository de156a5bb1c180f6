"""Tasks that ask people, through all services and Airflow's own client: approval, choice, branches, forms, defaults,
timeouts, people who may not answer."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import airflow_client.client as airflow
import pytest
from airflow_client.client.api.task_instance_api import TaskInstanceApi
from airflow_client.client.exceptions import ApiException
from airflow_client.client.models.update_hitl_detail_payload import UpdateHITLDetailPayload

from tests.e2e.client import ApiClient, wait_until
from tests.servers.stack import standalone_stack

FILE = """
from datetime import timedelta
from airflow.sdk import DAG, Param, task
from airflow.providers.standard.operators.hitl import (
    ApprovalOperator, HITLBranchOperator, HITLEntryOperator, HITLOperator,
)
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("asking"):
    approve = ApprovalOperator(task_id="approve", subject="Go on?", body="Run {{ run_id }}")
    reject = ApprovalOperator(task_id="reject", subject="This too?")
    choose = HITLOperator(
        task_id="choose", subject="Which?", options=["a", "b", "c"], multiple=True,
        params={"reason": Param("none", type="string", description="Why")},
    )
    branch = HITLBranchOperator(
        task_id="branch", subject="Where to?", options=["Left", "right"], options_mapping={"Left": "left"},
    )
    entry = HITLEntryOperator(task_id="entry", subject="Fill in", params={"number": Param(1, type="integer")})
    approve >> EmptyOperator(task_id="after_approve")
    reject >> EmptyOperator(task_id="after_reject")
    branch >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]

    @task
    def told(answer):
        return answer
    told(choose.output)

with DAG("waiting"):
    HITLOperator(
        task_id="defaulted", subject="Quick!", options=["x", "y"], defaults=["y"], params={"n": 4},
        response_timeout=timedelta(seconds=0.5),
    )
    HITLOperator(task_id="late", subject="Quick!", options=["x"], response_timeout=timedelta(seconds=0.5))

with DAG("assigned"):
    ApprovalOperator(task_id="others", subject="Not you", assigned_users=[{"id": "boss", "name": "Boss"}])
    me = {"id": "admin", "name": "admin"}
    ApprovalOperator(task_id="mine", subject="You", assigned_users=me, fail_on_reject=True)
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[ApiClient]:
    folder: Path = tmp_path_factory.mktemp("asking")
    (folder / "dags").mkdir()
    (folder / "dags" / "asking.py").write_text(FILE)
    with (
        standalone_stack(folder, dags_folder=folder / "dags") as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        for dag_id in ("asking", "waiting", "assigned"):
            client.wait_for_dag(dag_id)
            client.unpause(dag_id)
        yield client


@pytest.fixture(scope="module")
def people(api: ApiClient) -> TaskInstanceApi:
    """Airflow's client."""
    configuration = airflow.Configuration(host=api.url, access_token=api.token)
    return TaskInstanceApi(airflow.ApiClient(configuration))


def waiting(api: ApiClient, dag_id: str, run_id: str, count: int) -> None:
    """Until so many tasks of the run wait for people."""
    wait_until(lambda: api.states(dag_id, run_id)["awaiting_input"] == count, f"{count} tasks ask")


def answer(people: TaskInstanceApi, dag_id: str, run_id: str, task_id: str, *chosen: str, **values: Any) -> Any:
    """Answer as the one user there is."""
    payload = UpdateHITLDetailPayload(chosen_options=list(chosen), params_input=values)
    return people.update_hitl_detail(dag_id, run_id, task_id, -1, payload)


def test_people_are_asked_and_tasks_go_on_with_their_answers(api: ApiClient, people: TaskInstanceApi) -> None:
    run_id = api.trigger("asking", dag_run_id="r")
    waiting(api, "asking", run_id, 5)
    details = people.get_hitl_details("asking", run_id, response_received=False, order_by=["subject"])
    assert details.total_entries == 5
    assert [detail.subject for detail in details.hitl_details] == [
        "Fill in",
        "Go on?",
        "This too?",
        "Where to?",
        "Which?",
    ]
    approve = people.get_hitl_detail("asking", run_id, "approve", -1)
    assert (approve.options, approve.body, approve.multiple) == (["Approve", "Reject"], "Run r", False)
    assert (approve.response_received, approve.task_instance.state) == (False, "awaiting_input")

    said = answer(people, "asking", run_id, "approve", "Approve")
    assert (said.responded_by.id, said.chosen_options) == ("admin", ["Approve"])
    answer(people, "asking", run_id, "reject", "Reject")
    answer(people, "asking", run_id, "choose", "a", "c", reason="because")
    answer(people, "asking", run_id, "branch", "Left")
    answer(people, "asking", run_id, "entry", "OK", number=7)

    run = api.wait_for_run("asking", run_id)
    found = {ti["task_id"]: ti["state"] for ti in api.task_instances("asking", run_id)}
    assert found == {
        **dict.fromkeys(("approve", "reject", "choose", "branch", "entry", "told"), "success"),
        **dict.fromkeys(("after_approve", "left"), "success"),
        **dict.fromkeys(("after_reject", "right"), "skipped"),
    }
    assert run["state"] == "success"
    told = api.xcom("asking", run_id, "told")
    assert (told["chosen_options"], told["params_input"]) == (["a", "c"], {"reason": "because"})
    assert told["responded_by_user"] == {"id": "admin", "name": "admin"}
    assert api.xcom("asking", run_id, "entry")["params_input"] == {"number": 7}
    kept = people.get_hitl_detail_try_detail("asking", run_id, "choose", -1, 1)
    assert (kept.chosen_options, kept.params_input) == (["a", "c"], {"reason": "because"})
    assert kept.responded_by_user is not None
    assert kept.responded_by_user.name == "admin"
    answered = people.get_hitl_details("~", "~", responded_by_user_id=["admin"], subject_search="which")
    assert [detail.task_instance.task_id for detail in answered.hitl_details] == ["choose"]


def test_after_the_time_defaults_are_taken_or_the_task_fails(api: ApiClient, people: TaskInstanceApi) -> None:
    run_id = api.trigger("waiting")
    run = api.wait_for_run("waiting", run_id)
    assert run["state"] == "failed"
    assert {ti["task_id"]: ti["state"] for ti in api.task_instances("waiting", run_id)} == {
        "defaulted": "success",
        "late": "failed",
    }
    detail = people.get_hitl_detail("waiting", run_id, "defaulted", -1)
    assert (detail.chosen_options, detail.params_input, detail.responded_by_user) == (["y"], {"n": 4}, None)
    assert detail.response_received
    assert "HITLTimeoutError" in api.log_of("waiting", run_id, "late")


def refused(people: TaskInstanceApi, run_id: str, task_id: str, *chosen: str) -> tuple[int, str]:
    """Status and reason with which an answer is refused."""
    with pytest.raises(ApiException) as caught:
        answer(people, "assigned", run_id, task_id, *chosen)
    error: Any = caught.value
    return error.status, str(json.loads(error.body)["detail"])


def test_answers_are_checked(api: ApiClient, people: TaskInstanceApi) -> None:
    run_id = api.trigger("assigned")
    waiting(api, "assigned", run_id, 2)
    assert refused(people, run_id, "others", "Approve")[0] == 403
    assert refused(people, run_id, "mine", "Maybe") == (
        400,
        "Invalid options ['Maybe']; allowed options are ['Approve', 'Reject'].",
    )
    assert refused(people, run_id, "mine", "Approve", "Reject")[0] == 400
    assert refused(people, run_id, "nothing", "Approve")[0] == 404
    answer(people, "assigned", run_id, "mine", "Reject")
    assert refused(people, run_id, "mine", "Approve")[0] == 409
    wait_until(lambda: api.states("assigned", run_id)["failed"] == 1, "the rejected task fails")
    marked = api.patch(f"/dags/assigned/dagRuns/{run_id}/taskInstances/others", {"new_state": "success"})
    assert marked.status_code == 200, marked.text
    assert api.wait_for_run("assigned", run_id)["state"] == "failed"
