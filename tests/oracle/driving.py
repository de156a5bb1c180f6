"""Drives runs of many DAGs over REST API v2, of whichever system: triggers, does what people do, waits, reads."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.e2e.client import FINISHED, ApiClient
from tests.oracle.acting import act_as_people

LOGICAL_DATE: Final = "2026-01-05T00:00:00Z"
"""A Monday in the past, the same for every DAG, so that those which wait for each other's runs find them."""

LOGICAL_DATES: Final = {"child_dag": "2026-01-06T00:00:00Z"}
"""What another DAG triggers for the common date must not have run for it yet."""

CONFS: Final[Mapping[str, Mapping[str, object]]] = {
    "example_params_ui_tutorial": {"required_field": "a value of some length"}
}
"""What DAGs need to be told that have params without a default."""

FIRST: Final = (
    "example_external_task",
    "example_sensors",
    "example_retry_policy",
    "example_external_task_marker_parent",
)
"""What waits for a minute, and what others would wait a minute for, if it came after them."""

POLL_SECONDS: Final = 0.25

Script = Generator[None, None, None]
"""What is done about one thing; goes on with each `next`, and is over when it returns."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a run."""

    state: str
    """`success` or `failed`; anything else = it had not ended when the time was over."""
    tasks: Mapping[str, str]
    """Task id, with `[map_index]` where mapped → state."""
    tries: Mapping[str, int] = field(default_factory=dict[str, int])
    """Of tasks that had more than one."""
    events: Sequence[Sequence[Any]] = ()
    """Of assets that it wrote: name, extra, partition key."""


class Refused(Exception):
    """A run was not accepted: status and text of the answer."""


def in_turn(waiting: Sequence[tuple[str, Script]], *, at_once: int, tell: Callable[[str], None]) -> None:
    """Carry scripts out, so many at a time; `tell` hears the name of each that is over."""
    queue, running = list(waiting), list[tuple[str, Script]]()
    while queue or running:
        while queue and len(running) < at_once:
            running.append(queue.pop(0))
        for name, script in tuple(running):
            if next(script, script) is script:
                running.remove((name, script))
                tell(f"{len(waiting) - len(queue) - len(running)}/{len(waiting)} {name}")
        time.sleep(POLL_SECONDS)


def run_dag(api: ApiClient, dag_id: str, seconds: float, ended: dict[str, Ended]) -> Script:
    """Run a DAG once for the common logical date, for at most so many seconds; what became of it goes into `ended`."""
    body = {"logical_date": LOGICAL_DATES.get(dag_id, LOGICAL_DATE), "conf": dict(CONFS.get(dag_id, {}))}
    api.unpause(dag_id)
    try:
        run_id = trigger(api, dag_id, "compared", body)
    except Refused as exc:
        ended[dag_id] = Ended(f"refused: {exc}", {})
        return
    yield from run_ends(api, dag_id, run_id, time.monotonic() + seconds)
    ended[dag_id] = read(api, dag_id, run_id)


def trigger(api: ApiClient, dag_id: str, run_id: str, body: Mapping[str, object]) -> str:
    """A run by hand; its run id. Raises `Refused`."""
    answer = api.post(f"/dags/{dag_id}/dagRuns", {"logical_date": None, "dag_run_id": run_id, **body})
    if answer.status_code != 200:
        raise Refused(f"{answer.status_code} {answer.text}")
    return answer.json()["dag_run_id"]


def run_ends(api: ApiClient, dag_id: str, run_id: str, deadline: float) -> Script:
    """Until the run has ended or the time is over, do what people have to do."""
    acted = dict[str, float]()
    while time.monotonic() < deadline:
        act_as_people(api, dag_id, run_id, acted)
        if state_of(api, dag_id, run_id) in FINISHED:
            return
        yield


def state_of(api: ApiClient, dag_id: str, run_id: str) -> str:
    """Of a run that is there."""
    answer = api.get(f"/dags/{dag_id}/dagRuns/{run_id}")
    assert answer.status_code == 200, f"{dag_id} {run_id}: {answer.status_code} {answer.text}"
    return answer.json()["state"]


def read(api: ApiClient, dag_id: str, run_id: str) -> Ended:
    """What has become of the run so far."""
    state = state_of(api, dag_id, run_id)
    instances = sorted((_name(ti), ti) for ti in api.task_instances(dag_id, run_id))
    page = api.get("/assets/events", source_dag_id=dag_id, source_run_id=run_id, limit=100)
    events = [(event["name"], event["extra"], event.get("partition_key")) for event in page.json()["asset_events"]]
    return Ended(
        state,
        tasks={name: ti["state"] or "none" for name, ti in instances},
        tries={name: ti["try_number"] for name, ti in instances if ti["try_number"] > 1},
        events=sorted(events, key=repr),
    )


def _name(ti: Mapping[str, Any]) -> str:
    return ti["task_id"] if ti["map_index"] < 0 else f"{ti['task_id']}[{ti['map_index']}]"
