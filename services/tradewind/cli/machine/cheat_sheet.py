"""`tradewind cheat-sheet`: every command in one line."""

from collections.abc import Iterator
from typing import Any

import typer


def cheat_sheet() -> None:
    """List every command with what it does."""
    from tradewind.cli.command_table import WORDS, loaded

    lines = [line for word in WORDS for line in _lines(loaded(word), word)]
    width = max(len(path) for path, _ in lines)
    for path, text in lines:
        typer.echo(f"tradewind {path.ljust(width)}  {text}")


def _lines(command: Any, path: str) -> Iterator[tuple[str, str]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        if not command.hidden:
            yield path, command.get_short_help_str(limit=80)
        return
    for name, each in inner.items():
        yield from _lines(each, f"{path} {name}")
