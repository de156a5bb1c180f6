"""The group `providers`, and `tradewind plugins`: what is installed beside the API."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.access.failing import fail
from tradewind.cli.output.rows import Output, OutputFormat, picked, show, show_one

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

PROVIDER: Final = ("package_name", "description", "version")
PLUGIN: Final = ("name", "source", "macros", "listeners", "timetables", "operator_extra_links")


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="Provider packages that are installed.", no_args_is_help=True)
    app.command("list")(list_)
    app.command("get")(get)
    return app


@asks_api
def list_(api: "Api", output: Output = OutputFormat.TABLE) -> None:
    """List provider packages that are installed beside the API."""
    show([picked(each, PROVIDER) for each in api.each("providers", key="providers")], output)


@asks_api
def get(
    api: "Api",
    provider_name: Annotated[str, typer.Argument(metavar="PROVIDER_NAME", help="The package's name.")],
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show what is known of a provider package."""
    found = [each for each in api.each("providers", key="providers") if each["package_name"] == provider_name]
    if not found:
        fail(f"The provider package {provider_name!r} is not installed: `tradewind providers list` shows what is")
    show_one(found[0], output)


@asks_api
def plugins(api: "Api", output: Output = OutputFormat.TABLE) -> None:
    """List plugins of the plugins folder and of installed packages, as far as the API sees them."""
    found = list(api.each("plugins", key="plugins"))
    is_whole = output in (OutputFormat.JSON, OutputFormat.YAML)
    show(found if is_whole else [picked(each, PLUGIN) for each in found], output)
