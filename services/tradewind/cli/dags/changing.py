"""`tradewind dags pause`, `unpause`, `delete` and `reserialize`."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.arguments import BundleNames, DagId
from tradewind.cli.output.rows import Output, OutputFormat, show
from tradewind.cli.output.talking import Yes, agrees, with_progress

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

AsRegex = Annotated[
    bool, typer.Option("--treat-dag-id-as-regex", help="DAG_ID is a regular expression that DAG ids match.")
]


def add_commands(app: typer.Typer) -> None:
    """To the group `dags`."""
    app.command("pause")(pause)
    app.command("unpause")(unpause)
    app.command("delete")(delete)
    app.command("reserialize")(reserialize)


@asks_api
def pause(
    api: "Api",
    dag_id: DagId,
    output: Output = OutputFormat.TABLE,
    *,
    treat_dag_id_as_regex: AsRegex = False,
    yes: Yes = False,
) -> None:
    """Start no more runs and tasks of a DAG; what runs goes on."""
    _set_paused(api, dag_id, output, is_paused=True, is_regex=treat_dag_id_as_regex, yes=yes)


@asks_api
def unpause(
    api: "Api",
    dag_id: DagId,
    output: Output = OutputFormat.TABLE,
    *,
    treat_dag_id_as_regex: AsRegex = False,
    yes: Yes = False,
) -> None:
    """Go on with a DAG that was paused."""
    _set_paused(api, dag_id, output, is_paused=False, is_regex=treat_dag_id_as_regex, yes=yes)


def _set_paused(api: "Api", dag_id: str, output: str, *, is_paused: bool, is_regex: bool, yes: bool) -> None:
    found = _matching(api, dag_id) if is_regex else [api.get("dags", dag_id)]
    changing = [dag["dag_id"] for dag in found if dag["is_paused"] != is_paused]
    if not changing:
        typer.echo(f"No {'un' if is_paused else ''}paused DAGs were found")
        return
    verb = "Pause" if is_paused else "Unpause"
    if not agrees(f"{verb} {len(changing)} DAGs: {', '.join(changing)}?", yes=yes or not is_regex):
        return
    for each in with_progress(changing, "Pausing" if is_paused else "Unpausing"):
        api.patch("dags", each, body={"is_paused": is_paused})
    show([{"dag_id": each, "is_paused": is_paused} for each in changing], output)


def _matching(api: "Api", pattern: str) -> Sequence[dict[str, Any]]:
    try:
        compiled = re.compile(pattern)
    except re.error as exc:
        raise typer.BadParameter(f"{pattern!r} is no regular expression: {exc}", param_hint="DAG_ID") from None
    return [dag for dag in api.each("dags", key="dags", order_by="dag_id") if compiled.search(dag["dag_id"])]


@asks_api
def delete(api: "Api", dag_id: DagId, *, yes: Yes = False) -> None:
    """Delete all that is recorded of a DAG. While its file is there, the DAG comes back without its history."""
    if agrees(f"Delete all runs, task instances and logs of {dag_id!r}?", yes=yes):
        api.delete("dags", dag_id)
        typer.echo(f"The DAG {dag_id!r} and all that was recorded of it are deleted")


@asks_api
def reserialize(api: "Api", bundle_name: BundleNames = None) -> None:
    """Have every DAG file parsed again, whether or not it has changed."""
    tokens = {
        dag["file_token"]: dag["fileloc"]
        for dag in api.each("dags", key="dags", order_by="dag_id")
        if not bundle_name or dag["bundle_name"] in bundle_name
    }
    for token in with_progress(list(tokens), "Asking"):
        api.put("parseDagFile", token)
    typer.echo(f"{len(tokens)} files will be parsed again")
