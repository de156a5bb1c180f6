"""`tradewind tasks clear`, `tasks state` and `tasks states-for-dag-run`."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.arguments import AnyBundle, DagId, MapIndex, RunOrDate, TaskId, iso
from tradewind.cli.output.rows import Output, OutputFormat, show
from tradewind.cli.output.talking import Yes, agrees, with_progress

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api


def add_commands(app: typer.Typer) -> None:
    """To the group `tasks`."""
    app.command("clear")(clear)
    app.command("state")(state)
    app.command("states-for-dag-run")(states_for_dag_run)


@asks_api
def clear(
    api: "Api",
    dag_id: DagId,
    task_regex: Annotated[
        str | None, typer.Option("--task-regex", "-t", help="Only tasks whose id this matches somewhere.")
    ] = None,
    start_date: Annotated[str | None, typer.Option("--start-date", "-s", help="Earliest logical date, ISO.")] = None,
    end_date: Annotated[str | None, typer.Option("--end-date", "-e", help="Latest logical date, ISO.")] = None,
    bundle_name: AnyBundle = None,
    *,
    upstream: Annotated[bool, typer.Option("--upstream", "-u", help="What is upstream of them, too.")] = False,
    downstream: Annotated[bool, typer.Option("--downstream", "-d", help="What is downstream of them, too.")] = False,
    only_failed: Annotated[bool, typer.Option("--only-failed", "-f", help="Only what failed.")] = False,
    only_running: Annotated[bool, typer.Option("--only-running", "-r", help="Only what runs.")] = False,
    yes: Yes = False,
    dag_regex: Annotated[
        bool, typer.Option("--dag-regex", "-R", help="DAG_ID is a regular expression that DAG ids match.")
    ] = False,
) -> None:
    """Clear task instances, as if they never ran: they and their runs run again."""
    body: dict[str, Any] = {
        "start_date": iso(start_date, "--start-date"),
        "end_date": iso(end_date, "--end-date"),
        "include_upstream": upstream,
        "include_downstream": downstream,
        "only_failed": only_failed,
        "only_running": only_running,
    }
    asked = [(each, _body(api, each, task_regex, body)) for each in _dag_ids(api, dag_id, is_regex=dag_regex)]
    asked = [(each, found) for each, found in asked if found is not None]
    if not yes and not _is_wanted(api, asked):
        return
    for each, found in with_progress(asked, "Clearing"):
        answer = api.post("dags", each, "clearTaskInstances", body={**found, "dry_run": False})
        typer.echo(f"Cleared {answer['total_entries']} task instances of {each}.")


def _dag_ids(api: "Api", dag_id: str, *, is_regex: bool) -> Sequence[str]:
    if not is_regex:
        return [dag_id]
    pattern = _compiled(dag_id, "DAG_ID")
    return [dag["dag_id"] for dag in api.each("dags", key="dags") if pattern.search(dag["dag_id"])]


def _body(api: "Api", dag_id: str, task_regex: str | None, body: dict[str, Any]) -> dict[str, Any] | None:
    """None: no task of the DAG is meant."""
    if task_regex is None:
        return body
    pattern = _compiled(task_regex, "--task-regex")
    tasks = api.get("dags", dag_id, "tasks")["tasks"]
    task_ids = [task["task_id"] for task in tasks if pattern.search(task["task_id"])]
    return {**body, "task_ids": task_ids} if task_ids else None


def _is_wanted(api: "Api", asked: Sequence[tuple[str, dict[str, Any]]]) -> bool:
    found = [
        (dag_id, ti["dag_run_id"], ti["task_id"], ti["map_index"])
        for dag_id, body in asked
        for ti in api.post("dags", dag_id, "clearTaskInstances", body={**body, "dry_run": True})["task_instances"]
    ]
    if not found:
        typer.echo("There is nothing to clear.")
        return False
    for each in found:
        typer.echo("  ".join(map(str, each)))
    return agrees(f"Clear these {len(found)} task instances?", yes=False)


@asks_api
def state(
    api: "Api",
    dag_id: DagId,
    task_id: TaskId,
    run: RunOrDate,
    map_index: MapIndex = -1,
    bundle_name: AnyBundle = None,
) -> None:
    """Say in which state a task instance is; `None` before anything was decided."""
    path = ["dags", dag_id, "dagRuns", api.run_id(dag_id, run), "taskInstances", task_id]
    typer.echo(api.get(*path, *([str(map_index)] if map_index >= 0 else []))["state"])


@asks_api
def states_for_dag_run(api: "Api", dag_id: DagId, run: RunOrDate, output: Output = OutputFormat.TABLE) -> None:
    """Say in which states all task instances of a run are."""
    path = ("dags", dag_id, "dagRuns", api.run_id(dag_id, run), "taskInstances")
    found = list(api.each(*path, key="task_instances"))
    is_mapped = any(ti["map_index"] >= 0 for ti in found)
    show([_shown(ti, is_mapped=is_mapped) for ti in found], output)


def _shown(ti: dict[str, Any], *, is_mapped: bool) -> dict[str, str]:
    names = ("dag_id", "logical_date", "task_id", "state", "start_date", "end_date")
    fields = {name: str(ti[name] or "") for name in names}
    return {**fields, "map_index": str(ti["map_index"]) if ti["map_index"] >= 0 else ""} if is_mapped else fields


def _compiled(pattern: str, where: str) -> "re.Pattern[str]":
    try:
        return re.compile(pattern)
    except re.error as exc:
        raise typer.BadParameter(f"{pattern!r} is no regular expression: {exc}", param_hint=where) from None
