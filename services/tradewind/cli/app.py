"""The command line: Airflow's groups and words. What a command needs is imported when it runs, so that each starts as
fast as it can."""

import typer

from tradewind.cli import backfills, database, secrets, services
from tradewind.cli.configuration import commands as configuration
from tradewind.cli.dags import group as dags
from tradewind.cli.tasks import group as tasks
from tradewind.cli.workers import group as workers


def create_app() -> typer.Typer:
    """All commands."""
    app = typer.Typer(
        name="tradewind",
        help="Runs Airflow's DAG files, asynchronously.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.command("version")(version)
    services.add_commands(app)
    secrets.add_commands(app)
    app.add_typer(database.create_app(), name="db")
    app.add_typer(configuration.create_app(), name="config")
    app.add_typer(backfills.create_app(), name="backfill")
    app.add_typer(dags.create_app(), name="dags")
    app.add_typer(tasks.create_app(), name="tasks")
    app.add_typer(workers.create_app(), name="workers")
    app.add_typer(workers.create_celery_app(), name="celery")
    return app


def version() -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    typer.echo(version_of("tradewind"))
