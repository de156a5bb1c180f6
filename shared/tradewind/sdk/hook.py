"""Hooks: code that talks to another system through a Connection."""

from typing import Any

from tradewind.sdk.connection import Connection
from tradewind.sdk.log import LoggingMixin


class BaseHook(LoggingMixin):
    """Base of hooks."""

    def __init__(self, logger_name: str | None = None) -> None:
        self.logger_name = logger_name

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """The connection of this id; raises AirflowNotFoundException."""
        return Connection.get(conn_id)

    def get_conn(self) -> Any:
        """Override with what opens the connection."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_conn()")
