"""DAGs, their sources, tags, warnings, errors and counts; backfills."""

from typing import Any

from tests.e2e.client import ApiClient, wait_until
from tests.e2e.client_operations.session import Session


def drive(session: Session, live: ApiClient) -> None:
    _read(session)
    _around(session)
    _change(session)
    _backfills(session)
    _parse_again(session)
    _delete(session, live)


def _read(session: Session) -> None:
    listed = session("get_dags", tags=["shop"], order_by=["dag_id"])
    assert [dag.dag_id for dag in listed.dags] == ["etl", "report"]
    assert session("get_dag", dag_id="etl").tags[0].name == "shop"
    session.refused(404, "get_dag", dag_id="none")
    details = session("get_dag_details", dag_id="etl")
    assert (details.doc_md, details.params["size"]["value"]) == ("Orders.", 3)
    assert list(session("get_dag_tags").tags) == ["shop"]
    [counted] = [each for each in session("get_dag_stats", dag_ids=["etl"]).dags if each.dag_id == "etl"]
    assert {each.state: each.count for each in counted.stats}["success"] == 2
    status, text, _ = session.raw("get_dag_source", dag_id="etl")
    assert (status, "extracting orders" in text) == (200, True)


def _around(session: Session) -> None:
    [warning] = session("list_dag_warnings").dag_warnings
    assert (warning.dag_id, "nowhere" in warning.message) == ("daily", True)
    [error] = session("get_import_errors").import_errors
    assert "broken on purpose" in error.stack_trace
    one = session("get_import_error", import_error_id=error.import_error_id)
    assert one.filename == error.filename


def _change(session: Session) -> None:
    session("favorite_dag", dag_id="etl")
    assert [dag.dag_id for dag in session("get_dags", is_favorite=True).dags] == ["etl"]
    session("unfavorite_dag", dag_id="etl")
    assert session("get_dags", is_favorite=True).total_entries == 0
    assert session("patch_dag", dag_id="report", dag_patch_body={"is_paused": True}).is_paused
    patched = session("patch_dags", dag_id_pattern="report", dag_patch_body={"is_paused": False})
    assert [dag.is_paused for dag in patched.dags] == [False]


def _backfills(session: Session) -> None:
    body: dict[str, Any] = {
        "dag_id": "daily",
        "from_date": "2024-01-01T00:00:00Z",
        "to_date": "2024-01-04T00:00:00Z",
        "max_active_runs": 1,
    }
    dry = session("create_backfill_dry_run", backfill_post_body=body)
    assert dry.total_entries == 4
    backfill = session("create_backfill", backfill_post_body=body)
    session.refused(409, "create_backfill", backfill_post_body=body)
    assert session("list_backfills", dag_id="daily").total_entries == 1
    assert session("pause_backfill", backfill_id=backfill.id).is_paused
    assert not session("unpause_backfill", backfill_id=backfill.id).is_paused
    assert session("get_backfill", backfill_id=backfill.id).dag_id == "daily"
    assert session("cancel_backfill", backfill_id=backfill.id).completed_at is not None


def _parse_again(session: Session) -> None:
    before = session("get_dag", dag_id="etl")
    session("reparse_dag_file", file_token=before.file_token)
    wait_until(
        lambda: session("get_dag", dag_id="etl").last_parsed_time > before.last_parsed_time, "the file is parsed again"
    )


def _delete(session: Session, live: ApiClient) -> None:
    del live
    session("delete_dag", dag_id="restock")
    wait_until(
        lambda: session("get_dags", dag_id_pattern="restock").total_entries == 1, "its file is there: it comes again"
    )
