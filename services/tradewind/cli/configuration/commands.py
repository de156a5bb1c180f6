"""`tradewind config …`."""

import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.service.config_errors import config_errors_reported

if TYPE_CHECKING:
    from tradewind.service.configuration.listing import Remark


class Color(StrEnum):
    """When to colour."""

    ON = "on"
    OFF = "off"
    AUTO = "auto"


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="What is configured, and where.", no_args_is_help=True)
    app.command("list")(list_options)
    app.command("get-value")(get_value)
    app.command("lint")(lint)
    return app


def list_options(
    *,
    section: Annotated[str | None, typer.Option("--section", help="Only this section.")] = None,
    color: Annotated[Color, typer.Option("--color", help="When to colour.")] = Color.AUTO,
    include_sources: Annotated[
        bool, typer.Option("--include-sources", help="Name the source of defaults, too.")
    ] = False,
    include_descriptions: Annotated[
        bool, typer.Option("--include-descriptions", "-d", help="Say what each means.")
    ] = False,
    include_env_vars: Annotated[
        bool, typer.Option("--include-env-vars", "-V", help="Name the variable of each.")
    ] = False,
    defaults: Annotated[bool, typer.Option("--defaults", "-a", help="Defaults only, each commented out.")] = False,
    comment_out_everything: Annotated[
        bool, typer.Option("--comment-out-everything", "-c", help="Write # before each.")
    ] = False,
    show_values: Annotated[bool, typer.Option("--show-values", help="Show secrets, too.")] = False,
    hide_sensitive: Annotated[bool, typer.Option("--hide-sensitive", help="Hide secrets in any case.")] = False,
    include_examples: Annotated[bool, typer.Option("--include-examples", "-e", help="Of no effect.")] = False,
    exclude_providers: Annotated[bool, typer.Option("--exclude-providers", "-p", help="Of no effect.")] = False,
) -> None:
    """Print every option with its value, as in a file; above what is not a default, where it was said. What is given
    and ignored follows, with the reason. Secrets are hidden unless asked for."""
    from tradewind.cli.configuration.printing import Style, printed
    from tradewind.service.configuration.listing import Listing

    style = Style(
        sources=include_sources,
        descriptions=include_descriptions or defaults,
        variables=include_env_vars or defaults,
        defaults=defaults,
        commented=comment_out_everything or defaults,
        secrets=show_values and not hide_sensitive,
        colored=color is Color.ON or (color is Color.AUTO and sys.stdout.isatty()),
    )
    with config_errors_reported():
        listing = Listing(os.environ)
        options = listing.options(None if section is None else section.lower())
        if section is not None and not options:
            typer.echo(f"There is no section {section!r}.", err=True)
            raise typer.Exit(1)
        remarks = listing.remarks() if section is None and not defaults else ()
        typer.echo(printed(options, remarks, style), nl=False, color=style.colored)


def get_value(
    section: Annotated[str, typer.Argument(help="The section.")],
    option: Annotated[str, typer.Argument(help="The option's name, ours or Airflow's.")],
) -> None:
    """Print one value, secrets included; exit with 1 if there is no such option, or nothing is set."""
    from tradewind.service.configuration.listing import Listing

    with config_errors_reported():
        found = Listing(os.environ).option(section, option)
    if found is None:
        typer.echo(f"There is no option {option!r} in [{section}]: see `tradewind config list`.", err=True)
        raise typer.Exit(1)
    if found.text is None:
        typer.echo(f"[{section}] {option} is not set.", err=True)
        raise typer.Exit(1)
    typer.echo(found.text)


def lint() -> None:
    """Print each name that is old or unknown, and exit with 1 if there is any; options that are ignored are named, too,
    but are no fault."""
    from tradewind.service.configuration.listing import Listing

    with config_errors_reported():
        listing = Listing(os.environ)
        older, remarks = listing.older_names(), listing.remarks()
    for place, old, new in older:
        typer.echo(f"{place}: {old} is called {new} now")
    for remark in remarks:
        typer.echo(line_of(remark))
    if older or any(remark.is_unknown for remark in remarks):
        raise typer.Exit(1)
    typer.echo("No name is old or unknown.")


def line_of(remark: "Remark") -> str:
    """Place, name, reason, and the name that may have been meant."""
    near = f"; did you mean {remark.nearest}?" if remark.nearest else ""
    kind = "unknown" if remark.is_unknown else "ignored"
    return f"{remark.place}: {remark.name} is {kind}: {remark.text}{near}"
