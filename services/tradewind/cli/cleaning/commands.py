"""The commands, with Airflow's options."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tradewind.cli.access.failing import fail
from tradewind.cli.arguments import MoreLogs, moment
from tradewind.cli.cleaning.tables import chosen_tables
from tradewind.cli.output.talking import Yes, agrees

Tables = Annotated[str | None, typer.Option("--tables", "-t", help="Only these, separated by commas.")]


class ExportFormat(StrEnum):
    """What files are written."""

    CSV = "csv"


def add_commands(app: typer.Typer) -> None:
    """To the group `db`."""
    app.command("clean")(clean)
    app.command("export-archived")(export_archived)
    app.command("drop-archived")(drop_archived)


def clean(
    clean_before_timestamp: Annotated[
        str,
        typer.Option("--clean-before-timestamp", help="What ended before this date goes (ISO, UTC)."),
    ],
    tables: Tables = None,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch-size", min=1, help="Rows, or runs, in one transaction; unset: 5000 rows or 100 runs."),
    ] = None,
    dag_ids: Annotated[str | None, typer.Option("--dag-ids", help="Only of these DAGs, separated by commas.")] = None,
    exclude_dag_ids: Annotated[
        str | None, typer.Option("--exclude-dag-ids", help="Not of these DAGs, separated by commas.")
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many rows would go, and delete nothing.")] = False,
    skip_archive: Annotated[bool, typer.Option("--skip-archive", help="Keep nothing of what is deleted.")] = False,
    error_on_cleanup_failure: Annotated[
        bool, typer.Option("--error-on-cleanup-failure", help="Exit with 1 if a table could not be cleaned.")
    ] = False,
    yes: Yes = False,
    verbose: MoreLogs = False,
) -> None:
    """Delete what is old from the database of TRADEWIND__DATABASE__URL, while everything runs. What is not over, the
    last run of each DAG, and what somebody waits for stay. Logs go with their runs."""
    from tradewind.cli.cleaning.running import Wish, run_clean

    before = moment(clean_before_timestamp, "--clean-before-timestamp")
    chosen, remarks = chosen_tables(tables)
    for remark in remarks:
        typer.echo(remark, err=True)
    names = ", ".join(chosen)
    if not dry_run and not agrees(f"Delete what ended before {before.isoformat()} from {names}?", yes=yes):
        raise typer.Exit(1)
    wish = Wish(
        tables=chosen,
        before=before,
        dag_ids=_names(dag_ids),
        excluded_dag_ids=_names(exclude_dag_ids) or (),
        batch_size=batch_size,
        is_archived=not skip_archive,
        is_dry=dry_run,
    )
    failed = run_clean(wish)
    if failed and error_on_cleanup_failure:
        fail(f"Not cleaned: {', '.join(failed)}")


def export_archived(
    output_path: Annotated[Path, typer.Option("--output-path", metavar="FOLDER", help="An existing folder.")],
    export_format: Annotated[
        ExportFormat, typer.Option("--export-format", help="What files are written.")
    ] = ExportFormat.CSV,
    tables: Tables = None,
    *,
    drop_archives: Annotated[bool, typer.Option("--drop-archives", help="Drop for good what was exported.")] = False,
    yes: Yes = False,
    verbose: MoreLogs = False,
) -> None:
    """Write what `db clean` archived into files, one a table."""
    from tradewind.cli.cleaning.archives import run_export

    if not output_path.is_dir():
        fail(f"There is no folder {output_path}: make it first")
    if drop_archives and not agrees("Drop what was archived, once it is exported?", yes=yes):
        raise typer.Exit(1)
    run_export(output_path, _names(tables), drops=drop_archives)


def drop_archived(tables: Tables = None, *, yes: Yes = False, verbose: MoreLogs = False) -> None:
    """Drop what `db clean` archived, for good."""
    from tradewind.cli.cleaning.archives import run_drop

    if not agrees(f"Drop what was archived of {tables or 'all tables'}, for good?", yes=yes):
        raise typer.Exit(1)
    run_drop(_names(tables))


def _names(text: str | None) -> tuple[str, ...] | None:
    names = tuple(part.strip() for part in (text or "").split(",") if part.strip())
    return names or None
