"""A parse child's way to what is stored: the file's questions go to the execution API, and are kept as dependencies."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

from tradewind.dag_processor.file_index import CONNECTION_PREFIX, UNREAD, VARIABLE_PREFIX
from tradewind.dag_processor.fingerprints import ABSENT
from tradewind.dag_processor.parse_protocol import ParseRequest
from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.sdk.runtime import answering_imports
from tradewind.task_runner.execution_api.client import ExecutionClient

TRIES: Final = 3
LONGEST_TRY_SECONDS: Final = 5.0


@contextmanager
def reading_stored_values(request: ParseRequest) -> Generator["StoredReader"]:
    """What is imported and called in here may ask."""
    reader = StoredReader(request)
    try:
        with answering_imports(reader):
            yield reader
    finally:
        reader.close()


class StoredReader:
    """Answers a file that is imported. Once nobody could be reached, it is not tried again: the file shall have an
    import error that says so, before its time is over."""

    def __init__(self, request: ParseRequest) -> None:
        seconds = min(LONGEST_TRY_SECONDS, request.timeout_seconds / (2 * TRIES))
        self._client = ExecutionClient(request.execution_api_url, request.token, tries=TRIES, timeout_seconds=seconds)
        self._failure = ""
        self.found: dict[str, str] = {}
        """Dependency → fingerprint of what was read first."""

    def get_variable(self, key: str) -> str | None:
        """The stored text; None if there is no such variable."""
        found = self._read(f"variable {key!r}", VARIABLE_PREFIX + key, lambda: self._client.read_stored_variable(key))
        return None if found is None else found["value"]

    def get_connection(self, conn_id: str) -> dict[str, Any] | None:
        """The connection's fields; None if there is no such connection."""
        name = CONNECTION_PREFIX + conn_id
        return self._read(f"connection {conn_id!r}", name, lambda: self._client.read_stored_connection(conn_id))

    def close(self) -> None:
        """Close the connection, if one was opened."""
        self._client.close()

    def _read(self, what: str, name: str, ask: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
        first = self.found.setdefault(name, UNREAD)
        try:
            if self._failure:
                raise AirflowRuntimeError(self._failure)
            found = ask()
        except AirflowRuntimeError as exc:
            self._failure = str(exc)
            raise AirflowRuntimeError(f"the stored {what} cannot be read: {exc}; it is tried again later") from exc
        if first == UNREAD:
            self.found[name] = ABSENT if found is None else found["fingerprint"] or ABSENT
        return found
