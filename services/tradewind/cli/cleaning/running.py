"""Cleaning table after table."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import typer

from tradewind.api.retention.cleaning import BY_RUN, Cleaning, Progress
from tradewind.api.settings import ApiServiceSettings
from tradewind.api.task_logs.stores import LogStores
from tradewind.cli.access.failing import fail
from tradewind.cli.cleaning.progress import counting
from tradewind.core.errors import AdapterError, DomainError
from tradewind.db.pool import Database, open_pool, reach
from tradewind.db.retention.runs import Scope
from tradewind.db.secrets import SecretBox
from tradewind.db.store import StoreUnavailable
from tradewind.service.clock import utc_now
from tradewind.service.lifecycle import config_errors_reported
from tradewind.service.secrets import fernet_key
from tradewind.service.settings import load_settings, required_database_url

CONNECTIONS: Final = 2
ROWS_AT_ONCE: Final = 5000
RUNS_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be cleaned, and how."""

    tables: tuple[str, ...]
    before: datetime
    dag_ids: tuple[str, ...] | None
    excluded_dag_ids: tuple[str, ...]
    batch_size: int | None
    is_archived: bool
    is_dry: bool


def run_clean(wish: Wish) -> list[str]:
    """Print what goes of each table; the names of those that could not be cleaned. Ends the command if there is no
    database."""
    with config_errors_reported():
        try:
            return asyncio.run(_clean(wish))
        except StoreUnavailable as exc:
            fail(f"{exc} (check TRADEWIND__DATABASE__URL)")


async def _clean(wish: Wish) -> list[str]:
    settings = load_settings(ApiServiceSettings)
    url = required_database_url(settings)
    await reach(url)
    failed: list[str] = []
    async with open_pool(url, CONNECTIONS) as database:
        stores = LogStores(settings=settings.logging, database=database, secrets=SecretBox(fernet_key(settings)))
        for table in wish.tables:
            try:
                await _clean_table(wish, table, database, stores)
            except (AdapterError, DomainError) as exc:
                typer.echo(f"{table}: failed: {exc}", err=True)
                failed.append(table)
    return failed


async def _clean_table(wish: Wish, table: str, database: Database, stores: LogStores) -> None:
    with ExitStack() as stack:
        heard: Progress = stack.enter_context(counting(table)) if not wish.is_dry else _nothing
        cleaning = Cleaning(
            database=database,
            stores=stores,
            scope=Scope(before=wish.before, dag_ids=wish.dag_ids, excluded_dag_ids=wish.excluded_dag_ids),
            batch_size=wish.batch_size or (RUNS_AT_ONCE if table in BY_RUN else ROWS_AT_ONCE),
            archived_at=utc_now() if wish.is_archived and not wish.is_dry else None,
            progress=heard,
        )
        number = await (cleaning.count(table) if wish.is_dry else cleaning.clean(table))
    typer.echo(f"{table}: {number} would go" if wish.is_dry else f"{table}: {number} deleted")


def _nothing(_rows: int) -> None:
    pass
