"""What was archived leaves the database: into files, or for good."""

import asyncio
import csv
import json
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

import typer

from tradewind.cli.access.failing import fail
from tradewind.cli.cleaning.progress import counting
from tradewind.db.pool import Database, open_pool, reach
from tradewind.db.retention.archive import archived_columns, archived_rows, archived_tables, drop_archived
from tradewind.db.store import StoreUnavailable
from tradewind.service.lifecycle import config_errors_reported
from tradewind.service.settings import ServiceSettings, load_settings, required_database_url

ROWS_AT_ONCE: Final = 1000
_LAST: Final = 2**63 - 1


def run_export(folder: Path, tables: tuple[str, ...] | None, *, drops: bool) -> None:
    """A file a table, `<table>.csv`; what is dropped was written."""
    _run(_export(folder, tables, drops=drops))


def run_drop(tables: tuple[str, ...] | None) -> None:
    """Table after table, in batches."""
    _run(_drop(tables))


def _run(work: Coroutine[Any, Any, None]) -> None:
    with config_errors_reported():
        try:
            asyncio.run(work)
        except StoreUnavailable as exc:
            fail(f"{exc} (check TRADEWIND__DATABASE__URL)")


async def _export(folder: Path, tables: tuple[str, ...] | None, *, drops: bool) -> None:
    url = required_database_url(load_settings(ServiceSettings))
    await reach(url)
    async with open_pool(url, 1) as database:
        for table in await _archived(database, tables):
            path = folder / f"{table}.csv"
            number, last = await _write(database, table, path)
            if drops:
                await _drop_table(database, table, last)
            typer.echo(f"{table}: {number} rows written to {path}{' and dropped' if drops else ''}")


async def _drop(tables: tuple[str, ...] | None) -> None:
    url = required_database_url(load_settings(ServiceSettings))
    await reach(url)
    async with open_pool(url, 1) as database:
        for table in await _archived(database, tables):
            with counting(table):
                typer.echo(f"{table}: {await _drop_table(database, table, _LAST)} rows dropped")


async def _archived(database: Database, tables: tuple[str, ...] | None) -> list[str]:
    """Those that hold something, of those that are wanted."""
    names = [row["table_name"] for row in await archived_tables(database)]
    chosen = [name for name in names if tables is None or name in tables]
    if not chosen:
        typer.echo("Nothing is archived.", err=True)
    return chosen


async def _write(database: Database, table: str, path: Path) -> tuple[int, int]:
    """How many rows, and the last one's id."""
    number, last = 0, 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=await archived_columns(database, table), restval="")
        writer.writeheader()
        async for last_of_page, rows in archived_rows(database, table, ROWS_AT_ONCE):
            writer.writerows([_texts(row) for row in rows])
            number, last = number + len(rows), last_of_page
    return number, last


def _texts(row: Mapping[str, Any]) -> Mapping[str, object]:
    """JSON as such; null as nothing."""
    return {key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in row.items()}


async def _drop_table(database: Database, table: str, through: int) -> int:
    total = 0
    while dropped := await drop_archived(database, table, through, ROWS_AT_ONCE):
        total += dropped
    return total
