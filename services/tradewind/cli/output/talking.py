"""What is said beside the output, on stderr: how far long work has come, and questions."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, TypeVar

import typer

ItemT = TypeVar("ItemT")

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def with_progress(items: Sequence[ItemT], label: str) -> Iterable[ItemT]:
    """The items; on a terminal a bar says how many are done."""
    if len(items) < 2 or not sys.stderr.isatty():
        return items
    return _with_bar(items, label)


def _with_bar(items: Sequence[ItemT], label: str) -> Iterator[ItemT]:
    from rich.console import Console
    from rich.progress import track

    yield from track(items, label, console=Console(stderr=True), transient=True)


def agrees(question: str, *, yes: bool) -> bool:
    """Whether the person wants it; without a person to ask, the command ends and names `--yes`."""
    if yes:
        return True
    try:
        is_wanted = typer.confirm(question, err=True)
    except typer.Abort:
        typer.echo("\nNobody answers: use --yes to go on without being asked", err=True)
        raise typer.Exit(1) from None
    if not is_wanted:
        typer.echo("Cancelled: nothing was changed", err=True)
    return is_wanted
