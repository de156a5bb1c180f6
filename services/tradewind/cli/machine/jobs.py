"""The group `jobs`: services that say that they are alive."""

import socket
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.access.failing import fail
from tradewind.cli.output.rows import Output, OutputFormat, picked, show

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

USAGE: Final = 2
LISTED: Final = ("dag_id", "state", "job_type", "start_date", "end_date")


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="Services that say that they are alive.", no_args_is_help=True)
    app.command("check")(check)
    app.command("list")(list_jobs)
    return app


@asks_api
def list_jobs(
    api: "Api",
    dag_id: Annotated[
        str | None, typer.Option("--dag-id", "-d", help="Only of this DAG; services work for all of them.")
    ] = None,
    state: Annotated[
        Literal["running", "success", "restarting", "failed"] | None,
        typer.Option("--state", help="Only those in this state."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only so many, the latest.")] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List services that said that they are alive, the latest first."""
    if dag_id is not None:
        api.get("dags", dag_id)
    found = api.each("jobs", key="jobs", job_state=state, order_by="-start_date")
    rows = [picked(each, LISTED) for each in islice(found, limit) if dag_id is None or each["dag_id"] == dag_id]
    show(rows, output)


@asks_api
def check(
    api: "Api",
    job_type: Annotated[
        Literal["SchedulerJob", "TriggererJob", "DagProcessorJob"] | None,
        typer.Option("--job-type", help="Only services of this kind."),
    ] = None,
    hostname: Annotated[str | None, typer.Option("--hostname", help="Only on this host.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Look at so many of the latest; 0 = at all.")] = 1,
    *,
    local: Annotated[bool, typer.Option("--local", help="Only on this host.")] = False,
    allow_multiple: Annotated[bool, typer.Option("--allow-multiple", help="More than one is good, too.")] = False,
) -> None:
    """Exit with 0 if a service is alive, and only one unless more are allowed; else with 1 and a line that says so."""
    if allow_multiple and limit == 1:
        fail("--allow-multiple needs a --limit above 1, or 0 for none", USAGE)
    if hostname and local:
        fail("--hostname and --local exclude each other", USAGE)
    host = socket.gethostname() if local else hostname
    wanted: dict[str, Any] = {"job_state": "running", "job_type": job_type, "hostname": host, "is_alive": True}
    found = list(api.each("jobs", key="jobs", **wanted))
    alive = len(found[: limit or None])
    if not alive:
        fail("No alive jobs found.")
    if alive > 1 and not allow_multiple:
        fail(f"Found {alive} alive jobs. Expected only one.")
    typer.echo("Found one alive job." if alive == 1 else f"Found {alive} alive jobs.")
