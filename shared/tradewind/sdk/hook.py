"""Hooks: code that talks to another system through a Connection."""

from typing import Any

from tradewind.sdk.connection import Connection
from tradewind.sdk.log import LoggingMixin


class BaseHook(LoggingMixin):
    """Base of hooks."""

    def __init__(self, logger_name: str | None = None) -> None:
        super().__init__()
        self.logger_name = logger_name

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """The connection of this id; raises AirflowNotFoundException."""
        return Connection.get(conn_id)

    @classmethod
    async def aget_connection(cls, conn_id: str) -> Connection:
        """As `get_connection`, without blocking the event loop."""
        return await Connection.async_get(conn_id)

    @classmethod
    def get_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> Any:
        """The hook for the type of this connection; raises AirflowException if no provider package has one."""
        return cls.get_connection(conn_id).get_hook(hook_params=hook_params)

    @classmethod
    async def aget_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> Any:
        """As `get_hook`, without blocking the event loop."""
        return (await cls.aget_connection(conn_id)).get_hook(hook_params=hook_params)

    def get_conn(self) -> Any:
        """Override with what opens the connection."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_conn()")

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Override with fields that a form for connections of this type has."""
        return {}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Override with how such a form shows its fields."""
        return {}
