"""The environment that processes of user code inherit: a service's own, without its credentials."""

from collections.abc import Mapping
from typing import Final

SECRET_VARIABLES: Final = (
    "TRADEWIND__DATABASE__URL",
    "TRADEWIND__BROKER__URL",
    "TRADEWIND__CORE__FERNET_KEY",
    "TRADEWIND__API_AUTH__JWT_SECRET",
    "TRADEWIND__API__ADMIN_PASSWORD",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC",
    "AIRFLOW__CORE__SQL_ALCHEMY_CONN",
    "AIRFLOW__CELERY__BROKER_URL",
    "AIRFLOW__CELERY__RESULT_BACKEND",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__WEBSERVER__SECRET_KEY",
)
_WAYS: Final = ("", "_CMD", "_SECRET")
_WITHHELD: Final = frozenset(name + way for name in SECRET_VARIABLES for way in _WAYS)


DAGS_FOLDER_VARIABLE: Final = "TRADEWIND__CORE__DAGS_FOLDER"
"""Children are told of it also where nobody else is: code of bundles lies elsewhere, and what belongs to the deployment
(plugins, policies) is found beside the DAGs folder."""


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """A copy without the variables that hold credentials, or say how to get them; their names may be written in any
    case."""
    return {name: value for name, value in environment.items() if name.upper() not in _WITHHELD}
