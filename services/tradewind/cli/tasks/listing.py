"""`tradewind tasks list` and `tasks render`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.access.failing import fail
from tradewind.cli.arguments import AnyBundle, DagId, MapIndex, TaskId, moment
from tradewind.cli.output.rows import text_of

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

Run = Annotated[
    str | None,
    typer.Argument(metavar="LOGICAL_DATE_OR_RUN_ID", help="A run's id, or a logical date (ISO); now if left out."),
]


def add_commands(app: typer.Typer) -> None:
    """To the group `tasks`."""
    app.command("list")(list_)
    app.command("render")(render)


@asks_api
def list_(api: "Api", dag_id: DagId, bundle_name: AnyBundle = None) -> None:
    """List the ids of a DAG's tasks."""
    for task_id in sorted(task["task_id"] for task in api.get("dags", dag_id, "tasks")["tasks"]):
        typer.echo(task_id)


@asks_api
def render(
    api: "Api",
    dag_id: DagId,
    task_id: TaskId,
    run: Run = None,
    map_index: MapIndex = -1,
    bundle_name: AnyBundle = None,
) -> None:
    """Show a task's templated fields: as they were rendered for a task instance that has started, else as this
    machine's DAG files say that they would be."""
    found = api.run(dag_id, run) if run is not None else None
    fields = _rendered_for(api, found, task_id, map_index) if found is not None else None
    if not fields:
        from tradewind.cli.trials import rendered_here

        date = moment(found["logical_date"] or found["run_after"], "") if found else _date(dag_id, run)
        fields = rendered_here(dag_id, task_id, date, (found or {}).get("conf") or {}, map_index)
    for name, value in fields.items():
        typer.echo(f"# {'-' * 58}\n# property: {name}\n# {'-' * 58}\n{text_of(value)}\n")


def _rendered_for(api: "Api", run: Mapping[str, Any], task_id: str, map_index: int) -> dict[str, Any] | None:
    path = ("dags", run["dag_id"], "dagRuns", run["dag_run_id"], "taskInstances", task_id)
    return api.get(*path, *([str(map_index)] if map_index >= 0 else []))["rendered_fields"]


def _date(dag_id: str, text: str | None) -> Any:
    from tradewind.sdk.types import NOTSET

    if text is None:
        return NOTSET
    try:
        return moment(text, "")
    except typer.BadParameter as exc:
        fail(f"{dag_id!r} has no run {text!r}, and as a date: {exc}")
