"""The group `connections`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.access.failing import fail
from tradewind.cli.kept.reading import MASK, STDOUT, act, all_of, one_of, read_file, write_file
from tradewind.cli.kept.variables import HideSensitive, ShowValues
from tradewind.cli.output.rows import Output, OutputFormat, show
from tradewind.cli.stored_files.connections import (
    Fields,
    Form,
    of_json,
    of_uri,
    read_connections,
    uri_of,
    write_connections,
)
from tradewind.cli.stored_files.texts import FileProblem

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api

USAGE: Final = 2
FORMS: Final = ("json", "yaml", "env")

ConnId = Annotated[str, typer.Argument(metavar="CONN_ID", help="The connection's id.")]
FormOption = Annotated[Literal["json", "yaml", "env"] | None, typer.Option("--file-format", help="Form of the file.")]


def create_app() -> typer.Typer:
    """The group's commands."""
    app = typer.Typer(help="Connections: addresses and credentials for DAGs.", no_args_is_help=True)
    app.command("list")(list_)
    app.command("get")(get)
    app.command("add")(add)
    app.command("delete")(delete)
    app.command("import")(import_)
    app.command("export")(export)
    app.command("create-default-connections")(create_default_connections)
    app.command("test")(test)
    return app


@asks_api
def list_(
    api: "Api",
    output: Output = OutputFormat.TABLE,
    *,
    show_values: ShowValues = False,
    hide_sensitive: HideSensitive = False,
) -> None:
    """List connections: their ids and types, unless values are asked for."""
    if hide_sensitive and not show_values:
        fail("--hide-sensitive goes with --show-values", USAGE)
    if not show_values:
        found = api.each("connections", key="connections", order_by="connection_id")
        show([{"conn_id": each["connection_id"], "conn_type": each["conn_type"]} for each in found], output)
        return
    rows = [_row(each) for each in all_of(api, "connections")]
    show([_masked(row) for row in rows] if hide_sensitive else rows, output)


@asks_api
def get(api: "Api", conn_id: ConnId, output: Output = OutputFormat.TABLE) -> None:
    """Show a connection."""
    show([_row(_existing(api, conn_id))], output)


@asks_api
def add(
    api: "Api",
    conn_id: ConnId,
    uri: Annotated[str | None, typer.Option("--conn-uri", help="All of it as a URI.")] = None,
    as_json: Annotated[str | None, typer.Option("--conn-json", help="All of it as a JSON object.")] = None,
    conn_type: Annotated[str | None, typer.Option("--conn-type", help="Its type, without a URI or JSON.")] = None,
    description: Annotated[str | None, typer.Option("--conn-description", help="What it is for.")] = None,
    host: Annotated[str | None, typer.Option("--conn-host", help="Its host.")] = None,
    login: Annotated[str | None, typer.Option("--conn-login", help="Its login.")] = None,
    password: Annotated[str | None, typer.Option("--conn-password", help="Its password.")] = None,
    schema: Annotated[str | None, typer.Option("--conn-schema", help="Its schema.")] = None,
    port: Annotated[int | None, typer.Option("--conn-port", help="Its port.")] = None,
    extra: Annotated[str | None, typer.Option("--conn-extra", help="Whatever else it needs, as JSON.")] = None,
) -> None:
    """Create a connection, from a URI, from JSON, or from its parts."""
    parts = {"conn_type": conn_type, "host": host, "login": login, "password": password, "schema": schema, "port": port}
    fields = _given(conn_id, uri, as_json, parts, extra)
    if description is not None:
        fields["description"] = description
    entity = {"connection_id": conn_id, **fields}
    act(api, "connections", {"action": "create", "entities": [entity]})
    typer.echo(f"Successfully added `conn_id`={conn_id}")
    shown = api.get("connections", conn_id)
    show([{"conn_id": conn_id, **{name: shown[name] for name in ("conn_type", "host", "login", "port", "extra")}}])


@asks_api
def delete(api: "Api", conn_id: ConnId) -> None:
    """Delete a connection."""
    api.delete("connections", conn_id)
    typer.echo(f"Successfully deleted connection with `conn_id`={conn_id}")


@asks_api
def import_(
    api: "Api",
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .json, .yaml, .yml or .env file.")],
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace those that exist.")] = False,
) -> None:
    """Create connections from a file. Those that exist stay as they are, and are named."""
    found = read_file(file, lambda text: read_connections(text, file.suffix.removeprefix(".")))
    entities = [{"connection_id": conn_id, **fields} for conn_id, fields in found.items()]
    on_existence = "overwrite" if overwrite else "skip"
    done = act(api, "connections", {"action": "create", "entities": entities, "action_on_existence": on_existence})
    for conn_id in found:
        if conn_id in done:
            typer.echo(f"Imported connection {conn_id}")
        else:
            typer.echo(f"Could not import connection {conn_id}: connection already exists.")


@asks_api
def export(
    api: "Api",
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to; - is the standard output.")],
    form: FormOption = None,
    older_form: Annotated[
        Literal["json", "yaml", "env"] | None, typer.Option("--format", help="An older name of --file-format.")
    ] = None,
    serialization: Annotated[
        Literal["json", "uri"] | None,
        typer.Option("--serialization-format", help="How a connection stands in an .env file; URIs by default."),
    ] = None,
) -> None:
    """Write all connections to a file, with their secrets."""
    chosen = form or older_form or _form_of(file)
    if serialization is not None and chosen != "env":
        fail("--serialization-format goes with files of the form env", USAGE)
    found = {each["conn_id"]: each for each in all_of(api, "connections")}
    text = write_connections(found, chosen, serialization or "uri")
    write_file(file, text, f"{len(found)} connections successfully exported")


@asks_api
def create_default_connections(api: "Api") -> None:
    """Create the connections that operators name by default; those that exist stay as they are."""
    api.document(api.asked("POST", "connections", "defaults"))


@asks_api
def test(api: "Api", conn_id: ConnId) -> None:
    """Let the hook of its type try a connection, here in this process."""
    from tradewind.sdk.connection import Connection

    fields = _existing(api, conn_id)
    if MASK in (fields["password"], fields["extra"]) or MASK in str(fields["extra"]):
        fail("Its secrets are not known here: run this with TRADEWIND__DATABASE__URL set")
    typer.echo(f"Testing {conn_id!r}...")
    names = ("conn_id", "conn_type", "description", "host", "login", "password", "schema", "port", "extra")
    is_good, said = Connection(**{name: fields[name] for name in names}).test_connection()
    if not is_good:
        fail(f"Connection failed!\n{said}")
    typer.echo("Connection success!")


def _existing(api: "Api", conn_id: str) -> dict[str, Any]:
    """That of this environment or of a secrets backend, else the stored one; without one the command ends."""
    from tradewind.sdk.secrets.search import find_connection

    elsewhere = find_connection(conn_id)
    if elsewhere is not None:
        return dict(vars(elsewhere))
    found = one_of(api, "connections", "conn_id", conn_id)
    if found is None:
        fail(f"There is no connection {conn_id!r}")
    return found


def _given(
    conn_id: str, uri: str | None, as_json: str | None, parts: Mapping[str, object], extra: str | None
) -> Fields:
    """The fields that options give; options that contradict each other end the command."""
    named = [f"--conn-{name.removeprefix('conn_')}" for name, value in parts.items() if value is not None]
    whole = uri if uri is not None else as_json
    if uri is not None and as_json is not None:
        fail("Give --conn-uri or --conn-json, not both", USAGE)
    if whole is None:
        if parts["conn_type"] is None:
            fail("Give --conn-uri, --conn-json or --conn-type", USAGE)
        return {**parts, "extra": extra}
    if as_json is not None and extra is not None:
        named.append("--conn-extra")
    if named:
        fail(f"With --conn-{'json' if uri is None else 'uri'} leave out {', '.join(named)}", USAGE)
    try:
        fields = of_json(conn_id, whole) if uri is None else of_uri(conn_id, whole)
    except FileProblem as exc:
        fail(str(exc))
    return fields if extra is None else {**fields, "extra": extra}


def _form_of(file: str) -> Form:
    if file == STDOUT:
        return "json"
    suffix = Path(file).suffix.removeprefix(".").lower()
    if suffix not in FORMS:
        fail(f"The file's name must end in .json, .yaml or .env, or --file-format must be given, not {file!r}", USAGE)
    return suffix


def _row(fields: Mapping[str, Any]) -> dict[str, object]:
    names = ("conn_id", "conn_type", "description", "host", "schema", "login", "password", "port")
    extra: object = json.loads(fields["extra"] or "{}")
    is_encrypted = {"is_encrypted": True, "is_extra_encrypted": True}
    row = {name: fields[name] for name in names}
    return {**row, **is_encrypted, "extra_dejson": extra, "get_uri": uri_of(dict(fields))}


def _masked(row: Mapping[str, object]) -> dict[str, object]:
    hidden = {name: MASK for name in ("password", "extra_dejson") if row[name]}
    fields = {**row, "login": row["login"] and MASK, "password": row["password"] and MASK, "extra": None}
    return {**row, **hidden, "get_uri": uri_of(fields).replace("%2A%2A%2A", MASK)}
