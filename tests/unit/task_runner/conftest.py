"""Running attempts in the test's own process, as a forked child would."""

import json
import os
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any, Protocol
from uuid import UUID

import pytest

from tests.execution_api import TOKEN, ExecutionApi, execution_api
from tradewind.sdk import aliases
from tradewind.sdk.dag_file import LoadedDagFile, load_dag_file
from tradewind.task_runner.attempt.execute import run_attempt
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.wire.messages import Grant, TaskInstanceKey, TaskStarted

LOGICAL_DATE = datetime(2021, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Ran:
    """What came of an attempt."""

    messages: list[TaskStarted | AttemptResult]
    output: str

    @property
    def result(self) -> AttemptResult:
        """The last message."""
        result = self.messages[-1]
        assert isinstance(result, AttemptResult)
        return result

    @property
    def xcoms(self) -> dict[str, Any]:
        """The XComs of the result, in JSON form."""
        return {key: json.loads(value) for key, value in self.result.xcoms}

    @property
    def rendered(self) -> dict[str, Any]:
        """The rendered fields."""
        assert self.result.rendered_fields is not None
        return json.loads(self.result.rendered_fields)

    @property
    def lines(self) -> list[str]:
        """The lines of the log (not `splitlines`: the record separator counts as a line's end there)."""
        return self.output.removesuffix("\n").split("\n") if self.output else []

    @property
    def records(self) -> list[dict[str, Any]]:
        """The structured lines of the log."""
        return [json.loads(line[1:]) for line in self.lines if line.startswith("\x1e")]

    @property
    def events(self) -> list[str]:
        """The texts of the structured lines."""
        return [record["event"] for record in self.records]

    @property
    def printed(self) -> list[str]:
        """The plain lines of the log."""
        return [line for line in self.lines if not line.startswith("\x1e")]


def attempt_request(
    task_id: str = "t",
    *,
    dag_id: str = "d",
    url: str = "",
    conf: dict[str, Any] | None = None,
    logical_date: datetime | None = LOGICAL_DATE,
    try_number: int = 1,
    max_tries: int = 0,
    map_index: int = -1,
    **granted: Any,
) -> AttemptRequest:
    """A request with every field that tests care about overridable."""
    now = datetime(2021, 1, 2, 4, tzinfo=UTC)
    grant = Grant(
        token=TOKEN,
        try_number=try_number,
        max_tries=max_tries,
        relative_fileloc="file.py",
        file_digest="",
        run_type="manual",
        logical_date=logical_date,
        data_interval_start=logical_date,
        data_interval_end=logical_date,
        run_after=now,
        dag_run_start_date=now,
        dag_run_queued_at=now,
        triggered_by="rest_api",
        conf=json.dumps(conf or {}).encode(),
        start_date=now,
        **granted,
    )
    key = TaskInstanceKey(dag_id, task_id, "manual__1", try_number, map_index)
    return AttemptRequest(key, UUID(int=7), grant, "/dags", url, "worker-1")


class RunSource(Protocol):
    """Runs a task of a DAG file given as text."""

    def __call__(self, source: str, task_id: str = "t", **request: Any) -> Ran: ...


@pytest.fixture
def api() -> Generator[ExecutionApi]:
    """An execution API with nothing in it."""
    with execution_api() as api:
        yield api


@pytest.fixture
def load(tmp_path: Path) -> Generator[Any]:
    """Load a DAG file given as text."""

    def load_source(source: str) -> LoadedDagFile:
        path = tmp_path / "file.py"
        path.write_text(dedent(source))
        return load_dag_file(path, tmp_path)

    yield load_source
    aliases.uninstall()


@pytest.fixture
def run(load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunSource:
    """Load a file, run one attempt of it, and collect everything that it sends and writes."""
    monkeypatch.setenv("PATH", os.environ["PATH"])

    def run_source(source: str, task_id: str = "t", **request: Any) -> Ran:
        loaded = load(source)
        return run_loaded(loaded, attempt_request(task_id, **request), tmp_path / "log")

    return run_source


def run_loaded(loaded: LoadedDagFile, request: AttemptRequest, log: Path) -> Ran:
    """Run one attempt with its log in a file."""
    messages: list[TaskStarted | AttemptResult] = []
    environment = dict(os.environ)
    descriptor = os.open(log, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600)
    try:
        run_attempt(request, loaded, messages.append, log_descriptor=descriptor)
    finally:
        os.close(descriptor)
        os.environ.clear()
        os.environ.update(environment)
    return Ran(messages, log.read_text(encoding="utf-8"))
