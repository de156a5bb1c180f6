"""`tradewind dags …`."""

from typing import Annotated

import typer

from tradewind.cli.dags.next_executions import next_execution

DagFile = Annotated[
    str | None, typer.Option("--dagfile-path", help="The DAG's file or folder; without it the whole DAGs folder.")
]
Conf = Annotated[str | None, typer.Option("--conf", "-c", help="The run's conf: a JSON object.")]


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="DAGs.", no_args_is_help=True)
    app.callback()(_group)
    app.command("test")(try_out)
    app.command("next-execution")(next_execution)
    return app


def _group() -> None:
    """DAGs."""


def try_out(
    dag_id: Annotated[str, typer.Argument(metavar="DAG_ID")],
    logical_date: Annotated[str | None, typer.Argument(metavar="LOGICAL_DATE", help="ISO; now if left out.")] = None,
    conf: Conf = None,
    dagfile_path: DagFile = None,
    mark_success_pattern: Annotated[
        str | None, typer.Option(help="Tasks whose ids match this regular expression are taken for done.")
    ] = None,
    *,
    use_executor: Annotated[
        bool, typer.Option("--use-executor", help="Each attempt in a process of its own, as executors run them.")
    ] = False,
) -> None:
    """Run a DAG to its end in this process, without any service: for trying it out. Exit code 1 if the run fails."""
    from tradewind.cli.trials import try_dag

    try_dag(
        dag_id,
        logical_date,
        conf=conf,
        path=dagfile_path,
        mark_success_pattern=mark_success_pattern,
        use_executor=use_executor,
    )
