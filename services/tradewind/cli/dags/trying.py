"""`tradewind dags test`."""

from typing import Annotated

import typer

from tradewind.cli.arguments import AnyBundle, DagId, MoreLogs
from tradewind.cli.output.pictures import show_graph

DagFile = Annotated[
    str | None,
    typer.Option("--dagfile-path", "-f", help="The DAG's file or folder; without it the whole DAGs folder."),
]
Conf = Annotated[str | None, typer.Option("--conf", "-c", help="The run's conf: a JSON object.")]


def try_out(
    dag_id: DagId,
    logical_date: Annotated[str | None, typer.Argument(metavar="LOGICAL_DATE", help="ISO; now if left out.")] = None,
    conf: Conf = None,
    dagfile_path: DagFile = None,
    bundle_name: AnyBundle = None,
    mark_success_pattern: Annotated[
        str | None, typer.Option(help="Tasks whose ids match this regular expression are taken for done.")
    ] = None,
    save_dagrun: Annotated[
        str | None, typer.Option("--save-dagrun", help="Draw the run into this file: .dot, or what graphviz makes.")
    ] = None,
    *,
    verbose: MoreLogs = False,
    show_dagrun: Annotated[bool, typer.Option("--show-dagrun", help="Draw the run in graphviz's language.")] = False,
    imgcat_dagrun: Annotated[bool, typer.Option("--imgcat-dagrun", help="Draw the run in the terminal.")] = False,
    use_executor: Annotated[
        bool, typer.Option("--use-executor", help="Each attempt in a process of its own, as executors run them.")
    ] = False,
) -> None:
    """Run a DAG to its end in this process, without any service: for trying it out. Exit code 1 if the run fails."""
    from tradewind.cli.trials import FAILED, picture_of, try_dag

    dag, run = try_dag(
        dag_id,
        logical_date,
        conf=conf,
        path=dagfile_path,
        mark_success_pattern=mark_success_pattern,
        use_executor=use_executor,
    )
    if show_dagrun or save_dagrun or imgcat_dagrun:
        show_graph(picture_of(dag, run.states()), save_dagrun, imgcat=imgcat_dagrun)
    if run.state == "failed":
        raise typer.Exit(FAILED)
