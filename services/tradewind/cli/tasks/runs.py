"""`tradewind tasks run`: with an attempt it is what executors' messages ask for; without, the API queues one."""

from typing import Annotated
from uuid import UUID

import typer

from tradewind.cli.access.asking import ApiUrl, Token
from tradewind.cli.arguments import DagId, MapIndex, RunOrDate, TaskId


def add_commands(app: typer.Typer) -> None:
    """To the group `tasks`."""
    app.command("run")(run)


def run(
    dag_id: DagId,
    task_id: TaskId,
    run_id: RunOrDate,
    map_index: MapIndex = -1,
    attempt_id: Annotated[
        UUID | None, typer.Option("--attempt-id", help="Run this queued attempt here; without, the API queues one.")
    ] = None,
    pool: Annotated[str | None, typer.Option("--pool", help="Slots of this pool instead of the task's own.")] = None,
    queue: Annotated[str | None, typer.Option("--queue", "-q", help="Instead of the task's own.")] = None,
    executor: Annotated[str | None, typer.Option("--executor", help="Instead of the task's own.")] = None,
    depends_on_past: Annotated[
        str, typer.Option("--depends-on-past", "-d", help="What its past is to it: check or ignore.")
    ] = "check",
    api_url: ApiUrl = None,
    token: Token = None,
    *,
    mark_success: Annotated[
        bool, typer.Option("--mark-success", "-m", help="End it as success without running its code.")
    ] = False,
    ignore_all_dependencies: Annotated[
        bool, typer.Option("--ignore-all-dependencies", "-A", help="Run it now, whatever stands against it.")
    ] = False,
    ignore_dependencies: Annotated[
        bool,
        typer.Option(
            "--ignore-dependencies", "-i", help="Upstream tasks, its past, the time of a retry, limits of its own."
        ),
    ] = False,
    ignore_depends_on_past: Annotated[
        bool, typer.Option("--ignore-depends-on-past", "-I", help="The same as --depends-on-past ignore.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Run it although it has ended; a run that has ended goes on.")
    ] = False,
) -> None:
    """Run one task of a DAG run now. Without --attempt-id the API is asked to queue it, and its log is shown until it
    ends. Exit code 0: success or skipped; 1: failed; 3: it did not run, for what is said."""
    if depends_on_past not in ("check", "ignore"):
        raise typer.BadParameter(f"{depends_on_past!r} is neither check nor ignore", param_hint="--depends-on-past")
    if attempt_id is not None:
        from tradewind.task_runner.supervising.single import main

        main(
            dag_id=dag_id,
            task_id=task_id,
            run_id=run_id,
            map_index=map_index,
            attempt_id=attempt_id,
            mark_success=mark_success,
        )
    from tradewind.cli.tasks.queued_runs import run_by_hand

    wishes = {
        "mark_success": mark_success,
        "ignore_all_deps": ignore_all_dependencies,
        "ignore_task_deps": ignore_dependencies,
        "ignore_depends_on_past": ignore_depends_on_past or depends_on_past == "ignore",
        "ignore_ti_state": force,
        "pool": pool,
        "queue": queue,
        "executor": executor,
    }
    raise typer.Exit(run_by_hand(dag_id, task_id, run_id, map_index, wishes, api_url, token))
