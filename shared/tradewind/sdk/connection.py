"""Connections: addresses and credentials of other systems, by id."""

import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final, Self

from tradewind.sdk.connection_uri import EXTRA_KEY, fields_of_uri, normal_type, uri_of_fields
from tradewind.sdk.exceptions import AirflowException, AirflowNotFoundException
from tradewind.sdk.masking import MASKER
from tradewind.sdk.runtime import stored_values, whom_to_ask
from tradewind.sdk.secrets.search import find_connection
from tradewind.sdk.types import is_mapping

_FIELDS: Final = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")
_BEING_TESTED: Final[ContextVar["Connection | None"]] = ContextVar("connection_being_tested", default=None)

log = logging.getLogger("tradewind.task")


class Connection:
    """Airflow's Connection. `extra` is a JSON text; `extra_dejson` is what it says. Two are equal if all fields are."""

    EXTRA_KEY: Final = EXTRA_KEY
    """In a URI, the parameter that holds an `extra` with values other than texts."""

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
        if uri is not None and not all(
            value is None for value in (conn_type, description, host, login, password, schema, port, extra)
        ):
            raise AirflowException(f"connection {conn_id!r}: give either its URI or its fields, not both")
        self.conn_id, self.conn_type, self.description = conn_id, conn_type, description
        self.host, self.login, self.password, self.schema = host, login, password, schema
        self.port = _port_of(conn_id, port)
        self.extra = json.dumps(extra) if isinstance(extra, dict) else extra
        if uri is not None:
            vars(self).update(fields_of_uri(uri))
        self._mask()

    def _mask(self) -> None:
        if self.password:
            MASKER.add(self.password)
        extra: object = self.extra_dejson
        if is_mapping(extra):
            MASKER.add_named({str(name): value for name, value in extra.items()})

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """What `extra` says, a dict unless its author wrote another JSON value; empty if there is none, or if it is not
        JSON, which is logged."""
        try:
            return json.loads(self.extra or "{}")
        except ValueError:
            log.error("extra of connection %r is not JSON, and taken for empty", self.conn_id)
            return {}

    def get_extra_dejson(self) -> dict[str, Any]:
        """As `extra_dejson`."""
        return self.extra_dejson

    async def aextra_dejson(self) -> dict[str, Any]:
        """As `extra_dejson`."""
        return self.extra_dejson

    async def aget_uri(self) -> str:
        """As `get_uri`."""
        return self.get_uri()

    def get_hook(self, *, hook_params: dict[str, Any] | None = None) -> Any:
        """The hook of this type of connection, out of an installed provider package, made for this connection.
        Raises AirflowException if there is none."""
        from tradewind.sdk.module_loading import import_string
        from tradewind.sdk.providers import ProvidersManager

        hook = ProvidersManager().hooks.get(self.conn_type or "")
        if hook is None:
            raise AirflowException(f'Unknown hook type "{self.conn_type}" of connection {self.conn_id!r}')
        parameters = {hook.connection_id_attribute_name: self.conn_id, **(hook_params or {})}
        return import_string(hook.hook_class_name)(**parameters)

    def test_connection(self) -> tuple[bool, str]:
        """Whether the hook can use it, and what it says. The hook finds this connection under its id, stored or not."""
        token = _BEING_TESTED.set(self)
        try:
            hook = self.get_hook()
            if not getattr(hook, "test_connection", None):
                return False, f"Hook {type(hook).__name__} doesn't implement or inherit test_connection method"
            return hook.test_connection()
        except Exception as exc:
            return False, str(exc)
        finally:
            _BEING_TESTED.reset(token)

    def get_uri(self) -> str:
        """The connection as one URI."""
        return uri_of_fields(vars(self), self.extra_dejson)

    def to_dict(self, *, prune_empty: bool = False, validate: bool = True) -> dict[str, Any]:
        """All fields by name; `extra` as what it says. If `prune_empty`, without those that are None and an empty
        `extra`."""
        fields = {name: getattr(self, name) for name in ("conn_id", *_FIELDS)} | {"extra": self.extra_dejson or None}
        if prune_empty:
            return {name: value for name, value in fields.items() if value is not None}
        return fields | {"extra": self.extra_dejson}

    def as_json(self) -> str:
        """The fields without the id, as a JSON object."""
        return json.dumps({name: value for name, value in self.to_dict(prune_empty=True).items() if name != "conn_id"})

    @classmethod
    def from_fields(cls, conn_id: str, fields: Mapping[str, Any]) -> Self:
        """From the execution API's fields; unknown ones are left out."""
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
        """From a JSON object of fields, or of a `uri`. Raises ValueError if it is no JSON, TypeError if it is no object
        or has other fields."""
        fields: object = json.loads(value)
        if not is_mapping(fields):
            raise TypeError(f"connection {conn_id!r}: its JSON should be an object, not {type(fields).__name__}")
        given: dict[str, Any] = {str(name): inner for name, inner in fields.items()}
        unknown = [name for name in given if name not in (*_FIELDS, "uri")]
        if unknown:
            raise TypeError(f"connection {conn_id!r}: its JSON has unknown fields: {', '.join(unknown)}")
        if given.get("conn_type"):
            given["conn_type"] = normal_type(given["conn_type"])
        extra = given.pop("extra", None)
        if extra:
            given["extra"] = extra if isinstance(extra, str) else json.dumps(extra)
        return cls(conn_id, **given)

    @classmethod
    def get(cls, conn_id: str) -> "Connection":
        """From a secrets backend, else from the environment (`AIRFLOW_CONN_<ID>`, a URI or a JSON object), else from
        the execution API. Raises AirflowNotFoundException."""
        tested = _BEING_TESTED.get()
        found = tested if tested is not None and tested.conn_id == conn_id else find_connection(conn_id)
        if found is not None:
            return found
        values = stored_values()
        fields = values.get_connection(conn_id) if values is not None else None
        if fields is None:
            raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined{whom_to_ask()}")
        return cls.from_fields(conn_id, fields)

    @classmethod
    async def async_get(cls, conn_id: str) -> "Connection":
        """As `get`, without blocking the event loop."""
        import asyncio

        return await asyncio.to_thread(cls.get, conn_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connection) and vars(self) == vars(other)

    __hash__ = None  # pyright: ignore[reportAssignmentType] - fields may change

    def __repr__(self) -> str:
        return self.conn_id


def _port_of(conn_id: str, port: float | str | None) -> int | None:
    if port is None or port == "":
        return None
    try:
        return int(port)
    except ValueError:
        raise ValueError(f"connection {conn_id!r}: its port should be an integer, not {port!r}") from None
