"""A hook for indexes of Python packages."""

from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from tradewind.sdk.hook import BaseHook


class PackageIndexHook(BaseHook):
    """The address of an index, with user and password of a connection."""

    conn_name_attr = "pi_conn_id"
    default_conn_name = "package_index_default"
    conn_type = "package_index"
    hook_name = "Package Index (Python)"

    def __init__(self, pi_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pi_conn_id = pi_conn_id

    def get_conn(self) -> str:
        """The address."""
        return self.get_connection_url()

    def get_connection_url(self) -> str:
        """The connection's host, which is an address, with its login and password in it; ValueError without a host."""
        connection = self.get_connection(self.pi_conn_id)
        parts = urlsplit(connection.host or "")
        if not parts.netloc:
            raise ValueError(f"connection {self.pi_conn_id!r}: host has to be the address of an index")
        if connection.login:
            user = ":".join(quote(part, safe="") for part in (connection.login, connection.password) if part)
            parts = parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}")
        return urlunsplit(parts)
