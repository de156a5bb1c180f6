"""Variables and Connections in the environment of the task's process."""

import os
from typing import Final

from tradewind.sdk.secrets.base import BaseSecretsBackend

VARIABLE_PREFIXES: Final = ("TRADEWIND_VAR_", "AIRFLOW_VAR_")
CONNECTION_PREFIXES: Final = ("TRADEWIND_CONN_", "AIRFLOW_CONN_")


class EnvironmentVariablesBackend(BaseSecretsBackend):
    """`AIRFLOW_VAR_<KEY>` and `AIRFLOW_CONN_<ID>`, names in capitals."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """A connection as a URI or a JSON object."""
        return _first(CONNECTION_PREFIXES, conn_id)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """A variable's text."""
        return _first(VARIABLE_PREFIXES, key)


def _first(prefixes: tuple[str, ...], name: str) -> str | None:
    values = (os.environ.get(prefix + name.upper()) for prefix in prefixes)
    return next((value for value in values if value is not None), None)
