"""What a user's script does over REST: log in, unpause, trigger, wait, read."""

import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx

FINISHED = ("success", "failed")


def wait_until(holds: Callable[[], bool], what: str, timeout_seconds: float = 60.0) -> None:
    """Return once it holds; fails the test, naming `what`, if that takes too long."""
    deadline = time.monotonic() + timeout_seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {timeout_seconds:g} s: {what}"
        time.sleep(0.01)


class ApiClient:
    """A logged-in client of `/api/v2`; answers are the JSON documents as they come."""

    def __init__(self, api_url: str, username: str = "", password: str = "", *, token: str | None = None) -> None:
        """Logs in by name and password, unless there is a token already."""
        self._http = httpx.Client(base_url=api_url, timeout=60.0, trust_env=False)
        if token is None:
            answer = self._http.post("/auth/token", json={"username": username, "password": password})
            assert answer.status_code == 201, answer.text
            token = answer.json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        self.url, self.token = api_url, str(token)
        self.username, self.password = username, password

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self._http.get(f"/api/v2{path}", params=params)

    def post(self, path: str, body: Any) -> httpx.Response:
        return self._http.post(f"/api/v2{path}", json=body)

    def patch(self, path: str, body: Any, **params: Any) -> httpx.Response:
        return self._http.patch(f"/api/v2{path}", json=body, params=params)

    def delete(self, path: str) -> httpx.Response:
        return self._http.delete(f"/api/v2{path}")

    def wait_for_dag(self, dag_id: str, timeout_seconds: float = 60.0) -> dict[str, Any]:
        """The DAG as soon as the API knows it; fails with the import errors otherwise."""
        deadline = time.monotonic() + timeout_seconds
        while (answer := self.get(f"/dags/{dag_id}")).status_code == 404:
            if time.monotonic() > deadline:
                errors = self.get("/importErrors").json()
                raise AssertionError(f"DAG {dag_id!r} did not appear; import errors: {errors}")
            time.sleep(0.02)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def unpause(self, dag_id: str) -> None:
        answer = self._http.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False})
        assert answer.status_code == 200, answer.text

    def trigger(self, dag_id: str, **body: Any) -> str:
        """Trigger a run by hand; returns its run id."""
        answer = self.post(f"/dags/{dag_id}/dagRuns", {"logical_date": None, **body})
        assert answer.status_code == 200, answer.text
        return answer.json()["dag_run_id"]

    def wait_for_run(self, dag_id: str, run_id: str, timeout_seconds: float = 120.0) -> dict[str, Any]:
        """The run once it has ended; fails with its task instances if that takes too long."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            run = self.get(f"/dags/{dag_id}/dagRuns/{run_id}").json()
            if run["state"] in FINISHED:
                return run
            if time.monotonic() > deadline:
                states = [(ti["task_id"], ti["state"], ti["try_number"]) for ti in self.task_instances(dag_id, run_id)]
                raise AssertionError(f"run {run_id} of {dag_id} is {run['state']} after {timeout_seconds} s: {states}")
            time.sleep(0.02)

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """All task instances of a run, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=100, offset=len(found)).json()
            found += page["task_instances"]
            if len(found) >= page["total_entries"] or not page["task_instances"]:
                return found

    def states(self, dag_id: str, run_id: str) -> Counter[str]:
        """How many task instances of the run are in each state."""
        return Counter(str(ti["state"]) for ti in self.task_instances(dag_id, run_id))

    def log_events(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> list[str]:
        """The messages of a task's log, in order."""
        answer = self.get(
            f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}", full_content="true"
        )
        assert answer.status_code == 200, answer.text
        return [str(record["event"]) for record in answer.json()["content"]]

    def log_of(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """A task's log with tracebacks and all, as one text."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        return self.get(path, full_content="true").text

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        answer = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}")
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]
