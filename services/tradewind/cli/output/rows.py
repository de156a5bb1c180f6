"""Rows as a table, as plain columns, as JSON or as YAML.

A table on a terminal is as wide as the terminal; piped, lines are as long as they must be, and nothing is coloured.
JSON and YAML carry the values as they are, tables their texts.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Final, cast

import typer

NOTHING: Final = "No data found"

Row = Mapping[str, object]


class OutputFormat(StrEnum):
    """What `--output` takes."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    PLAIN = "plain"


Output = Annotated[OutputFormat, typer.Option("--output", "-o", help="How to print it.")]


def show(rows: Sequence[Row], output: str = OutputFormat.TABLE) -> None:
    """Print rows; tables take their columns from the first."""
    match output:
        case OutputFormat.JSON:
            typer.echo(json.dumps([dict(row) for row in rows], indent=2))
        case OutputFormat.YAML:
            import yaml

            text = yaml.safe_dump([dict(row) for row in rows], sort_keys=False, allow_unicode=True)
            typer.echo(text, nl=False)
        case _ if not rows:
            typer.echo(NOTHING)
        case OutputFormat.TABLE if sys.stdout.isatty():
            _show_on_terminal(rows)
        case _:
            for line in _lines(rows, is_ruled=output != OutputFormat.PLAIN):
                typer.echo(line)


def show_one(thing: Row, output: str = OutputFormat.TABLE) -> None:
    """Print one thing: in a table, a line for each of its properties."""
    if output in (OutputFormat.JSON, OutputFormat.YAML):
        show([thing], output)
    else:
        show([{"property_name": name, "property_value": value} for name, value in thing.items()], output)


def picked(thing: Row, names: Iterable[str]) -> dict[str, object]:
    """Only these of its properties, in this order; one that it does not have is None."""
    return {name: thing.get(name) for name in names}


def text_of(value: object) -> str:
    """A value in a cell of a table."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(text_of, cast("list[object]", value)))
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value)


def _lines(rows: Sequence[Row], *, is_ruled: bool) -> Iterable[str]:
    cells = [list(rows[0]), *([text_of(value).replace("\n", "\\n") for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_joined(line, widths, " | " if is_ruled else "  ") for line in cells]
    rule = ["=+=".join("=" * width for width in widths)] if is_ruled else []
    return [lines[0], *rule, *lines[1:]]


def _joined(texts: Iterable[str], widths: Iterable[int], between: str) -> str:
    return between.join(text.ljust(width) for text, width in zip(texts, widths, strict=True)).rstrip()


def _show_on_terminal(rows: Sequence[Row]) -> None:
    from rich.box import ASCII_DOUBLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=ASCII_DOUBLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(text_of(value)) for value in row.values()))
    Console().print(table)
