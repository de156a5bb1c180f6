"""The group `assets`."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.access.failing import fail
from tradewind.cli.output.rows import Output, OutputFormat, picked, show, show_one

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

COLUMNS: Final = "name,uri,group,extra"
USAGE: Final = 2

Name = Annotated[str, typer.Option("--name", help="The asset's name.")]
Uri = Annotated[str, typer.Option("--uri", help="The asset's URI.")]


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="Assets, and who writes them.", no_args_is_help=True)
    app.command("list")(list_)
    app.command("details")(details)
    app.command("materialize")(materialize)
    return app


@asks_api
def list_(
    api: "Api",
    columns: Annotated[str, typer.Option("--columns", help="What to show, separated by commas.")] = COLUMNS,
    output: Output = OutputFormat.TABLE,
    *,
    alias: Annotated[bool, typer.Option("--alias", help="Aliases instead of assets.")] = False,
) -> None:
    """List assets."""
    things = (
        api.each("assets", "aliases", key="asset_aliases", order_by="name")
        if alias
        else api.each("assets", key="assets", order_by="name")
    )
    names = [name.strip() for name in columns.split(",") if name.strip()]
    show([picked(each, [name for name in names if name in each]) for each in things], output)


@asks_api
def details(
    api: "Api",
    name: Name = "",
    uri: Uri = "",
    output: Output = OutputFormat.TABLE,
    *,
    alias: Annotated[bool, typer.Option("--alias", help="An alias, by its name.")] = False,
) -> None:
    """Show all that is known of an asset."""
    show_one(_alias(api, name, uri) if alias else _asset(api, name, uri), output)


@asks_api
def materialize(api: "Api", name: Name = "", uri: Uri = "", output: Output = OutputFormat.TABLE) -> None:
    """Make a run of the one DAG that writes the asset."""
    asset = _asset(api, name, uri)
    run = api.post("assets", str(asset["id"]), "materialize", body={})
    show_one(run, output)


def _alias(api: "Api", name: str, uri: str) -> dict[str, Any]:
    if not name or uri:
        fail("With --alias give --name, and not --uri", USAGE)
    found = api.each("assets", "aliases", key="asset_aliases", name_pattern=name)
    alias = next((each for each in found if each["name"] == name), None)
    if alias is None:
        fail(f"There is no asset alias with name {name!r}")
    return alias


def _asset(api: "Api", name: str, uri: str) -> dict[str, Any]:
    """The one asset of this name and URI, of which one may be left out; otherwise the command ends."""
    if not name and not uri:
        fail("Give --name or --uri", USAGE)
    patterns = {"name_pattern": name or None, "uri_pattern": uri or None}
    found = [
        each
        for each in api.each("assets", key="assets", **patterns)
        if each["name"] == (name or each["name"]) and each["uri"] == (uri or each["uri"])
    ]
    wanted = " and ".join(f"{what} {text!r}" for what, text in (("name", name), ("URI", uri)) if text)
    if len(found) != 1:
        fail(f"There is no asset with {wanted}" if not found else f"More than one asset has {wanted}: give both")
    return found[0]
