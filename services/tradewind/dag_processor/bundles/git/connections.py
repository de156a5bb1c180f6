"""The connections of Git bundles: from the environment, else from the execution API, as files get theirs."""

import asyncio
from typing import Final

from tradewind.dag_processor.stored_values import ReaderAccess
from tradewind.sdk.connection import Connection
from tradewind.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError
from tradewind.sdk.secrets.environment import EnvironmentVariablesBackend
from tradewind.task_runner.execution_api.client import ExecutionClient

TRIES: Final = 3
TRY_SECONDS: Final = 5.0


class ReaderConnections:
    """With a reader's token of its own for each look."""

    def __init__(self, access: ReaderAccess) -> None:
        self._access = access

    async def get(self, conn_id: str) -> Connection:
        """Raises AirflowException if there is none, or nobody answers."""
        return await asyncio.to_thread(self._get, conn_id)

    def _get(self, conn_id: str) -> Connection:
        text = EnvironmentVariablesBackend().get_conn_value(conn_id)
        if text is not None:
            return Connection.from_text(conn_id, text)
        client = ExecutionClient(
            self._access.execution_api_url, self._access.mint_token(), tries=TRIES, timeout_seconds=TRY_SECONDS
        )
        try:
            fields = client.read_stored_connection(conn_id)
        except AirflowRuntimeError as exc:
            raise AirflowRuntimeError(f"the connection {conn_id!r} cannot be read: {exc}") from exc
        finally:
            client.close()
        if fields is None:
            raise AirflowNotFoundException(f"the connection {conn_id!r} (git_conn_id) does not exist")
        return Connection.from_fields(conn_id, fields)
