"""Variables and Connections in files: `.env` (NAME=value), `.json`, `.yaml`."""

import json
from pathlib import Path
from typing import Any, cast

from tradewind.sdk.connection import Connection
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.secrets.base import BaseSecretsBackend


class LocalFilesystemBackend(BaseSecretsBackend):
    """Each file maps names to values; a connection is a URI or an object of fields. Raises AirflowException naming the
    file, and the line or name, for what cannot be read."""

    def __init__(
        self,
        variables_file_path: str | None = None,
        connections_file_path: str | None = None,
        configs_file_path: str | None = None,
    ) -> None:
        self._variables = _read(variables_file_path)
        self._connections = _read(connections_file_path)
        self._configs = _read(configs_file_path)
        self._connections_file = connections_file_path

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Connection | None:
        """A connection."""
        value = self._connections.get(conn_id)
        match value:
            case None:
                return None
            case str():
                return Connection.from_text(conn_id, value)
            case dict():
                return _of_fields(conn_id, cast("dict[str, Any]", value), self._connections_file)
            case _:
                kind = type(value).__name__
                raise AirflowException(f"{self._connections_file}: connection {conn_id!r} is of the type {kind}")

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """A variable's text; one that is no text, as JSON."""
        value = self._variables.get(key)
        return value if value is None or isinstance(value, str) else json.dumps(value)

    def get_config(self, key: str) -> str | None:
        """A configuration value."""
        value = self._configs.get(key)
        return None if value is None else str(value)


def _of_fields(conn_id: str, fields: dict[str, Any], file: str | None) -> Connection:
    known = ("conn_id", "conn_type", "description", "host", "login", "password", "schema", "port", "extra")
    unknown = [name for name in fields if name not in (*known, "extra_dejson")]
    if unknown:
        raise AirflowException(f"{file}: connection {conn_id!r} has unknown fields: {', '.join(unknown)}")
    if fields.get("conn_id", conn_id) != conn_id:
        raise AirflowException(f"{file}: connection {conn_id!r} says that its conn_id is {fields['conn_id']!r}")
    values = {name: fields[name] for name in known[1:] if name in fields}
    if "extra_dejson" in fields:
        values["extra"] = json.dumps(fields["extra_dejson"])
    return Connection(conn_id, **values)


def _read(name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    path = Path(name)
    text = path.read_text(encoding="utf-8")
    match path.suffix.lower():
        case ".env":
            return _of_lines(text, name)
        case ".json":
            return _object(_parsed_json(text, name), name)
        case ".yaml" | ".yml":
            return _object(_parsed_yaml(text, name), name)
        case other:
            raise AirflowException(f"{name}: unsupported file format {other!r}; .env, .json, .yaml and .yml are read")


def _of_lines(text: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, _, value = line.partition("=")
        if not key or not value:
            raise AirflowException(f"{name}: line {number} is not of the form NAME=value")
        if key in found:
            raise AirflowException(f"{name}: line {number} gives {key!r} a second value")
        found[key] = value
    return found


def _parsed_json(text: str, name: str) -> object:
    try:
        return json.loads(text)
    except ValueError as exc:
        raise AirflowException(f"{name}: not JSON: {exc}") from exc


def _parsed_yaml(text: str, name: str) -> object:
    try:
        # Not among Tradewind's own requirements: who has such files has the library.
        import yaml
    except ImportError as exc:
        raise AirflowException(f"{name}: PyYAML is needed to read this file") from exc
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise AirflowException(f"{name}: not YAML: {exc}") from exc


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise AirflowException(f"{name}: the file should hold an object, not {type(value).__name__}")
    return cast("dict[str, Any]", value)
