"""Importing the DAG file of tasks: ahead of the fork, or in an attempt's own process.

A file that reads stored Variables or Connections at its top level is never imported ahead: what it makes of them would
be as old as its server, and there is no attempt yet in whose name to ask.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tradewind.sdk.dag_file import LoadedDagFile, import_timeout_of, load_dag_file
from tradewind.sdk.masking import MASKER
from tradewind.sdk.runtime import answering_imports
from tradewind.task_runner.execution_api.client import ExecutionClient
from tradewind.task_runner.forking.protocol import StartServer
from tradewind.task_runner.protocol import AttemptRequest


class ReadsStoredValues(BaseException):
    """The file wants to know what is stored. No Exception, so that what authors catch does not swallow it."""


class ImportTookTooLong(BaseException):
    """The import's time is over. No Exception, for the same reason; no TimeoutError, which a client tries again."""


class _Refusing:
    """Answers nobody, and remembers that it was asked."""

    def __init__(self) -> None:
        self.asked = ""

    def get_variable(self, key: str) -> str | None:
        self._refuse(f"variable {key!r}")

    def get_connection(self, conn_id: str) -> dict[str, object] | None:
        self._refuse(f"connection {conn_id!r}")

    def _refuse(self, what: str) -> NoReturn:
        self.asked = f"it reads the stored {what} while it is imported: each attempt imports it anew"
        raise ReadsStoredValues(self.asked)


@contextmanager
def ahead_of_forks() -> Generator[None]:
    """What is imported here is for all attempts to come: raises `ReadsStoredValues` if it asks for what is stored,
    also where the author's code has caught that."""
    refusing = _Refusing()
    with answering_imports(refusing):
        yield
    if refusing.asked:
        raise ReadsStoredValues(refusing.asked)


def import_for(request: AttemptRequest, server: StartServer) -> LoadedDagFile:
    """Import the file in the attempt's process, in its name. Raises `ImportTookTooLong`, and what the import raises."""
    MASKER.add(request.grant.token)
    client = ExecutionClient(request.execution_api_url, request.grant.token)
    path, folder = Path(server.path), Path(server.dags_folder)
    try:
        with answering_imports(client), _in_time(path, folder, server.import_timeout_seconds):
            return load_dag_file(path, folder)
    finally:
        client.close()


@contextmanager
def _in_time(path: Path, folder: Path, usual_seconds: float) -> Generator[None]:
    allowed = import_timeout_of(path, folder) or usual_seconds

    def on_alarm(_signum: int, _frame: FrameType | None) -> None:
        raise ImportTookTooLong(f"importing {path} took more than {allowed:g} s")

    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, allowed)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
