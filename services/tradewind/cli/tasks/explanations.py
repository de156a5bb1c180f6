"""`tradewind tasks why` and `tasks failed-deps`."""

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.arguments import AnyBundle, DagId, MapIndex, RunOrDate, TaskId

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

STAGES: Final = {
    "decision": "may it start",
    "slots": "is there room",
    "execution": "what becomes of the attempt",
    "outcome": "how it ended",
}


def add_commands(app: typer.Typer) -> None:
    """To the group `tasks`."""
    app.command("why")(why)
    app.command("failed-deps")(failed_deps)


@asks_api
def why(
    api: "Api",
    dag_id: DagId,
    task_id: TaskId,
    run: RunOrDate,
    map_index: MapIndex = -1,
    output: Annotated[Literal["text", "json"], typer.Option("--output", "-o", help="How to print it.")] = "text",
) -> None:
    """Say why a task instance waits, runs or ended as it did: every gate that it has to pass, with its numbers."""
    told = _asked(api, dag_id, task_id, run, map_index, "explain")
    for line in [json.dumps(told, indent=2)] if output == "json" else lines(told):
        typer.echo(line)


@asks_api
def failed_deps(
    api: "Api",
    dag_id: DagId,
    task_id: TaskId,
    run: RunOrDate,
    map_index: MapIndex = -1,
    bundle_name: AnyBundle = None,
) -> None:
    """List what keeps a task instance from being queued, under Airflow's names."""
    found = _asked(api, dag_id, task_id, run, map_index, "dependencies")["dependencies"]
    typer.echo("Task instance dependencies not met:" if found else "Task instance dependencies are all met.")
    for each in found:
        typer.echo(f"{each['name']}: {each['reason']}")


def _asked(api: "Api", dag_id: str, task_id: str, run: str, map_index: int, what: str) -> Mapping[str, Any]:
    path = ("dags", dag_id, "dagRuns", api.run_id(dag_id, run), "taskInstances", task_id, what)
    return api.get(*path, map_index=map_index)


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """An explanation as text: one sentence, then every gate, by stage."""
    yield told["summary"]
    width = max(len(gate["name"]) for gate in told["gates"])
    for stage, gates in groupby(told["gates"], key=_stage):
        yield f"\n{STAGES[stage]}"
        for gate in gates:
            yield f"  {'open  ' if gate['is_open'] else 'CLOSED'}  {gate['name'].ljust(width)}  {gate['reason']}"


def _stage(gate: Mapping[str, Any]) -> str:
    return gate["stage"]
