"""What a parse child is told of stored values, and what it keeps of the answers."""

from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.execution_api import ExecutionApi, execution_api
from tradewind.core.dag_requests import DagRequest, RequestedRun, RequestKind
from tradewind.dag_processor.fingerprints import ABSENT
from tradewind.dag_processor.parse_protocol import ParseRequest
from tradewind.dag_processor.requests.answers import Answer
from tradewind.dag_processor.requests.child import answer_in
from tradewind.dag_processor.stored_reader import StoredReader, reading_stored_values
from tradewind.sdk import aliases
from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.task_runner.execution_api import client as execution_client

NOW = datetime(2024, 1, 1, tzinfo=UTC)
CALLBACK = """
from airflow.sdk import DAG, BaseHook

def tell(context):
    raise RuntimeError("who knows " + BaseHook.get_connection("there").password)

dag = DAG("d", on_success_callback=tell)
"""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Generator[ExecutionApi]:
    monkeypatch.setattr(execution_client, "FIRST_PAUSE_SECONDS", 0.0)
    with execution_api() as api:
        yield api


def request_to(url: str) -> ParseRequest:
    return ParseRequest(1, "/d/f.py", "/d", "", "f.py", 30.0, execution_api_url=url, token="t")


@pytest.fixture
def reader(api: ExecutionApi) -> Generator[StoredReader]:
    with reading_stored_values(request_to(api.url)) as reader:
        yield reader


def test_what_was_read_first_is_what_the_file_depends_on(api: ExecutionApi, reader: StoredReader) -> None:
    assert reader.get_variable("later") is None
    api.variables["later"] = "now"
    assert reader.get_variable("later") == "now"
    assert reader.found == {"//variable/later": ABSENT}
    assert reader.get_connection("none") is None
    assert list(reader.found) == ["//variable/later", "//connection/none"]


def test_nobody_is_asked_again_once_nobody_answered(api: ExecutionApi, reader: StoredReader) -> None:
    api.next_statuses += [503] * 3
    api.variables["a"] = "1"
    for _ in range(2):
        with pytest.raises(AirflowRuntimeError, match=r"stored variable 'a' cannot be read: .* HTTP 503 .*again later"):
            reader.get_variable("a")
    assert reader.found == {"//variable/a": "unread"}
    assert len(api.requests) == 3


def test_an_api_that_is_not_there_is_named() -> None:
    with (
        reading_stored_values(request_to("http://127.0.0.1:1")) as reader,
        pytest.raises(AirflowRuntimeError, match=r"connection 'c' cannot be read: .*127.0.0.1:1 cannot be reached"),
    ):
        reader.get_connection("c")


def test_callbacks_read_what_is_stored_and_their_errors_are_masked(api: ExecutionApi, tmp_path: Path) -> None:
    api.connections["there"] = {"conn_id": "there", "conn_type": "http", "password": "pass-phrase"}
    file = tmp_path / "own.py"
    file.write_text(CALLBACK)
    run = RequestedRun(
        run_id="r",
        run_type="manual",
        state="success",
        logical_date=NOW,
        data_interval_start=None,
        data_interval_end=None,
        run_after=NOW,
        queued_at=NOW,
        start_date=None,
        end_date=None,
        triggered_by="rest_api",
        triggering_user_name=None,
        conf=b"{}",
    )
    request = DagRequest(
        id=1,
        generation=0,
        attempts=1,
        dag_id="d",
        kind=RequestKind.DAG_CALLBACK,
        relative_fileloc="own.py",
        reason=None,
        last=None,
        run=run,
    )
    try:
        with reading_stored_values(request_to(api.url)):
            answer = msgspec.json.decode(answer_in(file, tmp_path, msgspec.json.encode(request)), type=Answer)
    finally:
        aliases.uninstall()
    assert "who knows ***" in (answer.error or "")
    assert "pass-phrase" not in (answer.error or "")
