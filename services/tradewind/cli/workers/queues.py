"""`tradewind celery add-queue`, `remove-queue`, `remove-all-queues`: which queues a running worker takes tasks from.

They are words of Celery's remote control, spoken by Celery itself, which is to be installed beside Tradewind.
"""

import importlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Annotated, Any, Final

import typer

ANSWER_SECONDS: Final = 3.0
"""How long a worker may take to answer; the one that is named answers at once."""

Queues = Annotated[str, typer.Option("-q", "--queues", help="Queues, separated by commas.")]
Worker = Annotated[str, typer.Option("-H", "--celery-hostname", help="The worker's id.")]


def add_commands(app: typer.Typer) -> None:
    """To the group `celery`."""
    app.command("add-queue")(add_queue)
    app.command("remove-queue")(remove_queue)
    app.command("remove-all-queues")(remove_all_queues)


def add_queue(queues: Queues, celery_hostname: Worker) -> None:
    """Have a worker take tasks from these queues, too, until it ends."""
    with _control() as control:
        for queue in _names(queues):
            _tell(celery_hostname, control.add_consumer(queue, **_asking(celery_hostname)))


def remove_queue(queues: Queues, celery_hostname: Worker) -> None:
    """Have a worker take no more tasks from these queues."""
    with _control() as control:
        for queue in _names(queues):
            _tell(celery_hostname, control.cancel_consumer(queue, **_asking(celery_hostname)))


def remove_all_queues(celery_hostname: Worker) -> None:
    """Have a worker take no more tasks from any queue."""
    with _control() as control:
        answers: Sequence[Mapping[str, Any]] = control.broadcast("active_queues", **_asking(celery_hostname))
        _refuse_silence(celery_hostname, answers)
        for queue in [each["name"] for answer in answers for active in answer.values() for each in active]:
            _tell(celery_hostname, control.cancel_consumer(queue, **_asking(celery_hostname)))


@contextmanager
def _control() -> Generator[Any]:
    """Celery's `Control` on the broker of the fleet."""
    from tradewind.cli.workers.flower_settings import checked_broker_url
    from tradewind.service.settings import ServiceSettings, load_settings

    is_installed = find_spec("celery") is not None
    url = checked_broker_url(load_settings(ServiceSettings), "celery", is_installed=is_installed)
    celery: Any = importlib.import_module("celery")
    with celery.Celery(broker=url) as app:
        yield app.control


def _asking(worker: str) -> Mapping[str, Any]:
    return {"destination": [worker], "reply": True, "timeout": ANSWER_SECONDS, "limit": 1}


def _names(queues: str) -> Sequence[str]:
    return [name.strip() for name in queues.split(",") if name.strip()]


def _refuse_silence(worker: str, answers: Sequence[Mapping[str, Any]]) -> None:
    if not answers:
        typer.echo(f"no worker {worker!r} has answered: `tradewind celery list-workers` says which there are", err=True)
        raise typer.Exit(1)


def _tell(worker: str, answers: Sequence[Mapping[str, Any]]) -> None:
    """What it said; an error of its own ends the command."""
    _refuse_silence(worker, answers)
    for answer in answers:
        for name, said in answer.items():
            is_done = "ok" in said
            typer.echo(f"{name}: {said.get('ok') or said.get('error')}", err=not is_done)
            if not is_done:
                raise typer.Exit(1)
