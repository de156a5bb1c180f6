"""Files of connections: id → fields, or id → URI."""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from tradewind.cli.stored_files.texts import FileProblem, parsed
from tradewind.sdk.connection_uri import fields_of_uri, uri_of_fields
from tradewind.sdk.exceptions import AirflowException

Fields = dict[str, Any]
"""All of `FIELDS`; `extra` is a text."""
Form = Literal["json", "yaml", "env"]
Serialization = Literal["uri", "json"]

FIELDS: Final = ("conn_type", "description", "login", "password", "host", "port", "schema", "extra")
KNOWN: Final = frozenset({*FIELDS, "conn_id", "uri", "extra_dejson", "team_name"})


def read_connections(text: str, suffix: str) -> dict[str, Fields]:
    """By id. Raises `FileProblem`."""
    return {conn_id: _of_entry(conn_id, value) for conn_id, value in parsed(text, suffix).items()}


def write_connections(connections: Mapping[str, Fields], form: Form, serialization: Serialization = "uri") -> str:
    """A file of this form; `serialization` is that of the lines of `env`."""
    entries = {conn_id: {name: fields.get(name) for name in FIELDS} for conn_id, fields in connections.items()}
    if form == "json":
        return json.dumps(entries, indent=2)
    if form == "yaml":
        import yaml

        return yaml.safe_dump(entries, allow_unicode=True)
    written = json.dumps if serialization == "json" else uri_of
    return "".join(f"{conn_id}={written(fields)}\n" for conn_id, fields in entries.items())


def uri_of(fields: Fields) -> str:
    """The connection as one URI, which has no description."""
    try:
        extra: object = json.loads(fields["extra"] or "{}")
    except ValueError:
        extra = None
    return uri_of_fields(fields, extra)


def of_uri(conn_id: str, uri: str) -> Fields:
    """The fields that a URI gives. Raises `FileProblem`."""
    try:
        found = fields_of_uri(uri)
    except (AirflowException, ValueError) as exc:
        raise FileProblem(f"{conn_id}: {exc}") from exc
    if not found["conn_type"]:
        raise FileProblem(f"{conn_id}: a URI begins with the connection's type, as in postgres://host:5432/schema")
    return {**dict.fromkeys(FIELDS), **{name: value or None for name, value in found.items()}}


def of_json(conn_id: str, text: str) -> Fields:
    """The fields of a JSON object. Raises `FileProblem`."""
    try:
        value: object = json.loads(text)
    except ValueError as exc:
        raise FileProblem(f"{conn_id}: {exc}") from exc
    if not isinstance(value, dict):
        raise FileProblem(f"{conn_id}: it should be a JSON object")
    return _of_fields(conn_id, cast("Fields", value))


def _of_entry(conn_id: str, value: object) -> Fields:
    if isinstance(value, list) and len(alone := cast("list[object]", value)) == 1:
        return _of_entry(conn_id, alone[0])
    if isinstance(value, str):
        return of_json(conn_id, value) if value.lstrip().startswith("{") else of_uri(conn_id, value)
    if isinstance(value, dict):
        return _of_fields(conn_id, cast("Fields", value))
    raise FileProblem(f"{conn_id}: a connection is a URI or an object of fields")


def _of_fields(conn_id: str, given: Fields) -> Fields:
    if unknown := sorted(given.keys() - KNOWN):
        raise FileProblem(f"{conn_id}: there are no fields {', '.join(unknown)}; there are: {', '.join(sorted(KNOWN))}")
    if given.get("conn_id", conn_id) != conn_id:
        raise FileProblem(f"{conn_id}: its conn_id is {given['conn_id']!r}")
    if given.get("uri") is not None:
        return _of_uri_among_fields(conn_id, given)
    if "extra" in given and "extra_dejson" in given:
        raise FileProblem(f"{conn_id}: give extra or extra_dejson, not both")
    extra = given.get("extra_dejson", given.get("extra"))
    fields = {**dict.fromkeys(FIELDS), **{name: given[name] for name in FIELDS if name in given}}
    fields["extra"] = json.dumps(extra) if isinstance(extra, dict | list) else extra
    fields["port"] = _port(conn_id, fields["port"])
    if not fields["conn_type"]:
        raise FileProblem(f"{conn_id}: its conn_type is missing")
    return fields


def _of_uri_among_fields(conn_id: str, given: Fields) -> Fields:
    others = sorted(name for name in FIELDS if name != "description" and given.get(name) is not None)
    if others:
        raise FileProblem(f"{conn_id}: give its uri or {', '.join(others)}, not both")
    return {**of_uri(conn_id, str(given["uri"])), "description": given.get("description")}


def _port(conn_id: str, port: object) -> int | None:
    try:
        return None if port in (None, "") else int(str(port))
    except ValueError:
        raise FileProblem(f"{conn_id}: its port {port!r} is no number") from None
