"""The environment that processes of user code inherit: a service's own, without its credentials."""

from collections.abc import Mapping
from typing import Final

SECRET_VARIABLES: Final = (
    "TRADEWIND__DATABASE__URL",
    "TRADEWIND__BROKER__URL",
    "TRADEWIND__CORE__FERNET_KEY",
    "TRADEWIND__API_AUTH__JWT_SECRET",
    "TRADEWIND__API__ADMIN_PASSWORD",
)


DAGS_FOLDER_VARIABLE: Final = "TRADEWIND__CORE__DAGS_FOLDER"
"""Children are told of it also where nobody else is: code of bundles lies elsewhere, and what belongs to the deployment
(plugins, policies) is found beside the DAGs folder."""


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """A copy without the variables that hold credentials; their names may be written in any case."""
    return {name: value for name, value in environment.items() if name.upper() not in SECRET_VARIABLES}
