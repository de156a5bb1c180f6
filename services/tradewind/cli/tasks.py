"""`tradewind tasks …`."""

from typing import Annotated
from uuid import UUID

import typer

from tradewind.cli import task_explanations, task_states


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="Task instances.", no_args_is_help=True)
    app.callback()(_group)
    app.command("run")(run)
    app.command("test")(try_out)
    task_states.add_commands(app)
    task_explanations.add_commands(app)
    return app


def _group() -> None:
    """Task instances."""


def run(
    dag_id: Annotated[str, typer.Argument(metavar="DAG_ID")],
    task_id: Annotated[str, typer.Argument(metavar="TASK_ID")],
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID")],
    map_index: Annotated[int, typer.Option("--map-index", help="Place in a mapped task; -1 = not mapped.")] = -1,
    attempt_id: Annotated[UUID | None, typer.Option("--attempt-id", help="The queued attempt to run.")] = None,
) -> None:
    """Run one queued attempt of a task instance in this process: what an executor's message asks for."""
    if attempt_id is None:
        raise typer.BadParameter(
            "an attempt must be queued before it can run, which a scheduler does: to run the task, trigger its DAG "
            "(POST /api/v2/dags/{dag_id}/dagRuns)",
            param_hint="--attempt-id",
        )
    from tradewind.task_runner.single import main

    main(dag_id=dag_id, task_id=task_id, run_id=run_id, map_index=map_index, attempt_id=attempt_id)


def try_out(
    dag_id: Annotated[str, typer.Argument(metavar="DAG_ID")],
    task_id: Annotated[str, typer.Argument(metavar="TASK_ID")],
    logical_date: Annotated[str | None, typer.Argument(metavar="LOGICAL_DATE", help="ISO; now if left out.")] = None,
    map_index: Annotated[int, typer.Option("--map-index", help="Place in a mapped task; -1 = not mapped.")] = -1,
    task_params: Annotated[str | None, typer.Option("--task-params", "-t", help="Params: a JSON object.")] = None,
    dagfile_path: Annotated[
        str | None, typer.Option("--dagfile-path", help="The DAG's file or folder; without it the whole DAGs folder.")
    ] = None,
) -> None:
    """Run one task, once, in this process, whatever it depends on and without any service. Exit code 1 if it fails."""
    from tradewind.cli.trials import try_one

    try_one(dag_id, task_id, logical_date, map_index=map_index, conf=task_params, path=dagfile_path)
