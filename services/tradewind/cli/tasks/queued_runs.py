"""Has the API queue one task instance, shows its log as it grows, and says how it ended."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx
import typer

from tradewind.cli.access.api import CONFLICT, Api
from tradewind.cli.access.choosing import open_api
from tradewind.service.clock import new_id

SUCCEEDED: Final = 0
FAILED: Final = 1
NOT_RUN: Final = 3

LIVE_STATES: Final = ("queued", "running", "scheduled", "deferred", "awaiting_input", "up_for_reschedule", "restarting")
GIVE_UP_AFTER_SECONDS: Final = 300.0
"""Without an answer of the API."""
PAUSE_SECONDS: Final = 1.0


def run_by_hand(
    dag_id: str,
    task_id: str,
    run: str,
    map_index: int,
    wishes: Mapping[str, Any],
    api_url: str | None,
    token: str | None,
) -> int:
    """The exit code; what cannot be asked or followed ends as `NOT_RUN` with a line that says why."""
    try:
        with open_api(api_url, token) as api:
            path = ("dags", dag_id, "dagRuns", api.run_id(dag_id, run), "taskInstances", task_id)
            queued = _queue(api, path, map_index, wishes)
            return NOT_RUN if queued is None else _followed(api, path, map_index, queued["try_number"])
    except typer.Exit:
        return NOT_RUN


def _queue(api: Api, path: tuple[str, ...], map_index: int, wishes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What was queued; None = something stands against it, which is said."""
    body = {**wishes, "attempt_id": str(new_id())}
    answer = api.asked("POST", *_instance(path, map_index), "run", body=body)
    if not answer.is_success:
        _say_refusal(answer)
        return None
    queued = answer.json()
    typer.echo(
        f"Queued as try {queued['try_number']}, attempt {queued['attempt_id']}: queue {queued['queue']}, "
        f"{queued['executor']}, {queued['pool_slots']} of pool {queued['pool']}",
        err=True,
    )
    for each in queued["ignored_dependencies"]:
        typer.echo(f"  ignored: {each['name']}: {each['reason']}", err=True)
    return queued


def _say_refusal(answer: httpx.Response) -> None:
    try:
        detail: Any = answer.json()["detail"]
        dependencies: list[Mapping[str, str]] = detail["dependencies"] if answer.status_code == CONFLICT else []
    except (ValueError, KeyError, TypeError):
        dependencies = []
    if not dependencies:
        typer.echo(f"It was not queued: {answer.status_code}: {answer.text}", err=True)
        return
    typer.echo("It was not queued:", err=True)
    for each in dependencies:
        typer.echo(f"  {each['name']}: {each['reason']}", err=True)


def _instance(path: tuple[str, ...], map_index: int) -> tuple[str, ...]:
    return path if map_index < 0 else (*path, str(map_index))


def _followed(api: Api, path: tuple[str, ...], map_index: int, try_number: int) -> int:
    """Print the log of the try until it has ended; returns the exit code. Answers that break off are asked for again,
    and what was printed is passed over."""
    printed, silent_since = 0, time.monotonic()
    while True:
        try:
            for line in _log_lines(api, path, map_index, try_number, printed):
                printed, silent_since = printed + 1, time.monotonic()
                typer.echo(line)
            state = api.get(*_instance(path, map_index), "tries", str(try_number))["state"]
            silent_since = time.monotonic()
        except httpx.TransportError as exc:
            state = "running"
            if time.monotonic() - silent_since > GIVE_UP_AFTER_SECONDS:
                typer.echo(f"The API does not answer any more ({exc}): how it ends is not known", err=True)
                return NOT_RUN
        if state not in LIVE_STATES:
            return _code(state)
        time.sleep(PAUSE_SECONDS)


def _log_lines(api: Api, path: tuple[str, ...], map_index: int, try_number: int, printed: int) -> Iterator[str]:
    params = {"follow": "true", "map_index": map_index}
    with api.lines(*path, "logs", str(try_number), **params) as lines:
        said = (line for line in lines if line)
        for number, line in enumerate(said):
            if number >= printed:
                yield line


def _code(state: str | None) -> int:
    typer.echo(f"It ended as {state}." if state else "It was cleared meanwhile.", err=True)
    if state in ("success", "skipped"):
        return SUCCEEDED
    return FAILED if state in ("failed", "up_for_retry") else NOT_RUN
