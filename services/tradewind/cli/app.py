"""The command line: Airflow's groups and words, and some of its own."""

import typer

from tradewind.cli.command_table import LazyGroup


def create_app() -> typer.Typer:
    """All commands."""
    app = typer.Typer(name="tradewind", cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(_tradewind)
    return app


def _tradewind() -> None:
    """Runs Airflow's DAG files, asynchronously."""


def version() -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    typer.echo(version_of("tradewind"))
