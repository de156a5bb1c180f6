"""`tradewind workers …`, and Airflow's words for the same: `tradewind celery …`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tradewind.cli import worker_queues
from tradewind.cli.flower import flower
from tradewind.cli.services import worker
from tradewind.cli.tables import Output, check_output, show
from tradewind.cli.task_states import ApiUrl

WorkerId = Annotated[str, typer.Argument(metavar="WORKER_ID")]
WORKER: Final = (
    *("worker_id", "hostname", "pid", "kind", "state", "queues", "tags", "pools", "concurrency", "busy_slots"),
    *("started_at", "heartbeat_age_seconds"),
)
ATTEMPT: Final = (
    *("worker_id", "dag_id", "dag_run_id", "task_id", "map_index", "try_number", "hostname", "start_date", "duration"),
)
QUEUE: Final = (
    *("queue", "executor", "queued_attempts", "oldest_queued_seconds", "running_attempts", "workers", "free_slots"),
    "broker_messages",
)


def create_app() -> typer.Typer:
    """The group `workers`."""
    app = typer.Typer(help="Workers and queues.", no_args_is_help=True)
    app.command("list")(list_)
    app.command("attempts")(attempts)
    app.command("queues")(queues)
    app.command("drain")(drain)
    return app


def create_celery_app() -> typer.Typer:
    """The group `celery`."""
    app = typer.Typer(help="Workers, in the words of Airflow's Celery provider.", no_args_is_help=True)
    app.command("worker")(worker)
    app.command("stop")(stop)
    app.command("flower")(flower)
    app.command("list-workers")(list_)
    worker_queues.add_commands(app)
    app.command("shutdown-worker")(shutdown_worker)
    app.command("shutdown-all-workers")(shutdown_all_workers)
    return app


def list_(output: Output = "table", api_url: ApiUrl = None) -> None:
    """List workers, and executors that run tasks themselves."""
    _list(("workers",), "workers", WORKER, output, api_url)


def attempts(
    worker_id: Annotated[str, typer.Argument(metavar="[WORKER_ID]")] = "~",
    output: Output = "table",
    api_url: ApiUrl = None,
) -> None:
    """List what runs on a worker, or on all, longest first."""
    _list(("workers", worker_id, "attempts"), "attempts", ATTEMPT, output, api_url)


def queues(output: Output = "table", api_url: ApiUrl = None) -> None:
    """List queues: what waits and for how long, what runs, who listens."""
    _list(("queues",), "queues", QUEUE, output, api_url)


def drain(worker_id: WorkerId, api_url: ApiUrl = None) -> None:
    """Have a worker take nothing any more, finish what it runs, and leave."""
    _drain([worker_id], api_url)


def stop(
    pid: Annotated[
        Path | None, typer.Option("--pid", metavar="FILE", help="The worker's pid file, if it was given one.")
    ] = None,
) -> None:
    """Have the worker that was started here with -D take nothing any more, finish what it runs, and leave."""
    from tradewind.cli.daemons.places import pid_file_of
    from tradewind.cli.daemons.stopping import stop as stop_process
    from tradewind.service.settings import ServiceSettings, load_settings

    stop_process(pid or pid_file_of(load_settings(ServiceSettings).home, "worker"), "worker")


def shutdown_worker(
    celery_hostname: Annotated[str, typer.Option("--celery-hostname", "-H", help="The worker's id.")],
    api_url: ApiUrl = None,
) -> None:
    """Have a worker take nothing any more, finish what it runs, and leave."""
    _drain([celery_hostname], api_url)


def shutdown_all_workers(
    api_url: ApiUrl = None, *, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Have all workers take nothing any more, finish what they run, and leave."""
    from tradewind.cli.api_access import ApiAccess

    with ApiAccess(api_url) as api:
        found = [each["worker_id"] for each in api.each("workers", key="workers", kind="celery", state="running")]
    if found and (yes or typer.confirm(f"Have these leave: {', '.join(found)}?")):
        _drain(found, api_url)
    elif not found:
        typer.echo("There is no worker that could leave.")


def _drain(worker_ids: Sequence[str], api_url: str | None) -> None:
    from tradewind.cli.api_access import ApiAccess

    with ApiAccess(api_url) as api:
        for worker_id in worker_ids:
            worker = api.post("workers", worker_id, "drain", body={})
            typer.echo(f"{worker_id} is {worker['state']}; {worker['busy_slots']} attempts still run on it.")


def _list(path: tuple[str, ...], key: str, names: Sequence[str], output: str, api_url: str | None) -> None:
    from tradewind.cli.api_access import ApiAccess

    check_output(output)
    with ApiAccess(api_url) as api:
        found = list(api.each(*path, key=key))
    if not found and output != "json":
        typer.echo(f"There are no {key}.", err=True)
    show([each if output == "json" else _shown(each, names) for each in found], output)


def _shown(entry: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, object]:
    return {name: _text(entry[name]) for name in names}


def _text(value: object) -> object:
    if isinstance(value, list):
        return ",".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - JSON
    return f"{value:.1f}" if isinstance(value, float) else value
