"""The group `pools`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.access.failing import fail
from tradewind.cli.kept.reading import act, read_file, write_file
from tradewind.cli.output.rows import Output, OutputFormat, show

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

Name = Annotated[str, typer.Argument(metavar="NAME", help="The pool's name.")]


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="Pools: how much may run at once.", no_args_is_help=True)
    app.command("list")(list_)
    app.command("get")(get)
    # Slots may be -1, which is no option.
    app.command("set", context_settings={"ignore_unknown_options": True})(set_)
    app.command("delete")(delete)
    app.command("import")(import_)
    app.command("export")(export)
    return app


@asks_api
def list_(api: "Api", output: Output = OutputFormat.TABLE) -> None:
    """List pools."""
    show([_row(pool) for pool in api.each("pools", key="pools", order_by="name")], output)


@asks_api
def get(api: "Api", name: Name, output: Output = OutputFormat.TABLE) -> None:
    """Show a pool's size."""
    show([_row(api.get("pools", name))], output)


@asks_api
def set_(
    api: "Api",
    name: Name,
    slots: Annotated[int, typer.Argument(metavar="SLOTS", min=-1, help="Its size; -1 = no limit.")],
    description: Annotated[str, typer.Argument(metavar="DESCRIPTION", help="What it is for.")],
    *,
    include_deferred: Annotated[
        bool, typer.Option("--include-deferred", help="Deferred tasks keep their slots.")
    ] = False,
) -> None:
    """Create a pool, or change it."""
    pool = {"name": name, "slots": slots, "description": description, "include_deferred": include_deferred}
    _save(api, [pool])
    typer.echo(f"Pool {name} created")


@asks_api
def delete(api: "Api", name: Name) -> None:
    """Delete a pool. Tasks that name it wait until there is one of this name again."""
    api.delete("pools", name)
    typer.echo(f"Pool {name} deleted")


@asks_api
def import_(
    api: "Api", file: Annotated[Path, typer.Argument(metavar="FILEPATH", help="A file of JSON, as `export` writes it.")]
) -> None:
    """Create and change pools as a file says. Entries without slots and description are left out, and named."""
    from tradewind.cli.stored_files.pools import read_pools

    pools, failed = read_file(file, read_pools)
    _save(api, [{"name": name, **pool._asdict()} for name, pool in pools.items()])
    typer.echo(f"Uploaded {len(pools)} pool(s)")
    if failed:
        fail(f"These are no pools, for they need slots and description: {', '.join(failed)}")


@asks_api
def export(
    api: "Api", file: Annotated[str, typer.Argument(metavar="FILEPATH", help="Where to; - is the standard output.")]
) -> None:
    """Write all pools to a file of JSON."""
    from tradewind.cli.stored_files.pools import Pool, write_pools

    found = {
        pool["name"]: Pool(pool["slots"], pool["description"], pool["include_deferred"])
        for pool in api.each("pools", key="pools", order_by="name")
    }
    write_file(file, write_pools(found), f"Exported {len(found)} pools")


def _row(pool: dict[str, Any]) -> dict[str, object]:
    rest = ("slots", "description", "include_deferred", "team_name")
    return {"pool": pool["name"], **{name: pool[name] for name in rest}}


def _save(api: "Api", pools: list[dict[str, Any]]) -> None:
    act(api, "pools", {"action": "create", "entities": pools, "action_on_existence": "overwrite"})
