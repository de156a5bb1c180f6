"""`tradewind backfill …`."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.arguments import iso, json_object
from tradewind.cli.output.rows import Output, OutputFormat, picked, show

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

Reprocess = Literal["none", "failed", "completed"]
BackfillId = Annotated[int, typer.Argument(metavar="BACKFILL_ID")]
SHOWN = (
    "id",
    "dag_id",
    "from_date",
    "to_date",
    "reprocess_behavior",
    "max_active_runs",
    "is_paused",
    "created_at",
    "completed_at",
)


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="Backfills: runs for past dates of a schedule.", no_args_is_help=True)
    app.command("create")(create)
    app.command("list")(list_)
    app.command("pause")(pause)
    app.command("unpause")(unpause)
    app.command("cancel")(cancel)
    return app


@asks_api
def create(
    api: "Api",
    *,
    dag_id: Annotated[str, typer.Option("--dag-id", help="The DAG.")],
    from_date: Annotated[str, typer.Option("--from-date", help="Earliest logical date, ISO; inclusive.")],
    to_date: Annotated[str, typer.Option("--to-date", help="Latest logical date, ISO; inclusive.")],
    dag_run_conf: Annotated[str | None, typer.Option("--dag-run-conf", help="The runs' conf: a JSON object.")] = None,
    max_active_runs: Annotated[int, typer.Option("--max-active-runs", min=1, help="Runs of it at once.")] = 10,
    reprocess_behavior: Annotated[
        Reprocess, typer.Option("--reprocess-behavior", help="Which runs that are there run again.")
    ] = "none",
    run_backwards: Annotated[bool, typer.Option("--run-backwards", help="The latest date first.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which dates would get a run.")] = False,
    run_on_latest_version: Annotated[
        bool | None,
        typer.Option(
            "--run-on-latest-version/--no-run-on-latest-version",
            help="Whether runs that run again move to the DAG's latest version.",
        ),
    ] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Make runs for the dates of a DAG's schedule in a range."""
    body: dict[str, Any] = {
        "dag_id": dag_id,
        "from_date": iso(from_date, "--from-date"),
        "to_date": iso(to_date, "--to-date"),
        "run_backwards": run_backwards,
        "dag_run_conf": json_object(dag_run_conf, "--dag-run-conf"),
        "reprocess_behavior": reprocess_behavior,
        "max_active_runs": max_active_runs,
        "run_on_latest_version": run_on_latest_version,
    }
    if not dry_run:
        show([picked(api.post("backfills", body=body), SHOWN)], output)
        return
    found = api.post("backfills", "dry_run", body=body)["backfills"]
    by = "logical_date" if all(entry["partition_key"] is None for entry in found) else "partition_key"
    show([{by: entry[by]} for entry in found], output)


@asks_api
def list_(
    api: "Api",
    dag_id: Annotated[str, typer.Option("--dag-id", help="The DAG.")],
    output: Output = OutputFormat.TABLE,
) -> None:
    """List a DAG's backfills."""
    show([picked(each, SHOWN) for each in api.each("backfills", key="backfills", dag_id=dag_id)], output)


@asks_api
def pause(api: "Api", backfill_id: BackfillId, output: Output = OutputFormat.TABLE) -> None:
    """Start no more runs of a backfill."""
    _put(api, backfill_id, "pause", output)


@asks_api
def unpause(api: "Api", backfill_id: BackfillId, output: Output = OutputFormat.TABLE) -> None:
    """Go on with a backfill."""
    _put(api, backfill_id, "unpause", output)


@asks_api
def cancel(api: "Api", backfill_id: BackfillId, output: Output = OutputFormat.TABLE) -> None:
    """Complete a backfill: its queued runs fail, those that run go on."""
    _put(api, backfill_id, "cancel", output)


def _put(api: "Api", backfill_id: int, action: str, output: str) -> None:
    show([picked(api.put("backfills", str(backfill_id), action), SHOWN)], output)
