"""Assets, their aliases, events, queues and what is kept for them."""

from typing import Any

from tests.e2e.client import ApiClient, wait_until
from tests.e2e.client_operations.session import Session


def drive(session: Session, live: ApiClient) -> None:
    orders = _read(session)
    _events(session, orders)
    _queues(session, orders)
    _materialize(session, live, orders)
    _kept(session, orders)


def _read(session: Session) -> int:
    listed = session("get_assets", name_pattern="orders")
    [asset] = listed.assets
    assert session("get_asset", asset_id=asset.id).uri == "s3://shop/orders"
    session.refused(404, "get_asset", asset_id=999_999)
    [alias] = session("get_asset_aliases").asset_aliases
    assert session("get_asset_alias", asset_alias_id=alias.id)["name"] == "landed"
    return asset.id


def _events(session: Session, orders: int) -> None:
    before = session("get_asset_events", asset_id=orders).total_entries
    assert before >= 2
    event = session("create_asset_event", create_asset_events_body={"asset_id": orders, "extra": {"by": "hand"}})
    assert (event.asset_id, event.extra["by"]) == (orders, "hand")
    assert session("get_asset_events", asset_id=orders).total_entries == before + 1
    wait_until(lambda: session("get_dag_runs", dag_id="report").total_entries >= 1, "a run by the asset")
    run = session("get_dag_runs", dag_id="report", order_by=["-run_after"]).dag_runs[0]
    upstream = session("get_upstream_asset_events", dag_id="report", dag_run_id=run.dag_run_id)
    assert {event.asset_id for event in upstream.asset_events} == {orders}


def _queues(session: Session, orders: int) -> None:
    def again() -> None:
        session("create_asset_event", create_asset_events_body={"asset_id": orders})

    waiting: dict[str, Any] = {"dag_id": "stocktaking"}
    again()
    assert session("get_asset_queued_events", asset_id=orders).total_entries >= 1
    assert session("get_dag_asset_queued_events", **waiting).total_entries == 1
    assert session("get_dag_asset_queued_event", **waiting, asset_id=orders).asset_id == orders
    session("delete_dag_asset_queued_event", **waiting, asset_id=orders)
    session.refused(404, "get_dag_asset_queued_event", **waiting, asset_id=orders)
    again()
    session("delete_dag_asset_queued_events", **waiting)
    assert session("get_dag_asset_queued_events", **waiting).total_entries == 0
    again()
    session("delete_asset_queued_events", asset_id=orders)
    assert session("get_dag_asset_queued_events", **waiting).total_entries == 0


def _materialize(session: Session, live: ApiClient, orders: int) -> None:
    run = session("materialize_asset", asset_id=orders)
    assert (run.dag_id, run.run_type) == ("etl", "asset_materialization")
    assert live.wait_for_run("etl", run.dag_run_id)["state"] == "success"


def _kept(session: Session, orders: int) -> None:
    session("set_asset_state_store", asset_id=orders, key="mark", asset_state_store_body={"value": "2024"})
    assert session("get_asset_state_store", asset_id=orders, key="mark").value == "2024"
    assert session("list_asset_state_store", asset_id=orders).total_entries == 1
    session("delete_asset_state_store", asset_id=orders, key="mark")
    session.refused(404, "get_asset_state_store", asset_id=orders, key="mark")
    session("set_asset_state_store", asset_id=orders, key="more", asset_state_store_body={"value": 1})
    session("clear_asset_state_store", asset_id=orders)
    assert session("list_asset_state_store", asset_id=orders).total_entries == 0
