"""Task instances: read, marked, cleared, mapped, grouped; questions to people; what tasks keep."""

from tests.e2e.client import ApiClient, wait_until
from tests.e2e.client_operations.session import Session

RUN = {"dag_id": "etl", "dag_run_id": "r1"}
TASK = {**RUN, "task_id": "extract"}
MAPPED = {**RUN, "task_id": "double"}


def drive(session: Session, live: ApiClient) -> None:
    _read(session)
    _mapped(session)
    _mark(session, live)
    _groups(session)
    _people(session, live)
    _kept(session)
    _remove(session, live)


def _read(session: Session) -> None:
    listed = session("get_task_instances", **RUN, state=["success"], order_by=["-map_index"])
    assert (listed.total_entries, listed.task_instances[0].task_id) == (7, "double")
    batch = session(
        "get_task_instances_batch",
        dag_id="~",
        dag_run_id="~",
        task_instances_batch_body={"dag_ids": ["etl"], "dag_run_ids": ["r1"], "task_ids": ["total"]},
    )
    assert [each.task_id for each in batch.task_instances] == ["total"]
    one = session("get_task_instance", **TASK)
    assert (one.state, one.operator, one.try_number) == ("success", "_PythonDecoratedOperator", 1)
    session.refused(404, "get_task_instance", **RUN, task_id="none")
    tries = session("get_task_instance_tries", dag_id="etl", dag_run_id="r2", task_id="extract")
    assert [each.try_number for each in tries.task_instances] == [1, 2, 3]
    first = session(
        "get_task_instance_try_details", dag_id="etl", dag_run_id="r2", task_id="extract", task_try_number=1
    )
    assert (first.try_number, first.state) == (1, "success")
    assert session("get_task_instance_dependencies", **TASK).dependencies is not None
    tasks = session("get_tasks", dag_id="etl")
    assert tasks.total_entries == 5
    assert session("get_task", dag_id="etl", task_id="total").task_id == "total"


def _mapped(session: Session) -> None:
    mapped = session("get_mapped_task_instances", **MAPPED)
    assert [each.map_index for each in mapped.task_instances] == [0, 1, 2]
    assert session("get_mapped_task_instance", **MAPPED, map_index=1).map_index == 1
    tries = session("get_mapped_task_instance_tries", **MAPPED, map_index=1)
    assert [each.try_number for each in tries.task_instances] == [1]
    assert session("get_mapped_task_instance_try_details", **MAPPED, map_index=1, task_try_number=1).state == "success"
    assert session("get_task_instance_dependencies_by_map_index", **MAPPED, map_index=1).dependencies is not None


def _mark(session: Session, live: ApiClient) -> None:
    failed = {"new_state": "failed"}
    dry = session("patch_task_instance_dry_run", **TASK, patch_task_instance_body=failed)
    assert [each.task_id for each in dry.task_instances] == ["extract"]
    marked = session("patch_task_instance", **TASK, patch_task_instance_body={**failed, "note": "by hand"})
    assert [(each.state, each.note) for each in marked.task_instances] == [("failed", "by hand")]
    dry = session("patch_task_instance_dry_run_by_map_index", **MAPPED, map_index=0, patch_task_instance_body=failed)
    assert [each.map_index for each in dry.task_instances] == [0]
    marked = session("patch_task_instance_by_map_index", **MAPPED, map_index=0, patch_task_instance_body=failed)
    assert [each.state for each in marked.task_instances] == ["failed"]
    entity = {"task_id": "double", "map_index": 0, "new_state": "success"}
    bulk = session(
        "bulk_task_instances", **RUN,
        bulk_body_bulk_task_instance_body={"actions": [{"action": "update", "entities": [entity]}]},
    )  # fmt: skip
    assert bulk.update.success == ["etl.r1.double[0]"]
    body = {"dag_run_id": "r1", "task_ids": ["extract"], "include_downstream": True, "dry_run": False}
    cleared = session("post_clear_task_instances", dag_id="etl", clear_task_instances_body=body)
    assert "extract" in {each.task_id for each in cleared.task_instances}
    live.wait_for_run("etl", "r1")
    assert session("get_task_instance", **TASK).state == "success"


def _groups(session: Session) -> None:
    place = {**RUN, "group_id": "checks"}
    dry = session("patch_task_group_instances_dry_run", **place, patch_task_instance_body={"new_state": "failed"})
    assert sorted(each.task_id for each in dry.task_instances) == ["checks.rows", "checks.schema"]
    marked = session("patch_task_group_instances", **place, patch_task_instance_body={"new_state": "failed"})
    assert {each.state for each in marked.task_instances} == {"failed"}


def _people(session: Session, live: ApiClient) -> None:
    live.trigger("asking", dag_run_id="q")
    place = {"dag_id": "asking", "dag_run_id": "q"}
    wait_until(lambda: session("get_hitl_details", **place).total_entries == 1, "the question")
    asked = session("get_hitl_detail", **place, task_id="choose", map_index=-1)
    assert (asked.subject, asked.options, asked.response_received) == ("Which one?", ["a", "b"], False)
    session(
        "update_hitl_detail", **place, task_id="choose", map_index=-1,
        update_hitl_detail_payload={"chosen_options": ["b"]},
    )  # fmt: skip
    assert live.wait_for_run("asking", "q")["state"] == "success"
    tried = session("get_hitl_detail_try_detail", **place, task_id="choose", map_index=-1, try_number=1)
    assert tried.chosen_options == ["b"]


def _kept(session: Session) -> None:
    session("set_task_state_store", **TASK, key="seen", task_state_store_body={"value": 7})
    assert session("get_task_state_store", **TASK, key="seen").value == 7
    session("patch_task_state_store", **TASK, key="seen", task_state_store_patch_body={"value": 8})
    assert session("list_task_state_store", **TASK).total_entries == 1
    session("delete_task_state_store", **TASK, key="seen")
    session.refused(404, "get_task_state_store", **TASK, key="seen")
    session("set_task_state_store", **TASK, key="more", task_state_store_body={"value": 1})
    session("clear_task_state_store", **TASK)
    assert session("list_task_state_store", **TASK).total_entries == 0


def _remove(session: Session, live: ApiClient) -> None:
    live.trigger("passing", dag_run_id="less")
    live.wait_for_run("passing", "less")
    place = {"dag_id": "passing", "dag_run_id": "less", "task_id": "through"}
    session("delete_task_instance", **place)
    session.refused(404, "get_task_instance", **place)
