"""`tradewind tasks …`."""

from typing import Annotated

import typer

from tradewind.cli.arguments import AnyBundle, DagId, MapIndex, MoreLogs, TaskId
from tradewind.cli.tasks import explanations, listing, runs, states


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="Task instances.", no_args_is_help=True)
    app.callback()(_group)
    listing.add_commands(app)
    runs.add_commands(app)
    app.command("test")(try_out)
    states.add_commands(app)
    explanations.add_commands(app)
    return app


def _group() -> None:
    """Task instances."""


def try_out(
    dag_id: DagId,
    task_id: TaskId,
    logical_date: Annotated[str | None, typer.Argument(metavar="LOGICAL_DATE", help="ISO; now if left out.")] = None,
    map_index: MapIndex = -1,
    task_params: Annotated[str | None, typer.Option("--task-params", "-t", help="Params: a JSON object.")] = None,
    dagfile_path: Annotated[
        str | None, typer.Option("--dagfile-path", help="The DAG's file or folder; without it the whole DAGs folder.")
    ] = None,
    env_vars: Annotated[
        str | None, typer.Option("--env-vars", help="Set for the DAG file and the task: a JSON object.")
    ] = None,
    bundle_name: AnyBundle = None,
    *,
    verbose: MoreLogs = False,
    post_mortem: Annotated[
        bool, typer.Option("--post-mortem", "-m", help="Open the debugger where the task failed.")
    ] = False,
) -> None:
    """Run one task, once, in this process, whatever it depends on and without any service. Exit code 1 if it fails."""
    from tradewind.cli.trials import try_one

    try_one(
        dag_id,
        task_id,
        logical_date,
        map_index=map_index,
        conf=task_params,
        path=dagfile_path,
        env_vars=env_vars,
        post_mortem=post_mortem,
    )
