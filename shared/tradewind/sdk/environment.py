"""The AIRFLOW_CTX_* variables that tell a command which task instance started it."""

from typing import TYPE_CHECKING, Any, Final

from tradewind.sdk.policies import loaded_policies
from tradewind.sdk.types import is_collection

if TYPE_CHECKING:
    from tradewind.sdk.context import Context

_VARIABLES: Final = (
    ("dag_owner", "task", "owner"),
    ("dag_email", "task", "email"),
    ("dag_id", "ti", "dag_id"),
    ("task_id", "ti", "task_id"),
    ("try_number", "ti", "try_number"),
    ("dag_run_id", "dag_run", "run_id"),
)


def context_to_airflow_vars(context: "Context", in_env_var_format: bool = False) -> dict[str, str]:
    """`airflow.ctx.dag_id` and so on; in the format of environment variables `AIRFLOW_CTX_DAG_ID`."""
    values = _of_policies(context, in_env_var_format)
    for name, key, attribute in _VARIABLES:
        value = getattr(context.get(key), attribute, None)
        if value:
            values[_name(name, in_env_var_format)] = _as_text(value)
    if context.get("ts"):
        values[_name("logical_date", in_env_var_format)] = context.get("ts", "")
    return values


def _of_policies(context: "Context", in_env_var_format: bool) -> dict[str, str]:
    """What the deployment adds; names get the usual beginning unless they have it."""
    rules = loaded_policies()
    if rules is None or not rules.has("get_airflow_context_vars"):
        return {}
    found = rules.context_vars(context)
    beginning = _name("", in_env_var_format)
    return {
        name if name.startswith(beginning) else _name(name, in_env_var_format): text for name, text in found.items()
    }


def _name(name: str, in_env_var_format: bool) -> str:
    return f"AIRFLOW_CTX_{name.upper()}" if in_env_var_format else f"airflow.ctx.{name}"


def _as_text(value: Any) -> str:
    return ",".join(map(str, value)) if is_collection(value) else str(value)
