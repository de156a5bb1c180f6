"""What people do before and while example DAGs run: make a connection, answer questions, end what waits too long."""

import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tests.e2e.client import ApiClient

ANSWER: Final = "an answer"
"""What is typed where a person is asked for text."""

THINKING_SECONDS: Final = 3.0
"""An answer that comes sooner may meet Airflow before it has seen the end of the process that asked."""

WAITING: Final = ("deferred", "awaiting_input")


class Mark(NamedTuple):
    """Somebody marks a task instance, once it has come so far."""

    task_id: str
    state: str
    try_number: int
    new_state: str


MARKS: Final[Mapping[str, Mark]] = {
    # It waits for the time of day at which its task began, an hour later.
    "example_sensors": Mark("timeout_after_second_date_in_the_future_async", "deferred", 1, "success"),
    # It tries again each minute, for five minutes.
    "example_retry_policy": Mark("call_external_api", "up_for_retry", 2, "failed"),
}


def prepare(api: ApiClient) -> None:
    """Make what the examples take for given: the connection whose files a sensor waits for."""
    connection = {"connection_id": "fs_default", "conn_type": "fs", "extra": '{"path": "/"}'}
    answer = api.post("/connections", connection)
    assert answer.status_code in (201, 409), answer.text


def act_as_people(api: ApiClient, dag_id: str, run_id: str, acted: dict[str, float]) -> None:
    """Do what is to be done about a run now; `acted` keeps when what was seen or done, so that it is done once."""
    _answer(api, dag_id, run_id, acted)
    if dag_id in MARKS:
        _mark(api, dag_id, run_id, MARKS[dag_id], acted)


def _answer(api: ApiClient, dag_id: str, run_id: str, acted: dict[str, float]) -> None:
    """Give every open question of the run its first option, and text where text is asked for."""
    page = api.get(f"/dags/{dag_id}/dagRuns/{run_id}/hitlDetails", response_received="false")
    if page.status_code != 200:
        return
    for detail in page.json()["hitl_details"]:
        ti = detail["task_instance"]
        seen = acted.setdefault(f"seen {ti['id']}", time.monotonic())
        if ti["id"] in acted or ti["state"] not in WAITING or time.monotonic() - seen < THINKING_SECONDS:
            continue
        body = {"chosen_options": detail["options"][:1], "params_input": _inputs(detail["params"])}
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{ti['task_id']}/{ti['map_index']}/hitlDetails"
        if api.patch(path, body).status_code == 200:
            acted[ti["id"]] = time.monotonic()


def _inputs(params: Mapping[str, Any] | None) -> dict[str, str]:
    return dict.fromkeys(params or {}, ANSWER)


def _mark(api: ApiClient, dag_id: str, run_id: str, mark: Mark, acted: dict[str, float]) -> None:
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{mark.task_id}"
    answer = api.get(path)
    if mark.task_id in acted or answer.status_code != 200:
        return
    ti = answer.json()
    if (ti["state"], ti["try_number"]) == (mark.state, mark.try_number):
        marked = api.patch(path, {"new_state": mark.new_state})
        assert marked.status_code == 200, marked.text
        acted[mark.task_id] = time.monotonic()
