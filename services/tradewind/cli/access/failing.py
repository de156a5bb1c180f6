"""How a command ends that cannot do what it was asked."""

from typing import NoReturn

import typer


def fail(text: str, code: int = 1) -> NoReturn:
    """End the command with a line on stderr."""
    typer.echo(text, err=True)
    raise typer.Exit(code)
