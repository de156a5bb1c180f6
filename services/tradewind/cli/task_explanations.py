"""`tradewind tasks why` and `tasks failed-deps`."""

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Annotated, Any, Final

import typer

from tradewind.cli.task_states import ApiUrl, DagId, RunOrDate, TaskId

MapIndex = Annotated[int, typer.Option("--map-index", help="Place in a mapped task; -1 = not mapped.")]

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


def why(
    dag_id: DagId,
    task_id: TaskId,
    run: RunOrDate,
    map_index: MapIndex = -1,
    output: Annotated[str, typer.Option("--output", "-o", help="One of text, json.")] = "text",
    api_url: ApiUrl = None,
) -> None:
    """Say why a task instance waits, runs or ended as it did: every gate that it has to pass, with its numbers."""
    if output not in ("text", "json"):
        raise typer.BadParameter(f"{output!r} is none of text, json", param_hint="--output")
    told = _asked(dag_id, task_id, run, map_index, api_url, "explain")
    for line in [json.dumps(told, indent=2)] if output == "json" else lines(told):
        typer.echo(line)


def failed_deps(
    dag_id: DagId, task_id: TaskId, run: RunOrDate, map_index: MapIndex = -1, api_url: ApiUrl = None
) -> None:
    """List what keeps a task instance from being queued, under Airflow's names."""
    found = _asked(dag_id, task_id, run, map_index, api_url, "dependencies")["dependencies"]
    typer.echo("Not met:" if found else "Nothing keeps it from being queued.")
    for each in found:
        typer.echo(f"{each['name']}: {each['reason']}")


def _asked(dag_id: str, task_id: str, run: str, map_index: int, api_url: str | None, what: str) -> Mapping[str, Any]:
    from tradewind.cli.api_access import ApiAccess

    with ApiAccess(api_url) as api:
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
