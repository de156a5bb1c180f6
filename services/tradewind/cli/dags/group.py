"""The group `dags`."""

import typer

from tradewind.cli.dags import changing, listing, pictures, runs, trying
from tradewind.cli.dags.next_executions import next_execution
from tradewind.cli.machine.jobs import list_jobs


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="DAGs and their runs.", no_args_is_help=True)
    listing.add_commands(app)
    runs.add_commands(app)
    changing.add_commands(app)
    pictures.add_commands(app)
    app.command("list-jobs")(list_jobs)
    app.command("next-execution")(next_execution)
    app.command("test")(trying.try_out)
    return app
