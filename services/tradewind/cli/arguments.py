"""Arguments and options that several groups have."""

import json
import logging
from datetime import UTC, datetime
from typing import Annotated, cast

import typer

DagId = Annotated[str, typer.Argument(metavar="DAG_ID", help="The DAG's id.")]
TaskId = Annotated[str, typer.Argument(metavar="TASK_ID", help="The task's id.")]
RunOrDate = Annotated[
    str, typer.Argument(metavar="LOGICAL_DATE_OR_RUN_ID", help="A run's id, or its logical date (ISO).")
]
MapIndex = Annotated[int, typer.Option("--map-index", help="Place in a mapped task; -1 = not mapped.")]
BundleNames = Annotated[
    list[str] | None, typer.Option("--bundle-name", "-B", help="Only of this bundle; may be given more than once.")
]
AnyBundle = Annotated[
    list[str] | None,
    typer.Option("--bundle-name", "-B", help="Of no effect: a DAG's id is its own over all bundles."),
]


def _log_more(is_wanted: bool) -> bool:
    if is_wanted:
        logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return is_wanted


MoreLogs = Annotated[bool, typer.Option("--verbose", "-v", callback=_log_more, help="Log at the level DEBUG.")]


def moment(text: str, where: str) -> datetime:
    """A date (and time), ISO; without an offset it is UTC. Raises `typer.BadParameter` naming the option."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no ISO date, as 2026-01-31 or 2026-01-31T12:00:00Z", param_hint=where)  # noqa: B904 - the cause says less
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def iso(text: str | None, where: str) -> str | None:
    """The same as the API reads it; None stays None."""
    return None if text is None else moment(text, where).isoformat()


def json_object(text: str | None, where: str) -> dict[str, object] | None:
    """A JSON object; None stays None. Raises `typer.BadParameter` naming the option."""
    if text is None:
        return None
    try:
        value: object = json.loads(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{text!r} is no JSON: {exc}", param_hint=where) from None
    if not isinstance(value, dict):
        raise typer.BadParameter(f"{text!r} is no JSON object", param_hint=where)
    return cast("dict[str, object]", value)
