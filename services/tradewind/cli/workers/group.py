"""`tradewind workers …`, and Airflow's words for the same: `tradewind celery …`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.output.rows import Output, OutputFormat, show
from tradewind.cli.output.talking import Yes, agrees
from tradewind.cli.services import worker
from tradewind.cli.workers import queues as worker_queues
from tradewind.cli.workers.flower import flower

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

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


@asks_api
def list_(api: "Api", output: Output = OutputFormat.TABLE) -> None:
    """List workers, and executors that run tasks themselves."""
    _list(api, ("workers",), "workers", WORKER, output)


@asks_api
def attempts(
    api: "Api",
    worker_id: Annotated[str, typer.Argument(metavar="[WORKER_ID]")] = "~",
    output: Output = OutputFormat.TABLE,
) -> None:
    """List what runs on a worker, or on all, longest first."""
    _list(api, ("workers", worker_id, "attempts"), "attempts", ATTEMPT, output)


@asks_api
def queues(api: "Api", output: Output = OutputFormat.TABLE) -> None:
    """List queues: what waits and for how long, what runs, who listens."""
    _list(api, ("queues",), "queues", QUEUE, output)


@asks_api
def drain(api: "Api", worker_id: WorkerId) -> None:
    """Have a worker take nothing any more, finish what it runs, and leave."""
    _drain(api, [worker_id])


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


@asks_api
def shutdown_worker(
    api: "Api",
    celery_hostname: Annotated[str, typer.Option("--celery-hostname", "-H", help="The worker's id.")],
) -> None:
    """Have a worker take nothing any more, finish what it runs, and leave."""
    _drain(api, [celery_hostname])


@asks_api
def shutdown_all_workers(api: "Api", *, yes: Yes = False) -> None:
    """Have all workers take nothing any more, finish what they run, and leave."""
    found = [each["worker_id"] for each in api.each("workers", key="workers", kind="celery", state="running")]
    if not found:
        typer.echo("There is no worker that could leave.")
    elif agrees(f"Have these leave: {', '.join(found)}?", yes=yes):
        _drain(api, found)


def _drain(api: "Api", worker_ids: Sequence[str]) -> None:
    for worker_id in worker_ids:
        worker = api.post("workers", worker_id, "drain", body={})
        typer.echo(f"{worker_id} is {worker['state']}; {worker['busy_slots']} attempts still run on it.")


def _list(api: "Api", path: tuple[str, ...], key: str, names: Sequence[str], output: str) -> None:
    found = list(api.each(*path, key=key))
    is_whole = output in (OutputFormat.JSON, OutputFormat.YAML)
    if not found and not is_whole:
        typer.echo(f"There are no {key}.", err=True)
    show([each if is_whole else _shown(each, names) for each in found], output)


def _shown(entry: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, object]:
    return {name: _text(entry[name]) for name in names}


def _text(value: object) -> object:
    if isinstance(value, list):
        return ",".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - JSON
    return f"{value:.1f}" if isinstance(value, float) else value
