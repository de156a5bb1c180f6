"""Connections: URIs in and out, `extra`, hooks by type."""

import logging

import pytest

from tradewind.sdk import Connection
from tradewind.sdk.exceptions import AirflowException


@pytest.mark.parametrize(
    ("uri", "fields"),
    [
        ("postgresql://u:p%40ss@Host:5432/db", ("postgres", "host", "u", "p@ss", 5432, "db")),
        ("google-cloud-platform://?key_path=%2Fkeys", ("google_cloud_platform", "", None, None, None, "")),
        ("sqlite://%2Fdata%2FCities.db", ("sqlite", "/data/Cities.db", None, None, None, "")),
        ("http://https://Ann@web:8443/base", ("http", "https://web", "Ann", None, 8443, "base")),
        ("aws://AKIA:a%2Fb@", ("aws", "", "AKIA", "a/b", None, "")),
    ],
)
def test_parts_of_a_uri(uri: str, fields: tuple[object, ...]) -> None:
    one = Connection("c", uri=uri)
    assert (one.conn_type, one.host, one.login, one.password, one.port, one.schema) == fields
    again = Connection("c", uri=one.get_uri())
    assert again.to_dict() == one.to_dict()


@pytest.mark.parametrize("uri", ["a://b://c://d", "http://me:pw@https://web"])
def test_uri_that_says_nothing_clear_is_refused(uri: str) -> None:
    with pytest.raises(AirflowException, match="Invalid connection string"):
        Connection("c", uri=uri)


@pytest.mark.parametrize(
    ("extra", "uri"),
    [
        ({"a": "b c"}, "x://h/?a=b+c"),
        ({"n": 1}, "x://h/?__extra__=%7B%22n%22%3A+1%7D"),
        ({}, "x://h"),
    ],
)
def test_extra_in_a_uri(extra: dict[str, object], uri: str) -> None:
    one = Connection("c", conn_type="x", host="h", extra=extra or None)
    assert one.get_uri() == uri
    assert Connection("c", uri=uri).extra_dejson == extra


def test_extra_that_is_no_json_object_is_logged_and_empty(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert Connection("broken", extra="{not json").extra_dejson == {}
    assert "broken" in caplog.text


def test_type_without_a_hook_is_named() -> None:
    one = Connection("c", conn_type="nothing")
    with pytest.raises(AirflowException, match=r"Unknown hook type .nothing. of connection .c."):
        one.get_hook()
    assert one.test_connection()[0] is False


async def test_lookups_without_blocking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HERE", "x://h")
    one = await Connection.async_get("here")
    assert (one.host, await one.aget_uri(), await one.aextra_dejson()) == ("h", "x://h", {})
