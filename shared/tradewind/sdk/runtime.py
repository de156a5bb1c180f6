"""What the process of a running attempt offers to Variables, Connections and XComs. Installed by the task runner."""

from contextvars import ContextVar, Token
from typing import Any, Protocol


class Runtime(Protocol):
    """Access to the execution API on behalf of one attempt. All methods may raise AirflowRuntimeError."""

    def get_variable(self, key: str) -> str | None:
        """The stored text; None if there is no such variable."""
        ...

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        """Store a text."""
        ...

    def delete_variable(self, key: str) -> None:
        """Remove it, if it exists."""
        ...

    def get_connection(self, conn_id: str) -> dict[str, Any] | None:
        """The connection's fields as the execution API gives them; None if there is no such connection."""
        ...

    def get_xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int) -> tuple[bool, Any]:
        """Whether there is one, and its value in JSON form."""
        ...


_runtime: ContextVar[Runtime | None] = ContextVar("tradewind_runtime", default=None)


def current_runtime() -> Runtime | None:
    """The running attempt's; None while a file is parsed."""
    return _runtime.get()


def install_runtime(runtime: Runtime) -> "Token[Runtime | None]":
    """Make this the current one; give the token to `remove_runtime`."""
    return _runtime.set(runtime)


def remove_runtime(token: "Token[Runtime | None]") -> None:
    """Undo `install_runtime`."""
    _runtime.reset(token)
