"""A child's way to `/execution`: XComs, Variables and Connections, over one connection, opened when first used."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import RLock
from typing import Any, Final, Protocol, cast
from urllib.parse import quote, urlencode, urlsplit

from tradewind.core.errors import AdapterError, ConfigError
from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.sdk.runtime import HANDED_TOKEN, HANDED_URL
from tradewind.task_runner.execution_api.http_connection import HttpConnection
from tradewind.wire.messages import TaskInstanceKey

TRIES: Final = 64
FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 5.0
"""Doubles with each try, 0.2, 0.4, … 5 s, about five minutes in all: while API or database are away, tasks wait as all
services do. `execution_timeout` ends the wait of who has one."""
MISHAPS_MAX: Final = 6
"""Tries that may end in 500: a mistake of the server's, which will hardly go away."""
TIMEOUT_SECONDS: Final = 30.0
KEYS_PER_PAGE: Final = 1000

_NOT_MAPPED: Final = -1
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_BAD_REQUEST: Final = 400
_SERVER_ERROR: Final = 500

_RETRIED: Final = (429, _SERVER_ERROR, 502, 503, 504)


class Connection(Protocol):
    """An HTTP connection; raises OSError, after which it is to be closed."""

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        ...

    def close(self) -> None:
        """Close it; the next request opens another."""
        ...


class ExecutionClient:
    """Speaks for one attempt, or for a file that is imported. Every method raises AirflowRuntimeError when the API
    refuses or cannot be reached."""

    def __init__(
        self, base_url: str, token: str, *, tries: int = TRIES, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._url = base_url.rstrip("/")
        self._tries = tries
        self._timeout_seconds = timeout_seconds
        self._token = token
        self._connection: Connection | None = None
        self._prefix = ""
        self._turn = RLock()
        """One request at a time: coroutines of a task ask from several threads."""
        self._handed_in: Mapping[tuple[str, str, str, str, int], bytes] = {}

    def hand_in(self, key: TaskInstanceKey, xcoms: Sequence[tuple[str, bytes]]) -> None:
        """The attempt has ended with these XComs, in JSON form. The API knows them once its end is recorded; callbacks
        are called meanwhile, and find them here."""
        self._handed_in = {(key.dag_id, key.run_id, key.task_id, name, key.map_index): value for name, value in xcoms}

    def get_xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int, *, include_prior_dates: bool = False
    ) -> tuple[bool, Any]:
        """Whether the value exists, and the value in JSON form."""
        own = self._handed_in.get((dag_id, run_id, task_id, key, map_index))
        if own is not None:
            return True, json.loads(own)
        path = _xcom_path(dag_id, run_id, task_id, key, map_index)
        found = self._get(f"{path}&include_prior_dates=true" if include_prior_dates else path)
        return found is not None, None if found is None else found["value"]

    def set_xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int, value: bytes) -> None:
        """Store a value given as JSON text."""
        self._send("POST", _xcom_path(dag_id, run_id, task_id, key, map_index), value)

    def delete_xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int) -> None:
        """Remove a value, if it exists."""
        self._send("DELETE", _xcom_path(dag_id, run_id, task_id, key, map_index), b"")

    def handed_on(self) -> Mapping[str, str]:
        """The environment by which another Python of the task speaks for the attempt."""
        return {HANDED_URL: self._url, HANDED_TOKEN: self._token}

    def get_variable(self, key: str) -> str | None:
        """The variable's text; None if there is none."""
        found = self._get(f"/variables/{_part(key)}")
        return None if found is None else found["value"]

    def get_variable_keys(self, prefix: str | None = None) -> list[str]:
        """The keys of all variables that begin so, in order."""
        keys: list[str] = []
        while True:
            after = keys[-1] if keys else None
            page = self._ask("/variable-keys" + _query({"prefix": prefix, "after": after, "limit": KEYS_PER_PAGE}))[
                "keys"
            ]
            keys += page
            if len(page) < KEYS_PER_PAGE:
                return keys

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

    def read_stored_variable(self, key: str) -> dict[str, Any] | None:
        """With a reader's token: `value` and `fingerprint`; None if there is no such variable."""
        return self._get(f"/stored-variables/{_part(key)}")

    def read_stored_connection(self, conn_id: str) -> dict[str, Any] | None:
        """With a reader's token: the connection's fields and `fingerprint`; None if there is none."""
        return self._get(f"/stored-connections/{_part(conn_id)}")

    def get_bundle_manifest(self, digest: str) -> bytes:
        """The text of a bundle's manifest."""
        return self._bytes("GET", f"/bundles/{_part(digest)}", b"")

    def get_bundle_blobs(self, digest: str, blobs: Sequence[str]) -> bytes:
        """A tar archive of contents of the bundle's files: some of those asked for, at least the first."""
        body = json.dumps({"digests": list(blobs)}).encode()
        return self._bytes("POST", f"/bundles/{_part(digest)}/blobs", body)

    def _bytes(self, method: str, path: str, body: bytes) -> bytes:
        status, answer = self._exchange(method, path, body)
        self._check(method, path, status, answer)
        return answer

    def get_xcom_item(self, dag_id: str, run_id: str, task_id: str, key: str, offset: int) -> tuple[bool, Any]:
        """Of the values of a task's instances, in the order of their map indexes, the one at a place."""
        found = self._get(f"{_names('/xcom-items', dag_id, run_id, task_id, key)}?offset={offset}")
        return found is not None, None if found is None else found["value"]

    def get_xcom_slice(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        key: str,
        bounds: slice,
        *,
        include_prior_dates: bool = False,
    ) -> list[Any]:
        """Of these values a slice, in JSON form."""
        own = self._handed_in.get((dag_id, run_id, task_id, key, _NOT_MAPPED))
        if own is not None:
            return [json.loads(own)][bounds]
        wanted = {"start": bounds.start, "stop": bounds.stop, "step": bounds.step}
        query = _query({**wanted, "include_prior_dates": "true" if include_prior_dates else None})
        return self._ask(_names("/xcom-slices", dag_id, run_id, task_id, key) + query)["values"]

    def count_xcoms(self, dag_id: str, run_id: str, task_id: str, key: str) -> int:
        """How many of these values there are."""
        return self._ask(_names("/xcom-counts", dag_id, run_id, task_id, key))["count"]

    def count_task_instances(self, dag_id: str, **filters: Any) -> int:
        """How many task instances there are."""
        return self._ask(_names("/task-instance-counts", dag_id) + _query(filters))["count"]

    def get_task_states(self, dag_id: str, **filters: Any) -> dict[str, dict[str, str | None]]:
        """run_id → task id (`<task id>_<map index>` of a mapped one) → state."""
        return self._ask(_names("/task-instance-states", dag_id) + _query(filters))["task_states"]

    def get_task_breadcrumbs(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Of a run's ended task instances `task_id`, `map_index`, `state`, `operator`, `duration`."""
        return self._ask(_names("/task-instance-breadcrumbs", dag_id, run_id))["breadcrumbs"]

    def get_previous_task_instance(
        self, dag_id: str, task_id: str, *, logical_date: datetime | None, map_index: int, state: str | None
    ) -> dict[str, Any] | None:
        """The latest instance of a task in a run before a logical date (None: of any date), with this state."""
        query = _query({"logical_date": logical_date, "map_index": map_index, "state": state})
        return self._get(_names("/previous-task-instances", dag_id, task_id) + query)

    def count_dag_runs(self, dag_id: str, **filters: Any) -> int:
        """How many runs there are."""
        return self._ask(_names("/dag-run-counts", dag_id) + _query(filters))["count"]

    def get_dag_run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        """A run's fields, dates as ISO texts; None if there is none."""
        return self._get(_names("/dag-runs", dag_id, run_id))

    def get_previous_dag_run(self, dag_id: str, logical_date: datetime, state: str | None) -> dict[str, Any] | None:
        """The latest run of an earlier logical date, with this state if one is given."""
        query = _query({"logical_date": logical_date, "state": state})
        return self._get(_names("/previous-dag-runs", dag_id) + query)

    def get_dag(self, dag_id: str) -> dict[str, Any] | None:
        """What is known of a DAG; None if it is unknown."""
        return self._get(_names("/dags", dag_id))

    def trigger_dag_run(self, dag_id: str, run_id: str, request: dict[str, Any]) -> bool:
        """Make a run; False if there is one of this id or logical date."""
        path = _names("/dag-runs", dag_id, run_id)
        status, answer = self._exchange("POST", path, json.dumps(request).encode())
        if status == _CONFLICT and b"already_exists" in answer:
            return False
        self._check("POST", path, status, answer)
        return True

    def clear_dag_run(self, dag_id: str, run_id: str) -> None:
        """Have all of a run's tasks run again."""
        self._send("POST", _names("/dag-runs", dag_id, run_id) + "/clear", b"")

    def get_task_state(self, key: str) -> tuple[bool, Any]:
        """Of what this task instance keeps over its tries: whether there is a value, and the value."""
        return _value_of(self._get(_names("/task-states", key)))

    def set_task_state(self, key: str, value: Any, expires_at: datetime | None) -> None:
        """Keep a JSON value."""
        expires = None if expires_at is None else expires_at.isoformat()
        self._send("PUT", _names("/task-states", key), json.dumps({"value": value, "expires_at": expires}).encode())

    def delete_task_state(self, key: str | None) -> None:
        """Forget one value; None: all of this task instance."""
        self._send("DELETE", "/task-states" if key is None else _names("/task-states", key), b"")

    def get_asset_state(self, *, name: str | None, uri: str | None, key: str) -> tuple[bool, Any]:
        """Of what is kept for an asset: whether there is a value, and the value."""
        return _value_of(self._get("/asset-states" + _query({"name": name, "uri": uri, "key": key})))

    def set_asset_state(self, *, name: str | None, uri: str | None, key: str, value: Any) -> None:
        """Keep a JSON value for an asset."""
        path = "/asset-states" + _query({"name": name, "uri": uri, "key": key})
        self._send("PUT", path, json.dumps({"value": value}).encode())

    def delete_asset_state(self, *, name: str | None, uri: str | None, key: str | None) -> None:
        """Forget one value of an asset; None: all of them."""
        self._send("DELETE", "/asset-states" + _query({"name": name, "uri": uri, "key": key}), b"")

    def get_asset(self, *, name: str | None, uri: str | None) -> dict[str, Any] | None:
        """The active asset of this name or URI; None if there is none."""
        return self._get("/assets" + _query({"name": name, "uri": uri}))

    def get_assets_of_alias(self, alias: str) -> list[dict[str, Any]]:
        """The active assets that an alias has stood for."""
        return self._ask("/alias-assets" + _query({"alias": alias}))["assets"]

    def get_asset_events(
        self,
        *,
        name: str | None = None,
        uri: str | None = None,
        alias: str | None = None,
        after: str | None = None,
        before: str | None = None,
        ascending: bool = True,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Events of an asset or an alias."""
        of = {"name": name, "uri": uri, "alias": alias}
        order = "true" if ascending else "false"
        filters = {"after": after, "before": before, "ascending": order, "limit": limit}
        return self._ask("/asset-events" + _query({**of, **filters}))["asset_events"]

    def get_inactive_assets(self) -> list[dict[str, Any]]:
        """Inlets and outlets of the attempt's task that are not active."""
        return self._ask("/inactive-assets")["inactive_assets"]

    def get_triggering_asset_events(self) -> list[dict[str, Any]]:
        """The events that the attempt's run was made by."""
        return self._ask("/triggering-asset-events")["asset_events"]

    def take_connection_test(self) -> dict[str, Any] | None:
        """A connection to be tested: `id`, and `connection` with its fields; None if there is none."""
        status, body = self._exchange("POST", "/connection-tests/take", b"")
        if status == _NOT_FOUND:
            return None
        self._check("POST", "/connection-tests/take", status, body)
        return _as_object(body, self._url)

    def answer_connection_test(self, test_id: str, *, is_good: bool, message: str) -> None:
        """What came of it."""
        answer = {"status": is_good, "message": message}
        self._send("POST", _names("/connection-tests", test_id) + "/answer", json.dumps(answer).encode())

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

    def _ask(self, path: str) -> dict[str, Any]:
        """The answer to a question that always has one."""
        found = self._get(path)
        if found is None:
            raise AirflowRuntimeError(f"the execution API knows nothing of {path.partition('?')[0]}")
        return found

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
        pause, mishaps = FIRST_PAUSE_SECONDS, 0
        for left in range(self._tries - 1, -1, -1):
            try:
                with self._turn:
                    status, answer = self._once(method, path, body)
                mishaps += status == _SERVER_ERROR
                if status not in _RETRIED or left == 0 or mishaps == MISHAPS_MAX:
                    return status, answer
            except AdapterError as exc:
                if not exc.retryable or left == 0:
                    raise AirflowRuntimeError(str(exc)) from exc
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
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
            from tradewind.task_runner.execution_api.https_connection import HttpsConnection

            self._connection = HttpsConnection(host, parts.port or 443, timeout_seconds=self._timeout_seconds)
        else:
            self._connection = HttpConnection(host, parts.port or 80, timeout_seconds=self._timeout_seconds)
        return self._connection


def _part(text: str) -> str:
    return quote(text, safe="")


def _names(prefix: str, *names: str) -> str:
    return "/".join((prefix, *map(_part, names)))


def _query(values: Mapping[str, Any]) -> str:
    """`?…` of what is not None: dates as ISO texts, lists as repeated names, a None in a list as "null"."""
    pairs = [(name, _shown(one)) for name, value in values.items() for one in _each(value)]
    return f"?{urlencode(pairs)}" if pairs else ""


def _each(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(cast("list[Any]", value)) if isinstance(value, list | tuple | set | frozenset) else [value]


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _value_of(found: dict[str, Any] | None) -> tuple[bool, Any]:
    return found is not None, None if found is None else found["value"]


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
