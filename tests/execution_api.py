"""A small execution API for the tests of its client: the documented paths over real HTTP, values in memory."""

import hashlib
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "token-of-the-attempt"


class ExecutionApi:
    """What the server holds, what it was asked, and how it is told to misbehave."""

    def __init__(self) -> None:
        self.url = ""
        self.xcoms: dict[tuple[str, ...], object] = {}
        self.variables: dict[str, str] = {}
        self.task_states: dict[str, object] = {}
        self.connections: dict[str, dict[str, object]] = {}
        self.dag_runs: dict[tuple[str, str], dict[str, object]] = {}
        self.task_states_by_run: dict[str, dict[str, str]] = {}
        """Logical date → task id → state, of every DAG that is asked about; the run's own is under ""."""
        self.cleared_runs: list[tuple[str, str]] = []
        self.dags: dict[str, dict[str, object]] = {}
        self.next_run_states: list[str] = []
        """States that runs have when they are asked for, one after another."""
        self.previous_run: dict[str, object] | None = None
        self.assets: list[dict[str, object]] = []
        self.asset_events: list[dict[str, object]] = []
        self.inactive_assets: list[dict[str, object]] = []
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.connection_count = 0
        self.next_statuses: list[int] = []
        """Statuses to answer with before requests are served again; 0 closes the connection without an answer."""
        self.chunked = False

    def answer(self, method: str, path: str, token: str, body: bytes) -> tuple[int, object]:  # noqa: C901 - one case each
        """Status and JSON body."""
        kind, *names = (unquote(part) for part in urlsplit(path).path.removeprefix("/execution/").split("/"))
        if kind in ("stored-variables", "stored-connections"):
            return self._answer_stored(kind, names[0])
        if token != f"Bearer {TOKEN}":
            return 401, {"detail": "invalid token"}
        key = (*names, urlsplit(path).query)
        match method, kind:
            case "GET", "xcoms" if key in self.xcoms:
                return 200, {"key": names[-1], "value": self.xcoms[key]}
            case "POST", "xcoms":
                self.xcoms[key] = json.loads(body)
                return 201, "XCom successfully set"
            case "DELETE", "xcoms":
                self.xcoms.pop(key, None)
                return 200, None
            case _, "variables" | "task-states":
                return self._answer_kept(method, kind, names, body)
            case "GET", "xcom-slices" | "xcom-items" | "xcom-counts":
                return self._answer_sequence(kind, names, urlsplit(path).query)
            case "GET", "previous-dag-runs" if self.previous_run is not None:
                return 200, self.previous_run
            case "GET", "assets" | "asset-events" | "triggering-asset-events" | "inactive-assets":
                return self._answer_asset(kind, urlsplit(path).query)
            case "GET", "task-instance-counts" | "task-instance-states" | "dag-run-counts":
                return self._answer_states(kind, parse_qs(urlsplit(path).query))
            case "GET", "dags" if names[0] in self.dags:
                return 200, self.dags[names[0]]
            case "POST", "dag-runs" if names[2:] == ["clear"]:
                self.cleared_runs.append((names[0], names[1]))
                return 204, None
            case _, "dag-runs":
                return self._answer_run(method, (names[0], names[1]), body)
            case "GET", "connections" if names[0] in self.connections:
                return 200, self.connections[names[0]]
            case _:
                return 404, {"detail": {"reason": "not_found", "message": f"{kind} {names} not found"}}

    def _answer_kept(self, method: str, kind: str, names: list[str], body: bytes) -> tuple[int, object]:
        kept: dict[str, Any] = self.variables if kind == "variables" else self.task_states
        if method == "GET":
            return (200, {"key": names[0], "value": kept[names[0]]}) if names[0] in kept else (404, {"detail": "none"})
        if method == "PUT":
            kept[names[0]] = json.loads(body)["value"]
            return 201, None
        for name in names or list(kept):
            kept.pop(name, None)
        return 204, None

    def _answer_stored(self, kind: str, name: str) -> tuple[int, object]:
        """With the fingerprints of the store in memory."""
        if kind == "stored-variables" and name in self.variables:
            value = self.variables[name]
            return 200, {"key": name, "value": value, "fingerprint": hashlib.sha256(value.encode()).hexdigest()}
        if kind == "stored-connections" and name in self.connections:
            fields = self.connections[name]
            password = str(fields["password"]).encode()
            return 200, {**fields, "fingerprint": hashlib.sha256(password).hexdigest()}
        return 404, {"detail": {"reason": "not_found", "message": f"{kind} {name} not found"}}

    def _answer_sequence(self, kind: str, names: list[str], query: str) -> tuple[int, object]:
        """What all instances of a task pushed under a key, in the order of their map indexes."""
        places = {int(key[-1].rpartition("=")[2]): key for key in self.xcoms if list(key[:-1]) == names}
        values = [self.xcoms[places[index]] for index in sorted(places)]
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        if kind == "xcom-counts":
            return 200, {"count": len(values)}
        if kind == "xcom-slices":
            bounds = (int(asked[name]) if name in asked else None for name in ("start", "stop", "step"))
            return 200, {"values": values[slice(*bounds)]}
        offset = int(asked["offset"])
        found = -len(values) <= offset < len(values)
        return (200, {"value": values[offset]}) if found else (404, {"detail": {"reason": "not_found"}})

    def _answer_asset(self, kind: str, query: str) -> tuple[int, object]:
        if kind != "assets":
            return 200, {"asset_events": self.asset_events, "inactive_assets": self.inactive_assets}
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        found = [asset for asset in self.assets if all(asset[name] == value for name, value in asked.items())]
        return (200, found[0]) if found else (404, {"detail": {"reason": "not_found"}})

    def _answer_states(self, kind: str, asked: dict[str, list[str]]) -> tuple[int, object]:
        runs = [self.task_states_by_run[date] for date in asked["logical_dates"] if date in self.task_states_by_run]
        if kind == "task-instance-states":
            return 200, {"task_states": {str(number): run for number, run in enumerate(runs)}}
        task_ids = [""] if kind == "dag-run-counts" else asked["task_ids"]
        return 200, {"count": sum(run.get(task_id) in asked["states"] for run in runs for task_id in task_ids)}

    def _answer_run(self, method: str, run: tuple[str, str], body: bytes) -> tuple[int, object]:
        if method == "GET":
            return 200, {"state": self.next_run_states.pop(0)}
        if run in self.dag_runs:
            return 409, {"detail": {"reason": "already_exists", "message": "there is one"}}
        self.dag_runs[run] = json.loads(body)
        return 204, None


def _handler(api: ExecutionApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            api.connection_count += 1

        def log_message(self, format: str, *args: object) -> None:
            """Keep the tests' output clean."""

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            api.requests.append(f"{self.command} {self.path}")
            api.bodies.append(body)
            status, value = api.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            if api.next_statuses:
                status, value = api.next_statuses.pop(0), {"detail": "as told"}
            if status == 0:
                self.close_connection = True
                return
            self._reply(status, b"" if status == 204 else json.dumps(value).encode())

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if api.chunked:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                parts = [body[:5], body[5:]]
                self.wfile.write(b"".join(b"%x;note=1\r\n%s\r\n" % (len(part), part) for part in parts if part))
                self.wfile.write(b"0\r\n\r\n")
                return
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

    return Handler


@contextmanager
def execution_api() -> Generator[ExecutionApi]:
    """A running server on the loopback interface."""
    api = ExecutionApi()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
