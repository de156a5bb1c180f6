"""`tradewind dags list-runs`, `state`, `trigger` and `clear`."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.access.failing import fail
from tradewind.cli.arguments import DagId, RunOrDate, iso, json_object, moment
from tradewind.cli.output.rows import Output, OutputFormat, picked, show
from tradewind.cli.output.talking import Yes, agrees, with_progress

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

State = Literal["queued", "running", "success", "failed"]
NOT_BACKFILLS: Final = ("manual", "scheduled", "asset_triggered", "asset_materialization", "operator_triggered")
LISTED: Final = ("dag_id", "run_id", "state", "run_after", "logical_date", "start_date", "end_date")
TRIGGERED: Final = (
    *("conf", "dag_id", "dag_run_id", "data_interval_start", "data_interval_end", "end_date"),
    *("last_scheduling_decision", "logical_date", "run_type", "start_date", "state", "triggering_user_name"),
)


def add_commands(app: typer.Typer) -> None:
    """To the group `dags`."""
    app.command("list-runs")(list_runs)
    app.command("state")(state)
    app.command("trigger")(trigger)
    app.command("clear")(clear)


@asks_api
def list_runs(
    api: "Api",
    dag_id: Annotated[str | None, typer.Argument(metavar="DAG_ID", help="The DAG's id.")] = None,
    dag_id_option: Annotated[
        str | None, typer.Option("--dag-id", "-d", hidden=True, help="The DAG's id, as Airflow 2 wanted it.")
    ] = None,
    state: Annotated[State | None, typer.Option("--state", help="Only runs in this state.")] = None,
    start_date: Annotated[str | None, typer.Option("--start-date", "-s", help="Earliest logical date, ISO.")] = None,
    end_date: Annotated[str | None, typer.Option("--end-date", "-e", help="Latest logical date, ISO.")] = None,
    output: Output = OutputFormat.TABLE,
    *,
    no_backfill: Annotated[bool, typer.Option("--no-backfill", help="Leave out runs of backfills.")] = False,
) -> None:
    """List a DAG's runs, the latest first."""
    wanted = dag_id or dag_id_option
    if wanted is None:
        raise typer.BadParameter("say which DAG", param_hint="DAG_ID")
    runs = api.each_by_cursor(
        *("dags", wanted, "dagRuns"),
        key="dag_runs",
        state=state,
        run_type=NOT_BACKFILLS if no_backfill else None,
        logical_date_gte=iso(start_date, "--start-date"),
        logical_date_lte=iso(end_date, "--end-date"),
        order_by="-run_after",
    )
    show([picked({**run, "run_id": run["dag_run_id"]}, LISTED) for run in runs], output)


@asks_api
def state(api: "Api", dag_id: DagId, run: RunOrDate) -> None:
    """Say in which state a run is, and with which conf it was made, if any; `None` if there is no such run."""
    found = api.run(dag_id, run)
    if found is None:
        api.get("dags", dag_id)
        typer.echo("None")
    else:
        typer.echo(found["state"] + (f", {json.dumps(found['conf'])}" if found["conf"] else ""))


@asks_api
def trigger(
    api: "Api",
    dag_id: DagId,
    run_id: Annotated[str | None, typer.Option("--run-id", "-r", help="The run's id; made up if left out.")] = None,
    conf: Annotated[str | None, typer.Option("--conf", "-c", help="The run's conf: a JSON object.")] = None,
    logical_date: Annotated[str | None, typer.Option("--logical-date", "-l", help="ISO; none if left out.")] = None,
    note: Annotated[str | None, typer.Option("--note", help="A note on the run.")] = None,
    output: Output = OutputFormat.TABLE,
    *,
    no_replace_microseconds: Annotated[
        bool, typer.Option("--no-replace-microseconds", help="Keep the microseconds of the logical date.")
    ] = False,
) -> None:
    """Make a run of a DAG. It starts at once, unless the DAG is paused."""
    date = None if logical_date is None else moment(logical_date, "--logical-date")
    if date is not None and not no_replace_microseconds:
        date = date.replace(microsecond=0)
    body: dict[str, Any] = {
        "dag_run_id": run_id,
        "conf": json_object(conf, "--conf"),
        "logical_date": None if date is None else date.isoformat(),
        "note": note,
    }
    show([picked(api.post("dags", dag_id, "dagRuns", body=body), TRIGGERED)], output)


@asks_api
def clear(
    api: "Api",
    dag_id: DagId,
    run_id: Annotated[str | None, typer.Option("--run-id", help="This run.")] = None,
    partition_key: Annotated[str | None, typer.Option("--partition-key", help="All runs of this partition.")] = None,
    partition_date_start: Annotated[
        str | None, typer.Option("--partition-date-start", help="Runs of partitions from this date on, ISO.")
    ] = None,
    partition_date_end: Annotated[
        str | None, typer.Option("--partition-date-end", help="Runs of partitions until this date, ISO; inclusive.")
    ] = None,
    *,
    only_failed: Annotated[bool, typer.Option("--only-failed", "-f", help="Only what failed.")] = False,
    only_running: Annotated[bool, typer.Option("--only-running", "-r", help="Only what runs.")] = False,
    yes: Yes = False,
) -> None:
    """Have runs run again: one that is named, or those of a partition or of partitions between two dates."""
    body: dict[str, Any] = {
        "dag_runs": [] if run_id is None else [{"dag_run_id": run_id}],
        "partition_key": partition_key,
        "partition_date_start": _as_written(partition_date_start, "--partition-date-start"),
        "partition_date_end": _as_written(partition_date_end, "--partition-date-end"),
        "dry_run": True,
    }
    run_ids = _runs_meant(api, dag_id, body)
    if not run_ids:
        typer.echo("No matching runs found")
        return
    question = f"Clear {len(run_ids)} run(s) of {dag_id!r}: {', '.join(run_ids)}?"
    if not agrees(question, yes=yes):
        return
    wanted = {"dry_run": False, "only_failed": only_failed, "only_running": only_running}
    done = [
        api.post("dags", dag_id, "clearTaskInstances", body={**wanted, "dag_run_id": each})["total_entries"]
        for each in with_progress(run_ids, "Clearing")
    ]
    typer.echo(f"Cleared {sum(done)} task instance(s) of {len(run_ids)} run(s)")


def _runs_meant(api: "Api", dag_id: str, body: dict[str, Any]) -> Sequence[str]:
    selectors = (body["dag_runs"], body["partition_key"], body["partition_date_start"] or body["partition_date_end"])
    if sum(map(bool, selectors)) != 1:
        fail("Give exactly one of --run-id, --partition-key, or --partition-date-start and --partition-date-end", 2)
    found = api.post("dags", dag_id, "clearDagRuns", body=body)["task_instances"]
    return list(dict.fromkeys(each["dag_run_id"] for each in found))


def _as_written(text: str | None, where: str) -> str | None:
    """Checked, but left without a zone if it has none: it is then of the DAG's."""
    if text is not None:
        moment(text, where)
    return text
