"""What a secrets backend is."""

from abc import ABC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradewind.sdk.connection import Connection


class BaseSecretsBackend(ABC):  # noqa: B024 - a backend overrides what it knows about
    """Override `get_conn_value` or `get_connection`, and `get_variable`; None says that the name is unknown."""

    @staticmethod
    def build_path(path_prefix: str, secret_id: str, sep: str = "/") -> str:
        """Prefix and name as one path."""
        return f"{path_prefix}{sep}{secret_id}"

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """A connection as a URI or a JSON object."""
        raise NotImplementedError(f"{type(self).__name__} knows no connections")

    def get_connection(self, conn_id: str, team_name: str | None = None) -> "Connection | None":
        """A connection."""
        # Imported here: the two modules know each other.
        from tradewind.sdk.connection import Connection

        value = self.get_conn_value(conn_id)
        return Connection.from_text(conn_id, value) if value else None

    def deserialize_connection(self, conn_id: str, value: str) -> "Connection":
        """The connection of a URI or a JSON object."""
        from tradewind.sdk.connection import Connection

        return Connection.from_text(conn_id, value)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """A variable's text."""
        raise NotImplementedError(f"{type(self).__name__} knows no variables")

    def get_config(self, key: str) -> str | None:
        """A configuration value."""
        return None
