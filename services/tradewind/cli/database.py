"""`tradewind db …`."""

import asyncio
import os
import shutil
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn
from urllib.parse import unquote, urlsplit, urlunsplit

import typer

from tradewind.cli.access.failing import fail
from tradewind.cli.arguments import MoreLogs
from tradewind.cli.cleaning import commands as cleaning
from tradewind.cli.output.talking import Yes, agrees

if TYPE_CHECKING:
    from tradewind.db.migrate import Migration

POLL_SECONDS: Final = 1.0
USAGE: Final = 2

Revision = Annotated[
    int | None, typer.Option("--to-revision", "-r", min=1, help="Stop after the migration of this number.")
]


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="The database's schema.", no_args_is_help=True)
    app.command("migrate")(migrate)
    app.command("init", hidden=True)(migrate)
    app.command("upgrade", hidden=True)(migrate)
    app.command("check")(check)
    app.command("check-migrations")(check_migrations)
    app.command("shell")(shell)
    app.command("reset")(reset)
    cleaning.add_commands(app)
    return app


def migrate(
    to_revision: Revision = None,
    from_revision: Annotated[
        int | None, typer.Option("--from-revision", min=0, help="With --show-sql-only: what follows this number.")
    ] = None,
    *,
    verbose: MoreLogs = False,
    only_pre: Annotated[
        bool, typer.Option("--only-pre", help="Stop before the first migration that must follow new code.")
    ] = False,
    show_sql_only: Annotated[
        bool, typer.Option("--show-sql-only", "-s", help="Print what would be run, and run nothing.")
    ] = False,
) -> None:
    """Bring the database of TRADEWIND__DATABASE__URL to this version's schema; may run any number of times at once."""
    from tradewind.db.migrate import migrate as run_migrations

    if show_sql_only:
        for migration in _pending(from_revision, to_revision):
            typer.echo(f"-- {migration.path.name}\n{migration.path.read_text(encoding='utf-8').rstrip()}\n")
        return
    if from_revision is not None:
        fail("--from-revision needs --show-sql-only: a database is brought on from where it is", USAGE)
    number = _run(run_migrations(_url(), only_pre=only_pre, until=to_revision))
    typer.echo(f"The schema is at migration {number:04d}.")


def _pending(from_revision: int | None, to_revision: int | None) -> "list[Migration]":
    from tradewind.db.migrate import SCHEMA, current_schema, migrations

    before = from_revision if from_revision is not None else _run(current_schema(_url()))
    return [each for each in migrations() if before < each.number <= (to_revision or SCHEMA)]


def check(
    retry: Annotated[int, typer.Option("--retry", min=0, help="Try again so often.")] = 0,
    retry_delay: Annotated[int, typer.Option("--retry-delay", min=1, help="Seconds between two tries.")] = 1,
    *,
    verbose: MoreLogs = False,
) -> None:
    """Exit with 0 if the database of TRADEWIND__DATABASE__URL can be reached, else with 1 and a line that says why."""
    from tradewind.db.pool import reach
    from tradewind.db.store import StoreUnavailable

    url = _url()
    for left in range(retry, -1, -1):
        try:
            asyncio.run(reach(url))
        except StoreUnavailable as exc:
            if not left:
                fail(f"The database could not be reached: {exc}: check TRADEWIND__DATABASE__URL.")
            typer.echo(f"{exc}; {left} more tries", err=True)
            time.sleep(retry_delay)
        else:
            break
    typer.echo("The database can be reached.")


def check_migrations(
    migration_wait_timeout: Annotated[
        int, typer.Option("--migration-wait-timeout", "-t", min=0, help="Seconds to wait for it.")
    ] = 60,
    *,
    verbose: MoreLogs = False,
) -> None:
    """Wait until the database serves this version's schema; exit code 1 if it does not in time."""
    if not _run(_is_served_within(_url(), migration_wait_timeout)):
        fail(f"There are unapplied migrations after {migration_wait_timeout} s: run `tradewind db migrate`")
    typer.echo("The database serves this version.")


async def _is_served_within(url: str, seconds: float) -> bool:
    from tradewind.db.migrate import SCHEMA, served_range
    from tradewind.db.pool import open_pool, reach

    await reach(url)
    end = time.monotonic() + seconds
    async with open_pool(url, 1) as database:
        while (served := await served_range(database)) is None or not served[0] <= SCHEMA <= served[1]:
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(min(POLL_SECONDS, max(0.0, end - time.monotonic())))
    return True


def shell(*, verbose: MoreLogs = False) -> NoReturn:
    """Open `psql` on the database of TRADEWIND__DATABASE__URL."""
    program = shutil.which("psql")
    if program is None:
        fail("The program 'psql' is not on the PATH: install Postgres's client")
    url, password = _without_password(_url())
    # Others on this machine may read arguments, not the environment.
    environment = {**os.environ, **({} if password is None else {"PGPASSWORD": password})}
    os.execve(program, [program, url], environment)  # noqa: S606 - no shell


def reset(
    *,
    yes: Yes = False,
    verbose: MoreLogs = False,
    skip_init: Annotated[bool, typer.Option("--skip-init", "-s", help="Only empty it: no new schema.")] = False,
) -> None:
    """Empty the database of TRADEWIND__DATABASE__URL, whatever is in it, and make the schema anew."""
    from tradewind.db.migrate import drop_everything
    from tradewind.db.migrate import migrate as run_migrations

    url = _url()
    if not agrees(f"Delete everything in {_without_password(url)[0]}?", yes=yes):
        raise typer.Exit(1)
    _run(drop_everything(url))
    if skip_init:
        typer.echo("The database is empty.")
    else:
        typer.echo(f"The schema is at migration {_run(run_migrations(url)):04d}; there is nothing in it.")


def _url() -> str:
    from tradewind.service.settings import ServiceSettings, load_settings, required_database_url

    return required_database_url(load_settings(ServiceSettings))


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """What it returns; a database that cannot be reached ends the command."""
    from tradewind.db.store import StoreUnavailable

    try:
        return asyncio.run(work)
    except StoreUnavailable as exc:
        fail(f"{exc} (check TRADEWIND__DATABASE__URL)")


def _without_password(url: str) -> tuple[str, str | None]:
    """The address without the password, and the password."""
    parts = urlsplit(url)
    account, at, host = parts.netloc.rpartition("@")
    user, colon, password = account.partition(":")
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host}")), unquote(password) if colon else None
