"""The child's client of the execution API, over real HTTP."""

import socket
import threading
from collections.abc import Generator

import pytest

from tests.execution_api import TOKEN, ExecutionApi, execution_api
from tradewind.core.errors import ConfigError
from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.task_runner.execution_api import client as execution_client
from tradewind.task_runner.execution_api.client import ExecutionClient
from tradewind.task_runner.execution_api.http_connection import HttpConnection, HttpError
from tradewind.wire.messages import TaskInstanceKey


@pytest.fixture
def api() -> Generator[ExecutionApi]:
    """A running execution API."""
    with execution_api() as api:
        yield api


@pytest.fixture
def client(api: ExecutionApi, monkeypatch: pytest.MonkeyPatch) -> Generator[ExecutionClient]:
    """A client of it that does not wait between tries."""
    monkeypatch.setattr(execution_client, "FIRST_PAUSE_SECONDS", 0.0)
    client = ExecutionClient(api.url, TOKEN)
    yield client
    client.close()


def test_xcom_round_trip(api: ExecutionApi, client: ExecutionClient) -> None:
    place = ("d", "manual__2021-01-01T00:00:00+00:00", "t/ä", "key with space", 3)
    assert client.get_xcom(*place) == (False, None)
    client.set_xcom(*place, b'{"a": [1, null]}')
    assert client.get_xcom(*place) == (True, {"a": [1, None]})
    client.set_xcom(*place, b"null")
    assert client.get_xcom(*place) == (True, None)
    client.delete_xcom(*place)
    client.delete_xcom(*place)
    assert client.get_xcom(*place) == (False, None)
    assert api.requests[0] == (
        "GET /execution/xcoms/d/manual__2021-01-01T00%3A00%3A00%2B00%3A00/t%2F%C3%A4/key%20with%20space?map_index=3"
    )
    assert api.connection_count == 1


def test_what_an_attempt_hands_in_with_its_end_is_read_without_the_api(
    api: ExecutionApi, client: ExecutionClient
) -> None:
    api.xcoms["d", "r", "t", "early", "map_index=-1"] = "stored"
    client.hand_in(TaskInstanceKey("d", "t", "r", 1), [("return_value", b'{"a": 1}')])
    assert client.get_xcom("d", "r", "t", "return_value", -1, include_prior_dates=True) == (True, {"a": 1})
    assert client.get_xcom_slice("d", "r", "t", "return_value", slice(None)) == [{"a": 1}]
    assert client.get_xcom_slice("d", "r", "t", "return_value", slice(1, None)) == []
    assert api.requests == []
    assert client.get_xcom("d", "r", "t", "early", -1) == (True, "stored")
    assert client.get_xcom("d", "other", "t", "return_value", -1) == (False, None)


def test_variables_and_connections(api: ExecutionApi, client: ExecutionClient) -> None:
    client.set_variable("k", "v", None)
    assert (client.get_variable("k"), client.get_variable("none")) == ("v", None)
    client.delete_variable("k")
    assert api.variables == {}
    api.connections["c"] = {"conn_id": "c", "host": "h"}
    assert (client.get_connection("c"), client.get_connection("none")) == ({"conn_id": "c", "host": "h"}, None)


def test_chunked_answers_are_read(api: ExecutionApi, client: ExecutionClient) -> None:
    api.chunked = True
    api.variables["k"] = "long enough for two chunks"
    assert [client.get_variable("k") for _ in range(3)] == ["long enough for two chunks"] * 3
    assert api.connection_count == 1


@pytest.mark.parametrize("statuses", [[503], [429, 500, 502, 504], [0], [0, 503, 0]])
def test_passing_trouble_is_retried(api: ExecutionApi, client: ExecutionClient, statuses: list[int]) -> None:
    api.variables["k"] = "v"
    assert client.get_variable("k") == "v"
    api.next_statuses = list(statuses)
    assert client.get_variable("k") == "v"
    assert len(api.requests) == len(statuses) + 2


@pytest.mark.parametrize(
    ("status", "tries"), [(503, execution_client.TRIES), (500, execution_client.MISHAPS_MAX)], ids=["away", "mistaken"]
)
def test_retries_end(api: ExecutionApi, client: ExecutionClient, status: int, tries: int) -> None:
    api.next_statuses = [status] * 100
    with pytest.raises(AirflowRuntimeError, match=rf"refused GET /variables/k: HTTP {status} as told"):
        client.get_variable("k")
    assert len(api.requests) == tries


def test_an_outage_of_minutes_is_sat_out() -> None:
    pauses = [
        min(execution_client.FIRST_PAUSE_SECONDS * 2**n, execution_client.LONGEST_PAUSE_SECONDS)
        for n in range(execution_client.TRIES - 1)
    ]
    assert 240 < sum(pauses) < 360


def test_refusal_is_not_retried(api: ExecutionApi) -> None:
    client = ExecutionClient(api.url, "stale token")
    with pytest.raises(AirflowRuntimeError, match=r"refused POST /xcoms/d/r/t/k: HTTP 401 invalid token"):
        client.set_xcom("d", "r", "t", "k", -1, b"1")
    client.close()
    assert len(api.requests) == 1


def test_unreachable_api_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution_client, "FIRST_PAUSE_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(AirflowRuntimeError, match=rf"http://127\.0\.0\.1:{port} cannot be reached: ConnectionRefused"):
        ExecutionClient(f"http://127.0.0.1:{port}", TOKEN).get_variable("k")


@pytest.mark.parametrize("url", ["", "api:8080", "ftp://api", "http://"])
def test_unusable_address_names_the_setting(url: str) -> None:
    with pytest.raises(ConfigError, match="TRADEWIND__CORE__EXECUTION_API_SERVER_URL"):
        ExecutionClient(url, TOKEN).get_variable("k")


def test_path_of_the_address_is_kept(api: ExecutionApi) -> None:
    client = ExecutionClient(f"{api.url}/behind/a/proxy/", TOKEN)
    client.get_variable("k")
    client.close()
    assert api.requests == ["GET /behind/a/proxy/execution/variables/k"]


def _answer_with(data: bytes) -> tuple[HttpConnection, threading.Thread]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(65536)
                accepted.sendall(data)

    thread = threading.Thread(target=serve)
    thread.start()
    return HttpConnection("127.0.0.1", listener.getsockname()[1], timeout_seconds=10), thread


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabcd", (200, b"ab")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\ncontent-length: 0\r\n\r\n", (201, b"")),
        (b"HTTP/1.0 200 OK\n\nuntil the end", (200, b"until the end")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n0\r\nTrailer: x\r\n\r\n", (200, b"ab")),
    ],
)
def test_forms_of_answers(data: bytes, answer: tuple[int, bytes]) -> None:
    connection, thread = _answer_with(data)
    assert connection.request("GET", "/", {}, b"") == answer
    connection.close()
    thread.join()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "the connection was closed"),
        (b"SSH-2.0-OpenSSH\r\n", "not an HTTP answer"),
        (b"HTTP/1.1 abc\r\n\r\n", "not an HTTP answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "closed within an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "content-length b'-1'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "an answer longer than"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk size b'zz'"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, "too long"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: yyyy\r\n" * 20_000 + b"\r\n", "headers are longer"),
    ],
)
def test_wrong_answers_are_refused(data: bytes, text: str) -> None:
    connection, thread = _answer_with(data)
    with pytest.raises(HttpError, match=text):
        connection.request("GET", "/", {}, b"")
    connection.close()
    thread.join()
