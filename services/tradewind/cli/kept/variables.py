"""The group `variables`."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.access.failing import fail
from tradewind.cli.kept.reading import MASK, act, all_of, one_of, read_file, write_file
from tradewind.cli.output.rows import Output, OutputFormat, show

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

Key = Annotated[str, typer.Argument(metavar="KEY", help="The variable's key.")]
ShowValues = Annotated[bool, typer.Option("--show-values", help="Values, too.")]
HideSensitive = Annotated[bool, typer.Option("--hide-sensitive", help="With --show-values: every value masked.")]


class OnExisting(StrEnum):
    """What `--action-on-existing-key` takes."""

    OVERWRITE = "overwrite"
    FAIL = "fail"
    SKIP = "skip"


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="Variables: settings of DAGs.", no_args_is_help=True)
    app.command("list")(list_)
    app.command("get")(get)
    app.command("set")(set_)
    app.command("delete")(delete)
    app.command("import")(import_)
    app.command("export")(export)
    return app


@asks_api
def list_(
    api: "Api",
    output: Output = OutputFormat.TABLE,
    *,
    show_values: ShowValues = False,
    hide_sensitive: HideSensitive = False,
) -> None:
    """List variables: their keys, unless values are asked for."""
    if hide_sensitive and not show_values:
        fail("--hide-sensitive goes with --show-values", 2)
    if not show_values:
        show([{"key": each["key"]} for each in api.each("variables", key="variables", order_by="key")], output)
        return
    found = all_of(api, "variables")
    show([{"key": each["key"], "val": MASK if hide_sensitive else each["value"]} for each in found], output)


@asks_api
def get(
    api: "Api",
    key: Key,
    default: Annotated[
        str | None, typer.Option("--default", "-d", metavar="VAL", help="Printed if there is no such variable.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", "-j", help="The value is JSON: say so if it is not.")] = False,
) -> None:
    """Print a variable's value: that of this environment or of a secrets backend, else the stored one."""
    from tradewind.sdk.secrets.search import find_variable

    value = find_variable(key)
    if value is None and (stored := one_of(api, "variables", "key", key)) is not None:
        value = stored["value"]
    if value is not None:
        typer.echo(_compact(key, value) if as_json else value)
    elif default is not None:
        typer.echo(default)
    else:
        fail(f"There is no variable {key!r}")


@asks_api
def set_(
    api: "Api",
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Its value.")],
    description: Annotated[str | None, typer.Option("--description", help="What it is for.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", "-j", help="Store the text as a JSON string.")] = False,
) -> None:
    """Create a variable, or give it another value."""
    entity: dict[str, Any] = {"key": key, "value": json.dumps(value, indent=2) if as_json else value}
    if description is not None:
        entity["description"] = description
    act(api, "variables", {"action": "create", "entities": [entity], "action_on_existence": "overwrite"})
    typer.echo(f"Variable {key} created")


@asks_api
def delete(api: "Api", key: Key) -> None:
    """Delete a variable."""
    api.delete("variables", key)
    typer.echo(f"Variable {key} deleted")


@asks_api
def import_(
    api: "Api",
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .json, .yaml, .yml or .env file.")],
    on_existing: Annotated[
        OnExisting, typer.Option("--action-on-existing-key", "-a", help="What to do with keys that exist.")
    ] = OnExisting.OVERWRITE,
) -> None:
    """Create variables from a file."""
    from tradewind.cli.stored_files.variables import read_variables

    found = read_file(file, lambda text: read_variables(text, file.suffix.removeprefix(".")))
    entities: list[dict[str, Any]] = [
        {"key": key, "value": each.value, **({} if each.description is None else {"description": each.description})}
        for key, each in found.items()
    ]
    done = act(api, "variables", {"action": "create", "entities": entities, "action_on_existence": on_existing.value})
    typer.echo(f"{len(done)} of {len(found)} variables successfully updated.")
    if skipped := sorted(found.keys() - set(done)):
        typer.echo(f"Left as they are, for they exist: {', '.join(skipped)}")


@asks_api
def export(
    api: "Api", file: Annotated[str, typer.Argument(metavar="FILE", help="Where to; - is the standard output.")]
) -> None:
    """Write all variables to a file of JSON."""
    from tradewind.cli.stored_files.variables import Variable, write_variables

    rows = all_of(api, "variables")
    if unreadable := [each["key"] for each in rows if each["value"] is None]:
        fail(f"Encrypted with a key that TRADEWIND__CORE__FERNET_KEY does not hold: {', '.join(unreadable)}")
    found = {each["key"]: Variable(each["value"], each["description"]) for each in rows}
    write_file(file, write_variables(found), f"{len(found)} variables successfully exported")


def _compact(key: str, value: str) -> str:
    try:
        return json.dumps(json.loads(value))
    except ValueError as exc:
        fail(f"The value of {key!r} is no JSON: {exc}")
