"""`tradewind dags next-execution`."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.arguments import DagId
from tradewind.cli.output.rows import show

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

FIELDS: Final = {
    "logical_date": "logical_date",
    "data_interval.start": "data_interval_start",
    "data_interval.end": "data_interval_end",
    "run_after": "run_after",
}
NONE_FOLLOWS: Final = (
    "[WARN] No following schedule can be found. This DAG may have schedule interval '@once' or `None`."
)


@asks_api
def next_execution(
    api: "Api",
    dag_id: DagId,
    num_executions: Annotated[int, typer.Option("--num-executions", "-n", min=1, max=1000, help="How many.")] = 1,
    field: Annotated[str | None, typer.Option("--field", help=f"One of {', '.join(FIELDS)}.")] = None,
    *,
    table: Annotated[bool, typer.Option("--table", help="All fields, as a table.")] = False,
) -> None:
    """Say when the next runs of a DAG are, by its schedule."""
    if table and field:
        raise typer.BadParameter("--table and --field exclude each other", param_hint="--field")
    if field is not None and field not in FIELDS:
        raise typer.BadParameter(f"{field!r} is none of {', '.join(FIELDS)}", param_hint="--field")
    found = api.get("dags", dag_id, "nextRuns", limit=num_executions)
    if found["is_paused"]:
        typer.echo("[INFO] Please be reminded this DAG is PAUSED now.", err=True)
    _print(found["runs"], num_executions, FIELDS[field or "logical_date"], as_table=table)


def _print(runs: list[dict[str, Any]], wanted: int, column: str, *, as_table: bool) -> None:
    if as_table:
        show([{name: run[field] for name, field in FIELDS.items()} for run in runs])
    else:
        for run in runs:
            typer.echo(run[column])
    if len(runs) < wanted:
        typer.echo(NONE_FOLLOWS, err=True)
        if not as_table:
            typer.echo("None")
