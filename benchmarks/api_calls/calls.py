"""The ten calls that clients and user interfaces make most."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

PAGE: Final[Mapping[str, str]] = {"limit": "50"}


@dataclass(frozen=True, slots=True)
class Place:
    """A run of a DAG, and one of its tasks."""

    dag_id: str
    dag_run_id: str
    task_id: str

    @property
    def dag(self) -> str:
        return f"/api/v2/dags/{self.dag_id}"

    @property
    def run(self) -> str:
        return f"{self.dag}/dagRuns/{self.dag_run_id}"


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked: a path, and what goes with it. `body`: it is a POST."""

    name: str
    path: Callable[[Place], str]
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, object] | None = None


CALLS: Final = (
    Call("DAGs", lambda _: "/api/v2/dags", PAGE),
    Call("a DAG's details", lambda place: f"{place.dag}/details"),
    Call("a DAG's runs", lambda place: f"{place.dag}/dagRuns", {**PAGE, "order_by": "-run_after"}),
    Call("latest runs", lambda _: "/api/v2/dags/~/dagRuns", {**PAGE, "order_by": "-start_date"}),
    Call("a run", lambda place: place.run),
    Call("a run's task instances", lambda place: f"{place.run}/taskInstances", PAGE),
    Call(
        "failed task instances",
        lambda _: "/api/v2/dags/~/dagRuns/~/taskInstances",
        {**PAGE, "state": "failed", "order_by": "-start_date"},
    ),
    Call("a task instance", lambda place: f"{place.run}/taskInstances/{place.task_id}"),
    Call("its XComs", lambda place: f"{place.run}/taskInstances/{place.task_id}/xcomEntries", PAGE),
    Call("trigger a run", lambda place: f"{place.dag}/dagRuns", body={"logical_date": None}),
)


def places(dag_runs: Sequence[Mapping[str, object]], seed: int) -> list[Place]:
    """Of runs as the API lists them."""
    choice = random.Random(seed)
    return [Place(str(run["dag_id"]), str(run["dag_run_id"]), f"t{choice.randrange(10)}") for run in dag_runs]
