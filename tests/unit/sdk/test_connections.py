"""Connections: URIs in and out, `extra`, hooks by type."""

import logging

import pytest

from tradewind.sdk import BaseHook, Connection
from tradewind.sdk.exceptions import AirflowException, AirflowNotFoundException
from tradewind.sdk.providers import HookInfo, ProvidersManager


@pytest.mark.parametrize(
    ("uri", "fields"),
    [
        ("postgresql://u:p%40ss@Host:5432/db", ("postgres", "host", "u", "p@ss", 5432, "db")),
        ("google-cloud-platform://?key_path=%2Fkeys", ("google_cloud_platform", "", None, None, None, "")),
        ("sqlite://%2Fdata%2FCities.db", ("sqlite", "/data/Cities.db", None, None, None, "")),
        ("http://https://Ann@web:8443/base", ("http", "https://web", "Ann", None, 8443, "base")),
        ("aws://AKIA:a%2Fb@", ("aws", "", "AKIA", "a/b", None, "")),
        ("TYPE://host", ("type", "host", None, None, None, "")),
    ],
)
def test_parts_of_a_uri(uri: str, fields: tuple[object, ...]) -> None:
    one = Connection("c", uri=uri)
    assert (one.conn_type, one.host, one.login, one.password, one.port, one.schema) == fields
    again = Connection("c", uri=one.get_uri())
    assert again.to_dict() == one.to_dict()


@pytest.mark.parametrize("uri", ["a://b://c://d", "http://me:pw@https://web", "spark://spark://host:7077"])
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


def test_fields_in_json() -> None:
    one = Connection.from_json('{"conn_type": "a-b", "port": "80", "login": "", "extra": {"n": [1]}}', "c")
    assert (one.conn_type, one.port, one.login, one.extra_dejson) == ("a_b", 80, "", {"n": [1]})
    assert one.as_json() == '{"conn_type": "a_b", "login": "", "port": 80, "extra": {"n": [1]}}'
    assert Connection.from_json('{"uri": "x://h"}', "c") == Connection("c", uri="x://h")
    assert Connection.from_json('{"extra": [1]}', "c").get_uri() == "///?__extra__=%5B1%5D"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"conn_type": "x", "hots": "h"}', "connection 'c': its JSON has unknown fields: hots"),
        ("[]", "connection 'c': its JSON should be an object, not list"),
        ('{"port": "http"}', "connection 'c': its port should be an integer, not 'http'"),
    ],
)
def test_json_that_is_no_connection_is_refused(text: str, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Connection.from_json(text, "c")


def test_uri_and_fields_exclude_each_other() -> None:
    with pytest.raises(AirflowException, match="connection 'c': give either its URI or its fields"):
        Connection("c", uri="x://h", host="h")


class HookOfAnything(BaseHook):
    """Says what it finds under the id that it is given."""

    def __init__(self, its_conn_id: str) -> None:
        self.conn_id = its_conn_id

    def test_connection(self) -> tuple[bool, str]:
        """Whether it finds a host."""
        return True, str(self.get_connection(self.conn_id).host)


def test_connection_that_is_not_stored_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = HookInfo(f"{__name__}.HookOfAnything", "its_conn_id", "tests", "Anything", "anything")
    monkeypatch.setattr(ProvidersManager, "hooks", {"anything": hook})
    assert Connection("new", conn_type="anything", host="here").test_connection() == (True, "here")
    with pytest.raises(AirflowNotFoundException):
        Connection.get("new")


def test_extra_that_is_no_json_is_logged_and_empty(caplog: pytest.LogCaptureFixture) -> None:
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


def test_hooks_of_the_standard_provider_are_there() -> None:
    there, gone = (Connection(conn_type="fs", extra=f'{{"path": "{path}"}}') for path in ("/", "/not/there"))

    assert there.test_connection() == (True, "/ exists")
    assert gone.test_connection()[0] is False
    hook = ProvidersManager().hooks["package_index"]
    assert hook is not None
    assert hook.hook_class_name.endswith("PackageIndexHook")
