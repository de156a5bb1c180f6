"""A child's way to `/execution`: XComs, Variables and Connections, over one connection, opened when first used."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote, urlsplit

from tradewind.core.errors import AdapterError, ConfigError
from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.task_runner.http_connection import HttpConnection

TRIES: Final = 6
FIRST_PAUSE_SECONDS: Final = 0.2
"""Doubles with each try: 0.2, 0.4, … 3.2 s, about six seconds in all."""
TIMEOUT_SECONDS: Final = 30.0

_NOT_FOUND: Final = 404
_BAD_REQUEST: Final = 400

_RETRIED: Final = (429, 500, 502, 503, 504)


class Connection(Protocol):
    """An HTTP connection; raises OSError, after which it is to be closed."""

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        ...

    def close(self) -> None:
        """Close it; the next request opens another."""
        ...


class ExecutionClient:
    """Speaks for one attempt. Every method raises AirflowRuntimeError when the API refuses or cannot be reached."""

    def __init__(self, base_url: str, token: str) -> None:
        self._url = base_url.rstrip("/")
        self._token = token
        self._connection: Connection | None = None
        self._prefix = ""

    def get_xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int, *, include_prior_dates: bool = False
    ) -> tuple[bool, Any]:
        """Whether the value exists, and the value in JSON form."""
        path = _xcom_path(dag_id, run_id, task_id, key, map_index)
        found = self._get(f"{path}&include_prior_dates=true" if include_prior_dates else path)
        return found is not None, None if found is None else found["value"]

    def set_xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int, value: bytes) -> None:
        """Store a value given as JSON text."""
        self._send("POST", _xcom_path(dag_id, run_id, task_id, key, map_index), value)

    def delete_xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int) -> None:
        """Remove a value, if it exists."""
        self._send("DELETE", _xcom_path(dag_id, run_id, task_id, key, map_index), b"")

    def get_variable(self, key: str) -> str | None:
        """The variable's text; None if there is none."""
        found = self._get(f"/variables/{_part(key)}")
        return None if found is None else found["value"]

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        """Store a variable."""
        body = json.dumps({"value": value, "description": description}).encode()
        self._send("PUT", f"/variables/{_part(key)}", body)

    def delete_variable(self, key: str) -> None:
        """Remove a variable, if it exists."""
        self._send("DELETE", f"/variables/{_part(key)}", b"")

    def get_connection(self, conn_id: str) -> dict[str, Any] | None:
        """The connection's fields; None if there is none."""
        return self._get(f"/connections/{_part(conn_id)}")

    def close(self) -> None:
        """Close the connection, if one was opened."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _get(self, path: str) -> dict[str, Any] | None:
        status, body = self._exchange("GET", path, b"")
        if status == _NOT_FOUND:
            return None
        self._check("GET", path, status, body)
        return _as_object(body, self._url + path)

    def _send(self, method: str, path: str, body: bytes) -> None:
        status, answer = self._exchange(method, path, body)
        if method == "DELETE" and status == _NOT_FOUND:
            return
        self._check(method, path, status, answer)

    def _check(self, method: str, path: str, status: int, body: bytes) -> None:
        if status >= _BAD_REQUEST:
            raise AirflowRuntimeError(
                f"the execution API refused {method} {path.partition('?')[0]}: HTTP {status} {_reason(body)}"
            )

    def _exchange(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """One request with its answer. Every request may be repeated: each says what is to be, not what to add."""
        pause = FIRST_PAUSE_SECONDS
        for left in range(TRIES - 1, -1, -1):
            try:
                status, answer = self._once(method, path, body)
                if status not in _RETRIED or left == 0:
                    return status, answer
            except AdapterError as exc:
                if not exc.retryable or left == 0:
                    raise AirflowRuntimeError(str(exc)) from exc
            time.sleep(pause)
            pause *= 2
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        connection = self._connection or self._connect()
        try:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            return connection.request(method, self._prefix + path, headers, body)
        except OSError as exc:
            # Also a connection that the server closed while it was idle: the next try opens another.
            self.close()
            reason = f"{type(exc).__name__}: {exc}"
            raise AdapterError(f"the execution API at {self._url} cannot be reached: {reason}", retryable=True) from exc
        except BaseException:
            # Interrupted (timeout, kill) within an exchange: what would come next belongs to this request.
            self.close()
            raise

    def _connect(self) -> "Connection":
        parts = urlsplit(self._url)
        host = parts.hostname
        if parts.scheme not in ("http", "https") or not host:
            raise ConfigError(
                f"TRADEWIND__CORE__EXECUTION_API_SERVER_URL must be http(s)://host:port, not {self._url!r}"
            )
        self._prefix = f"{parts.path}/execution"
        if parts.scheme == "https":
            from tradewind.task_runner.https_connection import HttpsConnection

            self._connection = HttpsConnection(host, parts.port or 443, timeout_seconds=TIMEOUT_SECONDS)
        else:
            self._connection = HttpConnection(host, parts.port or 80, timeout_seconds=TIMEOUT_SECONDS)
        return self._connection


def _part(text: str) -> str:
    return quote(text, safe="")


def _xcom_path(dag_id: str, run_id: str, task_id: str, key: str, map_index: int) -> str:
    return f"/xcoms/{_part(dag_id)}/{_part(run_id)}/{_part(task_id)}/{_part(key)}?map_index={map_index}"


def _as_object(body: bytes, url: str) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError as exc:
        raise AirflowRuntimeError(f"the execution API answered {url} with something other than JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise AirflowRuntimeError(f"the execution API answered {url} with a JSON {type(value).__name__}, not an object")
    return value  # pyright: ignore[reportUnknownVariableType] - JSON objects have text keys


def _reason(body: bytes) -> str:
    text = body[:500].decode("utf-8", "replace")
    try:
        detail = json.loads(body).get("detail")
    except (ValueError, AttributeError):
        return text
    return json.dumps(detail) if isinstance(detail, dict | list) else str(detail)
