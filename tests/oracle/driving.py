"""Drives runs of many DAGs over REST API v2, of whichever system: triggers, answers for people, waits, reads."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.e2e.client import FINISHED, ApiClient

LOGICAL_DATE: Final = "2026-01-05T00:00:00Z"
"""A Monday in the past, the same for every DAG, so that those which wait for each other's runs find them."""

LOGICAL_DATES: Final = {"child_dag": "2026-01-06T00:00:00Z"}
"""What another DAG triggers for the common date must not have run for it yet."""

ANSWER: Final = "an answer"
"""What is typed where a person is asked for text."""

CONFS: Final[Mapping[str, Mapping[str, object]]] = {
    "example_params_ui_tutorial": {"required_field": "a value of some length"}
}
"""What DAGs need to be told that have params without a default."""

POLL_SECONDS: Final = 0.25
WAITING: Final = ("deferred", "awaiting_input")


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a run."""

    state: str
    """`success` or `failed`; anything else = it had not ended when the time was over."""
    tasks: Mapping[str, str]
    """Task id, with `[map_index]` where mapped → state."""


@dataclass(slots=True)
class _Open:
    dag_id: str
    run_id: str
    deadline: float
    answered: dict[str, None] = field(default_factory=dict[str, None])


def drive(
    api: ApiClient,
    dag_ids: Sequence[str],
    *,
    at_once: int,
    seconds: float,
    tell: Callable[[str], None] = lambda _text: None,
) -> dict[str, Ended]:
    """Unpause all, run each once, at most `at_once` at a time and each for at most so many seconds."""
    for dag_id in dag_ids:
        api.unpause(dag_id)
    waiting, running = list(dag_ids), list[_Open]()
    ended: dict[str, Ended] = {}
    while waiting or running:
        while waiting and len(running) < at_once:
            dag_id = waiting.pop(0)
            try:
                running.append(_Open(dag_id, trigger(api, dag_id), time.monotonic() + seconds))
            except Refused as exc:
                ended[dag_id] = Ended(f"refused: {exc}", {})
        time.sleep(POLL_SECONDS)
        for run in tuple(running):
            answer_people(api, run.dag_id, run.run_id, run.answered)
            state = api.get(f"/dags/{run.dag_id}/dagRuns/{run.run_id}").json()["state"]
            if state in FINISHED or time.monotonic() > run.deadline:
                running.remove(run)
                ended[run.dag_id] = Ended(state, task_states(api, run.dag_id, run.run_id))
                tell(f"{len(ended)}/{len(dag_ids)} {run.dag_id}: {state}")
    return {dag_id: ended[dag_id] for dag_id in dag_ids}


class Refused(Exception):
    """A run was not accepted: status and text of the answer."""


def trigger(api: ApiClient, dag_id: str) -> str:
    """A run for the common logical date; its run id. Raises `Refused`."""
    logical_date = LOGICAL_DATES.get(dag_id, LOGICAL_DATE)
    body = {"logical_date": logical_date, "dag_run_id": "compared", "conf": dict(CONFS.get(dag_id, {}))}
    answer = api.post(f"/dags/{dag_id}/dagRuns", body)
    if answer.status_code != 200:
        raise Refused(f"{answer.status_code} {answer.text}")
    return answer.json()["dag_run_id"]


def answer_people(api: ApiClient, dag_id: str, run_id: str, answered: dict[str, None]) -> None:
    """Give every open question of the run its first option, and text where text is asked for."""
    page = api.get(f"/dags/{dag_id}/dagRuns/{run_id}/hitlDetails", response_received="false")
    if page.status_code != 200:
        return
    for detail in page.json()["hitl_details"]:
        ti = detail["task_instance"]
        if ti["id"] in answered or ti["state"] not in WAITING:
            continue
        body = {"chosen_options": detail["options"][:1], "params_input": _inputs(detail["params"])}
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{ti['task_id']}/{ti['map_index']}/hitlDetails"
        if api.patch(path, body).status_code == 200:
            answered[ti["id"]] = None


def _inputs(params: Mapping[str, Any] | None) -> dict[str, str]:
    return dict.fromkeys(params or {}, ANSWER)


def task_states(api: ApiClient, dag_id: str, run_id: str) -> dict[str, str]:
    """Every task instance's state by its id, sorted."""
    found = {
        ti["task_id"] if ti["map_index"] < 0 else f"{ti['task_id']}[{ti['map_index']}]": ti["state"] or "none"
        for ti in api.task_instances(dag_id, run_id)
    }
    return dict(sorted(found.items()))
