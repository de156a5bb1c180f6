"""Variables and Connections in the environment of the API itself, which go before the stored ones, as Airflow's API has
it. Secrets backends are asked where tasks run: their code is not ours."""

from typing import Final

from tradewind.api.errors import Unprocessable
from tradewind.sdk.connection import Connection
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.secrets.environment import EnvironmentVariablesBackend

_ENVIRONMENT: Final = EnvironmentVariablesBackend()


def variable_here(key: str) -> str | None:
    """`TRADEWIND_VAR_<KEY>` or `AIRFLOW_VAR_<KEY>`; None if there is none."""
    return _ENVIRONMENT.get_variable(key)


def connection_here(conn_id: str) -> dict[str, object] | None:
    """The fields of `TRADEWIND_CONN_<ID>` or `AIRFLOW_CONN_<ID>`, a URI or a JSON object; None if there is none.
    Raises `Unprocessable` for another text, which is not shown."""
    text = _ENVIRONMENT.get_conn_value(conn_id)
    if text is None:
        return None
    try:
        found = Connection.from_text(conn_id, text)
        names = ("conn_type", "host", "schema", "login", "password", "port", "extra")
        fields: dict[str, object] = {name: getattr(found, name) for name in names}
    except (AirflowException, TypeError, ValueError) as exc:
        message = f"The connection {conn_id!r} in the API's environment is neither a URI nor a JSON object of fields"
        raise Unprocessable({"reason": "invalid_value", "message": message}) from exc
    return {"conn_id": conn_id, **fields, "conn_type": fields["conn_type"] or ""}
