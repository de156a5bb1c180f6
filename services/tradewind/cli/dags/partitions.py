"""The group `partitions`."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.access.failing import fail
from tradewind.cli.arguments import moment

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

USAGE: Final = 2


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="Partitions of runs.", no_args_is_help=True)
    app.callback()(_group)
    app.command("clear")(clear)
    return app


def _group() -> None:
    """Partitions of runs."""


@asks_api
def clear(
    api: "Api",
    dag_id: Annotated[str, typer.Option("--dag-id", "-d", help="The DAG.")],
    run_id: Annotated[str | None, typer.Option("--run-id", "-r", help="This run.")] = None,
    partition_key: Annotated[
        str | None, typer.Option("--partition-key", "-k", help="All runs of this partition.")
    ] = None,
    start_date: Annotated[str | None, typer.Option("--start-date", "-s", help="Partitions from this date on.")] = None,
    end_date: Annotated[str | None, typer.Option("--end-date", "-e", help="Partitions until this date.")] = None,
    date: Annotated[str | None, typer.Option("--date", help="Both in one: from~until.")] = None,
    *,
    clear_task_instances: Annotated[
        bool, typer.Option("--clear-task-instances", help="Have the runs' tasks run again, too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> None:
    """Make runs runs of no partition any more."""
    if date is not None:
        if start_date or end_date:
            fail("--date excludes --start-date and --end-date", USAGE)
        start_date, _, end_date = (part.strip() for part in date.partition("~"))
    for text, where in ((start_date, "--start-date"), (end_date, "--end-date")):
        if text is not None:
            moment(text, where)
    if sum((run_id is not None, partition_key is not None, bool(start_date or end_date))) != 1:
        fail("Give exactly one of --run-id, --partition-key, or --start-date and --end-date (or --date)", USAGE)
    body: dict[str, Any] = {
        "run_id": run_id,
        "partition_key": partition_key,
        "partition_date_start": start_date,
        "partition_date_end": end_date,
        "clear_task_instances": clear_task_instances,
        "dry_run": dry_run,
    }
    done = api.post("dags", dag_id, "clearPartitions", body=body)
    begin = "Dry run: would clear" if dry_run else "Cleared"
    typer.echo(f"{begin} the partitions of {done['dag_runs_cleared']} run(s)")
    if clear_task_instances:
        typer.echo(f"{begin} {done['task_instances_cleared']} task instance(s)")
