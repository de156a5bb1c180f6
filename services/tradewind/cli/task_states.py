"""`tradewind tasks clear`, `tasks state` and `tasks states-for-dag-run`."""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

DagId = Annotated[str, typer.Argument(metavar="DAG_ID")]
TaskId = Annotated[str, typer.Argument(metavar="TASK_ID")]
RunOrDate = Annotated[str, typer.Argument(metavar="LOGICAL_DATE_OR_RUN_ID")]
ApiUrl = Annotated[
    str | None,
    typer.Option("--api-url", envvar="TRADEWIND_API_URL", help="Where the API is; by default where it is set to be."),
]
OUTPUTS: Final = ("table", "plain", "json")


def add_commands(app: typer.Typer) -> None:
    """To the group `tasks`."""
    app.command("clear")(clear)
    app.command("state")(state)
    app.command("states-for-dag-run")(states_for_dag_run)


def clear(
    dag_id: DagId,
    task_regex: Annotated[
        str | None, typer.Option("--task-regex", "-t", help="Only tasks whose id this matches somewhere.")
    ] = None,
    start_date: Annotated[str | None, typer.Option("--start-date", "-s", help="Earliest logical date, ISO.")] = None,
    end_date: Annotated[str | None, typer.Option("--end-date", "-e", help="Latest logical date, ISO.")] = None,
    api_url: ApiUrl = None,
    *,
    upstream: Annotated[bool, typer.Option("--upstream", "-u", help="What is upstream of them, too.")] = False,
    downstream: Annotated[bool, typer.Option("--downstream", "-d", help="What is downstream of them, too.")] = False,
    only_failed: Annotated[bool, typer.Option("--only-failed", "-f", help="Only what failed.")] = False,
    only_running: Annotated[bool, typer.Option("--only-running", "-r", help="Only what runs.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dag_regex: Annotated[
        bool, typer.Option("--dag-regex", "-R", help="DAG_ID is a regular expression that DAG ids match.")
    ] = False,
) -> None:
    """Clear task instances, as if they never ran: they and their runs run again."""
    from tradewind.cli.api_access import ApiAccess

    body: dict[str, Any] = {
        "start_date": start_date,
        "end_date": end_date,
        "include_upstream": upstream,
        "include_downstream": downstream,
        "only_failed": only_failed,
        "only_running": only_running,
    }
    with ApiAccess(api_url) as api:
        asked = [(each, _body(api, each, task_regex, body)) for each in _dag_ids(api, dag_id, is_regex=dag_regex)]
        asked = [(each, found) for each, found in asked if found is not None]
        if not yes and not _agrees(api, asked):
            return
        for each, found in asked:
            answer = api.post("dags", each, "clearTaskInstances", body={**found, "dry_run": False})
            typer.echo(f"Cleared {answer['total_entries']} task instances of {each}.")


def _dag_ids(api: Any, dag_id: str, *, is_regex: bool) -> Sequence[str]:
    if not is_regex:
        return [dag_id]
    pattern = _compiled(dag_id, "DAG_ID")
    return [dag["dag_id"] for dag in api.each("dags", key="dags") if pattern.search(dag["dag_id"])]


def _body(api: Any, dag_id: str, task_regex: str | None, body: dict[str, Any]) -> dict[str, Any] | None:
    """None: no task of the DAG is meant."""
    if task_regex is None:
        return body
    pattern = _compiled(task_regex, "--task-regex")
    tasks = api.get("dags", dag_id, "tasks")["tasks"]
    task_ids = [task["task_id"] for task in tasks if pattern.search(task["task_id"])]
    return {**body, "task_ids": task_ids} if task_ids else None


def _agrees(api: Any, asked: Sequence[tuple[str, dict[str, Any]]]) -> bool:
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
    return typer.confirm(f"Clear these {len(found)} task instances?")


def state(
    dag_id: DagId,
    task_id: TaskId,
    run: RunOrDate,
    map_index: Annotated[int, typer.Option("--map-index", help="Place in a mapped task; -1 = not mapped.")] = -1,
    api_url: ApiUrl = None,
) -> None:
    """Say in which state a task instance is; `None` before anything was decided."""
    from tradewind.cli.api_access import ApiAccess

    with ApiAccess(api_url) as api:
        path = ["dags", dag_id, "dagRuns", api.run_id(dag_id, run), "taskInstances", task_id]
        typer.echo(api.get(*path, *([str(map_index)] if map_index >= 0 else []))["state"])


def states_for_dag_run(
    dag_id: DagId,
    run: RunOrDate,
    output: Annotated[str, typer.Option("--output", "-o", help=f"One of {', '.join(OUTPUTS)}.")] = "table",
    api_url: ApiUrl = None,
) -> None:
    """Say in which states all task instances of a run are."""
    from tradewind.cli.api_access import ApiAccess

    if output not in OUTPUTS:
        raise typer.BadParameter(f"{output!r} is none of {', '.join(OUTPUTS)}", param_hint="--output")
    with ApiAccess(api_url) as api:
        path = ("dags", dag_id, "dagRuns", api.run_id(dag_id, run), "taskInstances")
        found = list(api.each(*path, key="task_instances"))
    is_mapped = any(ti["map_index"] >= 0 for ti in found)
    _show([_shown(ti, is_mapped=is_mapped) for ti in found], output)


def _shown(ti: dict[str, Any], *, is_mapped: bool) -> dict[str, str]:
    names = ("dag_id", "logical_date", "task_id", "state", "start_date", "end_date")
    fields = {name: str(ti[name] or "") for name in names}
    return {**fields, "map_index": str(ti["map_index"]) if ti["map_index"] >= 0 else ""} if is_mapped else fields


def _show(rows: Sequence[dict[str, str]], output: str) -> None:
    if output == "json":
        typer.echo(json.dumps(rows, indent=2))
        return
    names = list(rows[0]) if rows else []
    lines = [names, *([row[name] for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    between = " | " if output == "table" else " "
    for line in lines if rows else ():
        typer.echo(between.join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _compiled(pattern: str, where: str) -> "re.Pattern[str]":
    try:
        return re.compile(pattern)
    except re.error as exc:
        raise typer.BadParameter(f"{pattern!r} is no regular expression: {exc}", param_hint=where) from None
