"""What a task has where its author says nothing: Airflow's defaults, or what the configuration says instead."""

from datetime import timedelta
from typing import Final

from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import AirflowConfigException
from tradewind.sdk.trigger_rule import TriggerRule
from tradewind.sdk.types import WeightRule


def _weight_rule() -> WeightRule:
    text = conf.get("core", "default_task_weight_rule")
    try:
        return WeightRule(str(text))
    except ValueError:
        known = ", ".join(WeightRule)
        raise AirflowConfigException(f"[core/default_task_weight_rule] must be one of {known}, not {text!r}") from None


DEFAULT_OWNER: Final = conf.get_mandatory_value("operators", "default_owner")
DEFAULT_QUEUE: Final = conf.get_mandatory_value("operators", "default_queue")
DEFAULT_POOL_NAME: Final = "default_pool"
DEFAULT_POOL_SLOTS: Final = 1
DEFAULT_PRIORITY_WEIGHT: Final = 1
MINIMUM_PRIORITY_WEIGHT: Final = -(2**31)
MAXIMUM_PRIORITY_WEIGHT: Final = 2**31 - 1
DEFAULT_EXECUTOR: Final = None
DEFAULT_IGNORE_FIRST_DEPENDS_ON_PAST: Final = False
DEFAULT_WAIT_FOR_PAST_DEPENDS_BEFORE_SKIPPING: Final = False
DEFAULT_RETRIES: Final = conf.getint("core", "default_task_retries")
DEFAULT_RETRY_DELAY: Final = timedelta(seconds=conf.getint("core", "default_task_retry_delay"))
MAX_RETRY_DELAY: Final = conf.getint("core", "max_task_retry_delay")
"""Seconds; the longest delay that exponential backoff leads to where a task has no `max_retry_delay`."""
DEFAULT_TRIGGER_RULE: Final = TriggerRule.ALL_SUCCESS
DEFAULT_WEIGHT_RULE: Final = _weight_rule()
DEFAULT_TASK_EXECUTION_TIMEOUT: Final = conf.gettimedelta("core", "default_task_execution_timeout")
DEFAULT_EMAIL_ON_FAILURE: Final = conf.getboolean("email", "default_email_on_failure")
DEFAULT_EMAIL_ON_RETRY: Final = conf.getboolean("email", "default_email_on_retry")


def db_safe_priority(priority_weight: int) -> int:
    """The nearest weight that is stored exactly."""
    return max(MINIMUM_PRIORITY_WEIGHT, min(MAXIMUM_PRIORITY_WEIGHT, priority_weight))
