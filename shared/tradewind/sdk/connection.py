"""Connections: addresses and credentials of other systems, by id."""

import json
from typing import Any, Final, Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tradewind.sdk.exceptions import AirflowNotFoundException
from tradewind.sdk.masking import MASKER
from tradewind.sdk.runtime import current_runtime
from tradewind.sdk.secrets.search import find_connection
from tradewind.sdk.types import is_mapping

_FIELDS: Final = ("conn_type", "host", "schema", "login", "password", "port", "extra", "description")


class Connection:
    """Airflow's Connection. `extra` is a JSON text; `extra_dejson` is what it says."""

    def __init__(
        self,
        conn_id: str = "default",
        conn_type: str | None = None,
        description: str | None = None,
        host: str | None = None,
        login: str | None = None,
        password: str | None = None,
        schema: str | None = None,
        port: int | str | None = None,
        extra: str | dict[str, Any] | None = None,
        uri: str | None = None,
    ) -> None:
        self.conn_id, self.conn_type, self.description = conn_id, conn_type, description
        self.host, self.login, self.password, self.schema = host, login, password, schema
        self.port = int(port) if port is not None and port != "" else None
        self.extra = json.dumps(extra) if isinstance(extra, dict) else extra
        if uri is not None:
            self._take_uri(uri)
        self._mask()

    def _take_uri(self, uri: str) -> None:
        parts = urlsplit(uri)
        self.conn_type = parts.scheme.replace("-", "_") or None
        self.host = unquote(parts.hostname) if parts.hostname else None
        self.login = unquote(parts.username) if parts.username else None
        self.password = unquote(parts.password) if parts.password else None
        self.schema = unquote(parts.path.removeprefix("/")) or None
        self.port = parts.port
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if query:
            self.extra = query["__extra__"] if "__extra__" in query else json.dumps(query)

    def _mask(self) -> None:
        if self.password:
            MASKER.add(self.password)
        MASKER.add_named(self.extra_dejson)

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """`extra` as a dict; empty if there is none. Raises ValueError if it is not a JSON object."""
        if not self.extra:
            return {}
        value: object = json.loads(self.extra)
        if not is_mapping(value):
            raise ValueError(f"extra of connection {self.conn_id!r} is not a JSON object")
        return {str(key): inner for key, inner in value.items()}

    def get_extra_dejson(self) -> dict[str, Any]:
        """As `extra_dejson`."""
        return self.extra_dejson

    def get_uri(self) -> str:
        """The connection as one URI."""
        scheme = (self.conn_type or "").lower().replace("_", "-")
        secret = f":{quote(self.password, safe='')}" if self.password is not None else ""
        user = quote(self.login or "", safe="") + secret
        host = quote(self.host or "", safe="") + (f":{self.port}" if self.port is not None else "")
        path = f"/{quote(self.schema, safe='')}" if self.schema else "/" if user or host else ""
        extra = self.extra_dejson
        plain = all(isinstance(value, str) for value in extra.values())
        query = urlencode(extra if plain else {"__extra__": self.extra or ""}) if extra else ""
        return f"{scheme}://{f'{user}@' if user else ''}{host}{path}" + (f"?{query}" if query else "")

    def to_dict(self) -> dict[str, Any]:
        """All fields by name; `extra` as a dict."""
        fields = {name: getattr(self, name) for name in _FIELDS}
        return {"conn_id": self.conn_id, **fields, "extra": self.extra_dejson}

    @classmethod
    def from_fields(cls, conn_id: str, fields: dict[str, Any]) -> Self:
        """From the execution API's or a JSON text's fields; unknown ones are left out."""
        return cls(conn_id, **{name: fields[name] for name in _FIELDS if fields.get(name) is not None})

    @classmethod
    def from_text(cls, conn_id: str, text: str) -> Self:
        """From a URI or a JSON object."""
        text = text.strip()
        return cls.from_json(text, conn_id) if text.startswith("{") else cls(conn_id, uri=text)

    @classmethod
    def from_uri(cls, uri: str, conn_id: str = "default") -> Self:
        """From a URI."""
        return cls(conn_id, uri=uri)

    @classmethod
    def from_json(cls, value: str, conn_id: str = "default") -> Self:
        """From a JSON object of fields. Raises ValueError if it is none."""
        return cls.from_fields(conn_id, json.loads(value))

    @classmethod
    def get(cls, conn_id: str) -> "Connection":
        """From a secrets backend, else from the environment (`AIRFLOW_CONN_<ID>`, a URI or a JSON object), else from
        the execution API. Raises AirflowNotFoundException."""
        found = find_connection(conn_id)
        if found is not None:
            return found
        runtime = current_runtime()
        fields = runtime.get_connection(conn_id) if runtime is not None else None
        if fields is None:
            raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")
        return cls.from_fields(conn_id, fields)

    def __repr__(self) -> str:
        return self.conn_id
