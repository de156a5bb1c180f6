"""Rows as a table, as plain columns, or as JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import typer

OUTPUTS: Final = ("table", "plain", "json")

Output = Annotated[str, typer.Option("--output", "-o", help=f"One of {', '.join(OUTPUTS)}.")]


def check_output(output: str) -> None:
    """Raises `typer.BadParameter` naming the value."""
    if output not in OUTPUTS:
        raise typer.BadParameter(f"{output!r} is none of {', '.join(OUTPUTS)}", param_hint="--output")


def show(rows: Sequence[Mapping[str, object]], output: str = "table") -> None:
    """Print rows of the same columns; None shows as nothing, as null in JSON."""
    if output == "json":
        typer.echo(json.dumps([dict(row) for row in rows], indent=2))
        return
    texts = [["" if value is None else str(value) for value in row.values()] for row in rows]
    lines = [list(rows[0]), *texts] if rows else []
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    between = " | " if output == "table" else " "
    for line in lines:
        typer.echo(between.join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
