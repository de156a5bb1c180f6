"""`tradewind db …`."""

import asyncio
from typing import Annotated, Final

import typer

from tradewind.service.lifecycle import run_service

CHECK_SECONDS: Final = 5.0


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="The database's schema.", no_args_is_help=True)
    app.command("migrate")(migrate)
    app.command("check")(check)
    return app


def migrate(
    *,
    only_pre: Annotated[
        bool, typer.Option("--only-pre", help="Stop before the first migration that must follow new code.")
    ] = False,
) -> None:
    """Bring the database of TRADEWIND__DATABASE__URL to this version's schema; may run any number of times at once."""
    from tradewind.db.migrate import migrate as run_migrations
    from tradewind.db.store import StoreUnavailable
    from tradewind.service.settings import ServiceSettings, load_settings, required_database_url

    async def run() -> None:
        url = required_database_url(load_settings(ServiceSettings))
        try:
            number = await run_migrations(url, only_pre=only_pre)
        except StoreUnavailable as exc:
            typer.echo(f"{exc} (check TRADEWIND__DATABASE__URL)", err=True)
            raise typer.Exit(1) from None
        typer.echo(f"The schema is at migration {number:04d}.")

    run_service(run())


def check() -> None:
    """Exit with 0 if the database of TRADEWIND__DATABASE__URL can be reached, else with 1 and a line that says why."""
    from tradewind.db.pool import open_pool
    from tradewind.service.settings import ServiceSettings, load_settings, required_database_url

    async def run() -> None:
        url = required_database_url(load_settings(ServiceSettings))
        try:
            async with asyncio.timeout(CHECK_SECONDS), open_pool(url, 1):
                typer.echo("The database can be reached.")
        except TimeoutError:
            typer.echo(
                f"The database could not be reached within {CHECK_SECONDS:g} s: check TRADEWIND__DATABASE__URL.",
                err=True,
            )
            raise typer.Exit(1) from None

    run_service(run())
