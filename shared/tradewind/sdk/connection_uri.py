"""Connections as URIs: `type://login:password@host:port/schema?extra`, every part quoted.

A host may bring a protocol of its own along: `type://https://host`.
"""

import json
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.types import is_mapping

EXTRA_KEY: Final = "__extra__"
"""The parameter that holds an `extra` with values other than texts."""

_MOST_SCHEMES: Final = 2


def normal_type(connection_type: str) -> str:
    """The type as connections have it: `postgresql` is `postgres`, dashes are underscores."""
    return "postgres" if connection_type == "postgresql" else connection_type.replace("-", "_")


def fields_of_uri(uri: str) -> dict[str, Any]:
    """A connection's fields by name, those that the URI does not have as None or empty. Raises AirflowException for
    one with more than two protocols, or with a login before the host's."""
    connection_type = urlsplit(uri).scheme
    count = uri.count("://")
    rest = uri.replace(f"{connection_type}://", "" if count == _MOST_SCHEMES else "//")
    before = rest.split("://", 1)[0] if count == _MOST_SCHEMES else ""
    if count > _MOST_SCHEMES or "@" in before or ":" in before:
        raise AirflowException(f"Invalid connection string: {uri}.")
    parts = urlsplit(rest)
    host = _host_of(parts)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return {
        "conn_type": normal_type(connection_type),
        "host": f"{parts.scheme}://{host}" if count == _MOST_SCHEMES and parts.scheme and host else host,
        "schema": unquote(parts.path[1:]),
        "login": unquote(parts.username) if parts.username else parts.username,
        "password": unquote(parts.password) if parts.password else parts.password,
        "port": parts.port,
        "extra": (query[EXTRA_KEY] if EXTRA_KEY in query else json.dumps(query)) if query else None,
    }


def _host_of(parts: SplitResult) -> str:
    """The host; one that is a path has upper case letters, which `hostname` loses."""
    host = unquote(parts.hostname or "")
    if "/" not in host:
        return host
    return unquote(parts.netloc.rpartition("@")[2].partition(":")[0])


def uri_of_fields(fields: dict[str, Any], extra: object) -> str:
    """The URI of a connection's fields; `extra` is what its text says."""
    host, port = str(fields["host"] or ""), fields["port"]
    protocol, mark, rest = host.partition("://")
    has_own = bool(mark) and protocol != fields["conn_type"]
    address = quote(rest if has_own else host, safe="")
    login = _login(fields)
    place = address + (f":{port}" if address or login else f"@:{port}") if port else address
    schema = f"/{quote(fields['schema'], safe='')}" if fields["schema"] else ""
    kind = f"{fields['conn_type'].lower().replace('_', '-')}:" if fields["conn_type"] else ""
    return f"{kind}//{f'{protocol}://' if has_own else ''}{login}{place}{schema}{_query(fields, extra)}"


def _login(fields: dict[str, Any]) -> str:
    login = "" if fields["login"] is None else quote(fields["login"], safe="")
    password = "" if fields["password"] is None else f":{quote(fields['password'], safe='')}"
    return f"{login}{password}@" if login or password else ""


def _query(fields: dict[str, Any], extra: object) -> str:
    if not fields["extra"]:
        return ""
    text = urlencode(extra) if is_mapping(extra) else ""
    as_read = text and extra == dict(parse_qsl(text, keep_blank_values=True))
    return ("?" if fields["schema"] else "/?") + (text if as_read else urlencode({EXTRA_KEY: fields["extra"]}))
