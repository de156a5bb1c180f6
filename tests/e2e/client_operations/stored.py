"""Variables, connections and pools, one by one and many at once."""

from typing import Any

from tests.e2e.client import ApiClient, wait_until
from tests.e2e.client_operations.session import Session


def drive(session: Session, live: ApiClient) -> None:
    del live
    _variables(session)
    _connections(session)
    _connection_tests(session)
    _pools(session)


def _bulk(create: dict[str, Any], delete: str) -> dict[str, Any]:
    return {
        "actions": [
            {"action": "create", "entities": [create], "action_on_existence": "fail"},
            {"action": "delete", "entities": [delete], "action_on_non_existence": "fail"},
        ]
    }


def _variables(session: Session) -> None:
    session("post_variable", variable_body={"key": "color", "value": "red", "description": "of the house"})
    session.refused(409, "post_variable", variable_body={"key": "color", "value": "red"})
    assert session("get_variable", variable_key="color").value == "red"
    session("patch_variable", variable_key="color", variable_body={"key": "color", "value": "blue"})
    listed = session("get_variables", variable_key_pattern="col")
    assert [(each.key, each.value) for each in listed.variables] == [("color", "blue")]
    bulk = session("bulk_variables", bulk_body_variable_body=_bulk({"key": "size", "value": "9"}, "color"))
    assert (bulk.create.success, bulk.delete.success) == (["size"], ["color"])
    session.refused(404, "get_variable", variable_key="color")
    session("delete_variable", variable_key="size")
    session.refused(404, "delete_variable", variable_key="size")


def _connections(session: Session) -> None:
    shop: dict[str, Any] = {"connection_id": "shop", "conn_type": "http", "host": "shop.example", "password": "hidden"}
    session("post_connection", connection_body=shop)
    session.refused(409, "post_connection", connection_body=shop)
    shown = session("get_connection", connection_id="shop")
    assert (shown.host, shown.password) == ("shop.example", "***")
    session(
        "patch_connection", connection_id="shop", connection_body={**shop, "host": "b.example"}, update_mask=["host"]
    )
    listed = session("get_connections", connection_id_pattern="shop")
    assert [each.host for each in listed.connections] == ["b.example"]
    other = {"connection_id": "other", "conn_type": "http"}
    bulk = session("bulk_connections", bulk_body_connection_body=_bulk(other, "shop"))
    assert (bulk.create.success, bulk.delete.success) == (["other"], ["shop"])
    session("delete_connection", connection_id="other")
    session.refused(404, "get_connection", connection_id="other")
    session("create_default_connections")
    assert session("get_connection", connection_id="postgres_default").conn_type == "postgres"


def _connection_tests(session: Session) -> None:
    body = {"connection_id": "tried", "conn_type": "fs", "extra": '{"path": "/"}'}
    session("test_connection", connection_body=body)
    queued = session("enqueue_connection_test", connection_test_request_body=body)
    ended = ("success", "failed")
    wait_until(
        lambda: session("get_connection_test", airflow_connection_test_token=queued.token).state in ended, "the test"
    )


def _pools(session: Session) -> None:
    session("post_pool", pool_body={"name": "wide", "slots": 8, "include_deferred": False})
    session.refused(409, "post_pool", pool_body={"name": "wide", "slots": 8, "include_deferred": False})
    session("patch_pool", pool_name="wide", pool_patch_body={"slots": 4}, update_mask=["slots"])
    assert session("get_pool", pool_name="wide").slots == 4
    narrow = {"name": "narrow", "slots": 1, "include_deferred": True}
    bulk = session("bulk_pools", bulk_body_pool_body=_bulk(narrow, "wide"))
    assert (bulk.create.success, bulk.delete.success) == (["narrow"], ["wide"])
    assert {pool.name for pool in session("get_pools").pools} == {"default_pool", "narrow"}
    session("delete_pool", pool_name="narrow")
    session.refused(404, "get_pool", pool_name="narrow")
    session.refused(400, "delete_pool", pool_name="default_pool")
