"""Runs and the logs, XComs, links and versions of what has run."""

import json
from typing import Final

from tests.e2e.client import ApiClient
from tests.e2e.client_operations.session import Session

DAY: Final = "2024-05-01T00:00:00"


def drive(session: Session, live: ApiClient) -> None:
    _trigger_and_read(session, live)
    _change(session, live)
    _xcoms(session)
    _logs_and_links(session)
    _versions(session)


def _trigger_and_read(session: Session, live: ApiClient) -> None:
    run = session("trigger_dag_run", dag_id="etl", trigger_dag_run_post_body={"dag_run_id": "r1", "conf": {"size": 4}})
    assert (run.dag_run_id, run.conf, run.run_type) == ("r1", {"size": 4}, "manual")
    status, text, _ = session.raw(
        "wait_dag_run_until_finished", dag_id="etl", dag_run_id="r1", interval=0.1, result=["total"]
    )
    last = json.loads(text.splitlines()[-1])
    assert (status, last["state"], last["results"]) == (200, "success", {"total": 12})
    session.refused(404, "get_dag_run", dag_id="etl", dag_run_id="none")
    session.refused(409, "trigger_dag_run", dag_id="etl", trigger_dag_run_post_body={"dag_run_id": "r1"})
    ended = session("get_dag_run", dag_id="etl", dag_run_id="r1")
    assert (ended.state, ended.duration > 0) == ("success", True)
    listed = session("get_dag_runs", dag_id="etl", state=["success"], order_by=["-start_date"])
    assert [run.dag_run_id for run in listed.dag_runs] == ["r1"]
    live.trigger("etl", dag_run_id="r2")
    live.wait_for_run("etl", "r2")
    batch = session(
        "get_list_dag_runs_batch", dag_id="~", dag_runs_batch_body={"dag_ids": ["etl"], "order_by": "-run_after"}
    )
    assert [run.dag_run_id for run in batch.dag_runs] == ["r2", "r1"]


def _change(session: Session, live: ApiClient) -> None:
    noted = session("patch_dag_run", dag_id="etl", dag_run_id="r2", dag_run_patch_body={"note": "looked at"})
    assert noted.note == "looked at"
    marked = session("patch_dag_run", dag_id="etl", dag_run_id="r2", dag_run_patch_body={"state": "failed"})
    assert marked.state == "failed"
    update = {"action": "update", "entities": [{"dag_run_id": "r2", "state": "success"}]}
    bulk = session("bulk_dag_runs", dag_id="etl", bulk_body_bulk_dag_run_body={"actions": [update]})
    assert bulk.update.success == ["etl.r2"]
    assert session("get_dag_run", dag_id="etl", dag_run_id="r2").state == "success"
    # The package cannot tell a task instance from a new task in this answer, from whomever it comes.
    status, text, _ = session.raw("clear_dag_run", dag_id="etl", dag_run_id="r2", dag_run_clear_body={"dry_run": True})
    assert (status, json.loads(text)["total_entries"]) == (200, 7)
    session("clear_dag_run", dag_id="etl", dag_run_id="r2", dag_run_clear_body={"dry_run": False})
    live.wait_for_run("etl", "r2")
    assert session("get_task_instance", dag_id="etl", dag_run_id="r2", task_id="extract").try_number == 2
    body = {"dag_runs": [{"dag_id": "etl", "dag_run_id": "r2"}], "dry_run": False}
    session("clear_dag_runs", dag_id="etl", bulk_dag_run_clear_body=body)
    live.wait_for_run("etl", "r2")
    assert session("get_task_instance", dag_id="etl", dag_run_id="r2", task_id="extract").try_number == 3
    session("trigger_dag_run", dag_id="parts", trigger_dag_run_post_body={"dag_run_id": "p", "partition_key": DAY})
    live.wait_for_run("parts", "p")
    cleared = session(
        "clear_dag_run_partitions", dag_id="parts", clear_partitions_body={"partition_key": DAY, "dry_run": False}
    )
    assert cleared.dag_runs_cleared == 1
    assert session("get_dag_run", dag_id="parts", dag_run_id="p").partition_key is None
    session("trigger_dag_run", dag_id="etl", trigger_dag_run_post_body={"dag_run_id": "gone"})
    live.wait_for_run("etl", "gone")
    session("delete_dag_run", dag_id="etl", dag_run_id="gone")
    session.refused(404, "get_dag_run", dag_id="etl", dag_run_id="gone")


def _xcoms(session: Session) -> None:
    place = {"dag_id": "etl", "dag_run_id": "r1", "task_id": "extract"}
    entries = session("get_xcom_entries", **place)
    assert [entry.key for entry in entries.xcom_entries] == ["return_value"]
    entry = session("get_xcom_entry", **place, xcom_key="return_value")
    assert json.loads(str(entry.to_dict()["value"]).replace("'", '"')) == [1, 2, 3]
    session("create_xcom_entry", **place, x_com_create_body={"key": "mine", "value": {"a": 1}})
    session.refused(409, "create_xcom_entry", **place, x_com_create_body={"key": "mine", "value": 1})
    session("update_xcom_entry", **place, xcom_key="mine", x_com_update_body={"value": {"a": 2}})
    assert "2" in str(session("get_xcom_entry", **place, xcom_key="mine").to_dict()["value"])
    session("delete_xcom_entry", **place, xcom_key="mine")
    session.refused(404, "get_xcom_entry", **place, xcom_key="mine")


def _logs_and_links(session: Session) -> None:
    place = {"dag_id": "etl", "dag_run_id": "r1", "task_id": "extract"}
    status, text, _ = session.raw("get_log", **place, try_number=1, full_content=True)
    assert (status, "extracting orders" in text) == (200, True)
    assert session("get_extra_links", **place).extra_links == {}
    session.refused(400, "get_external_log_url", **place, try_number=1)


def _versions(session: Session) -> None:
    versions = session("get_dag_versions", dag_id="etl")
    assert [version.version_number for version in versions.dag_versions] == [1]
    assert session("get_dag_version", dag_id="etl", version_number=1).id == versions.dag_versions[0].id
    session.refused(404, "get_dag_version", dag_id="etl", version_number=7)
