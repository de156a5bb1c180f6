"""`tradewind dags list`, `details`, `list-import-errors` and `report`."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tradewind.cli.access.asking import ApiUrl, Token, Verbose, asks_api
from tradewind.cli.arguments import BundleNames, DagId
from tradewind.cli.output.rows import Output, OutputFormat, picked, show, show_one
from tradewind.cli.output.talking import with_progress

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

COLUMNS: Final = "dag_id,fileloc,owners,is_paused,bundle_name,bundle_version"
HAS_ERRORS: Final = 1
BROKEN: Final = "Failed to load all files: `tradewind dags list-import-errors` says which and why"

Local = Annotated[
    bool, typer.Option("--local", "-l", help="Load the files of the DAGs folder here, instead of asking the API.")
]


def add_commands(app: typer.Typer) -> None:
    """To the group `dags`."""
    app.command("list")(list_)
    app.command("details")(details)
    app.command("list-import-errors")(list_import_errors)
    app.command("report")(report)


def list_(
    columns: Annotated[str, typer.Option("--columns", help="What to show, separated by commas.")] = COLUMNS,
    bundle_name: BundleNames = None,
    output: Output = OutputFormat.TABLE,
    api_url: ApiUrl = None,
    token: Token = None,
    *,
    local: Local = False,
    verbose: Verbose = False,
) -> None:
    """List all DAGs."""
    if local:
        found, is_broken = _dags_here()
    else:
        from tradewind.cli.access.choosing import open_api

        with open_api(api_url, token, verbose=verbose) as api:
            found, is_broken = _dags_of(api, bundle_name)
    if is_broken:
        typer.echo(BROKEN, err=True)
    names = [name.strip() for name in columns.split(",") if name.strip()]
    known = found[0].keys() if found else names
    if unknown := [name for name in names if name not in known]:
        typer.echo(f"There is no column {', '.join(unknown)}; there are: {', '.join(sorted(known))}", err=True)
    show([picked(each, [name for name in names if name in known]) for each in found], output)


def _dags_of(api: "Api", bundle_names: Sequence[str] | None) -> tuple[list[dict[str, Any]], bool]:
    found = _in_bundles(api.each("dags", key="dags", order_by="dag_id"), bundle_names)
    return list(found), bool(_errors_of(api, bundle_names))


def _errors_of(api: "Api", bundle_names: Sequence[str] | None) -> list[dict[str, Any]]:
    return list(_in_bundles(api.each("importErrors", key="import_errors", order_by="filename"), bundle_names))


def _shown_error(error: dict[str, Any]) -> dict[str, object]:
    return {"bundle_name": error["bundle_name"], "filepath": error["filename"], "error": error["stack_trace"]}


def _in_bundles(things: Iterable[dict[str, Any]], bundle_names: Sequence[str] | None) -> Iterable[dict[str, Any]]:
    return (each for each in things if not bundle_names or each["bundle_name"] in bundle_names)


def _dags_here() -> tuple[list[dict[str, Any]], bool]:
    from tradewind.cli.trials import loaded_bag

    bag = loaded_bag(None)
    found = [
        {
            "dag_id": dag.dag_id,
            "dag_display_name": dag.dag_display_name,
            "fileloc": dag.fileloc,
            "owners": sorted({task.owner for task in dag.tasks}),
            "is_paused": None,
            "bundle_name": None,
            "bundle_version": None,
            "description": dag.description,
            "tags": sorted(dag.tags),
        }
        for _, dag in sorted(bag.dags.items())
    ]
    return found, bool(bag.import_errors)


@asks_api
def details(api: "Api", dag_id: DagId, output: Output = OutputFormat.TABLE) -> None:
    """Show all that is known of a DAG."""
    show_one(api.get("dags", dag_id), output)


def list_import_errors(
    bundle_name: BundleNames = None,
    output: Output = OutputFormat.TABLE,
    api_url: ApiUrl = None,
    token: Token = None,
    *,
    local: Local = False,
    verbose: Verbose = False,
) -> None:
    """List DAG files that cannot be loaded, and why. Exit code 1 if there are any."""
    if local:
        from tradewind.cli.trials import loaded_bag

        errors = sorted(loaded_bag(None).import_errors.items())
        rows: list[dict[str, object]] = [{"filepath": file, "error": error} for file, error in errors]
    else:
        from tradewind.cli.access.choosing import open_api

        with open_api(api_url, token, verbose=verbose) as api:
            rows = [_shown_error(each) for each in _errors_of(api, bundle_name)]
    show(rows, output)
    sys.stdout.flush()
    if rows:
        raise typer.Exit(HAS_ERRORS)


@asks_api
def report(api: "Api", bundle_name: BundleNames = None, output: Output = OutputFormat.TABLE) -> None:
    """Say for each DAG file how long loading it took, and what is in it."""
    files: dict[str, list[dict[str, Any]]] = {}
    for dag in _in_bundles(api.each("dags", key="dags", order_by="dag_id"), bundle_name):
        files.setdefault(dag["fileloc"], []).append(dag)
    rows = [_reported(api, file, dags) for file, dags in with_progress(sorted(files.items()), "Counting tasks")]
    show(rows, output)


def _reported(api: "Api", file: str, dags: Sequence[dict[str, Any]]) -> dict[str, object]:
    return {
        "file": file,
        "duration": dags[0]["last_parse_duration"],
        "dag_num": len(dags),
        "task_num": sum(api.get("dags", dag["dag_id"], "tasks")["total_entries"] for dag in dags),
        "dags": [dag["dag_id"] for dag in dags],
    }
