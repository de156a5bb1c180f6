"""`tradewind backfill …`."""

import json
from typing import Annotated, Any

import typer

from tradewind.cli.tables import Output, check_output, show
from tradewind.cli.task_states import ApiUrl

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


def create(
    dag_id: Annotated[str, typer.Option("--dag-id", help="The DAG.")],
    from_date: Annotated[str, typer.Option("--from-date", help="Earliest logical date, ISO; inclusive.")],
    to_date: Annotated[str, typer.Option("--to-date", help="Latest logical date, ISO; inclusive.")],
    dag_run_conf: Annotated[str | None, typer.Option("--dag-run-conf", help="The runs' conf: a JSON object.")] = None,
    max_active_runs: Annotated[int, typer.Option("--max-active-runs", help="Runs of it at once.")] = 10,
    reprocess_behavior: Annotated[
        str, typer.Option("--reprocess-behavior", help="Which runs that are there run again: none, failed, completed.")
    ] = "none",
    api_url: ApiUrl = None,
    *,
    run_backwards: Annotated[bool, typer.Option("--run-backwards", help="The latest date first.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which dates would get a run.")] = False,
    run_on_latest_version: Annotated[
        bool | None,
        typer.Option(
            "--run-on-latest-version/--no-run-on-latest-version",
            help="Whether runs that run again move to the DAG's latest version.",
        ),
    ] = None,
) -> None:
    """Make runs for the dates of a DAG's schedule in a range."""
    from tradewind.cli.api_access import ApiAccess

    body: dict[str, Any] = {
        "dag_id": dag_id,
        "from_date": from_date,
        "to_date": to_date,
        "run_backwards": run_backwards,
        "dag_run_conf": _conf(dag_run_conf),
        "reprocess_behavior": reprocess_behavior,
        "max_active_runs": max_active_runs,
        "run_on_latest_version": run_on_latest_version,
    }
    with ApiAccess(api_url) as api:
        if dry_run:
            found = api.post("backfills", "dry_run", body=body)["backfills"]
            by = "logical_date" if all(entry["partition_key"] is None for entry in found) else "partition_key"
            show([{by: entry[by]} for entry in found])
            return
        show([_shown(api.post("backfills", body=body))])


def list_(
    dag_id: Annotated[str, typer.Option("--dag-id", help="The DAG.")], output: Output = "table", api_url: ApiUrl = None
) -> None:
    """List a DAG's backfills."""
    from tradewind.cli.api_access import ApiAccess

    check_output(output)
    with ApiAccess(api_url) as api:
        show([_shown(each) for each in api.each("backfills", key="backfills", dag_id=dag_id)], output)


def pause(backfill_id: BackfillId, api_url: ApiUrl = None) -> None:
    """Start no more runs of a backfill."""
    _put(backfill_id, "pause", api_url)


def unpause(backfill_id: BackfillId, api_url: ApiUrl = None) -> None:
    """Go on with a backfill."""
    _put(backfill_id, "unpause", api_url)


def cancel(backfill_id: BackfillId, api_url: ApiUrl = None) -> None:
    """Complete a backfill: its queued runs fail, those that run go on."""
    _put(backfill_id, "cancel", api_url)


def _put(backfill_id: int, action: str, api_url: str | None) -> None:
    from tradewind.cli.api_access import ApiAccess

    with ApiAccess(api_url) as api:
        show([_shown(api.put("backfills", str(backfill_id), action))])


def _shown(backfill: dict[str, Any]) -> dict[str, object]:
    return {name: backfill[name] for name in SHOWN}


def _conf(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        conf: object = json.loads(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{text!r} is no JSON: {exc}", param_hint="--dag-run-conf") from None
    if not isinstance(conf, dict):
        raise typer.BadParameter(f"{text!r} is no JSON object", param_hint="--dag-run-conf")
    return conf  # pyright: ignore[reportUnknownVariableType] - JSON objects have text keys
