"""Airflow's module names, and where each of their names is found in Tradewind.

A module is a table of names, or stands whole for one of ours. Packages on the way are made as needed.
"""

from collections.abc import Mapping
from typing import Final

from tradewind.sdk.airflow.asset_names import ASSET_AUTHORING, ASSET_MODULES
from tradewind.sdk.airflow.older_names import OLDER, OLDER_WHOLE
from tradewind.sdk.airflow.standard_names import OPERATORS, SENSORS, STANDARD, TRIGGERS
from tradewind.sdk.airflow.support_names import SUPPORT, SUPPORT_AUTHORING
from tradewind.sdk.airflow.timetable_names import TIMETABLE_AUTHORING, TIMETABLE_MODULES

_SDK: Final = "tradewind.sdk."

_AUTHORING: Final = {
    "setup": "setup_teardown",
    "teardown": "setup_teardown",
    "BaseSensorOperator": "sensors.base",
    "PokeReturnValue": "sensors.base",
    "poke_mode_only": "sensors.base",
    "BaseBranchOperator": "operators.branch",
    "BranchMixIn": "operators.branch",
    "SkipMixin": "operators.skipping",
    "BaseNotifier": "notifier",
    "BaseTrigger": "triggers.base",
    "TriggerEvent": "triggers.base",
    "StartTriggerArgs": "triggers.base",
    "DAG": "dags",
    "dag": "dag_decorator",
    "task": "task_decorator",
    "task_group": "dag_decorator",
    "TaskGroup": "task_groups",
    "BaseOperator": "operator",
    "BaseHook": "hook",
    "XComArg": "xcom_arg",
    "Connection": "connection",
    "Variable": "variable",
    "Param": "param",
    "ParamsDict": "param",
    "Label": "edges",
    "EdgeModifier": "edges",
    "TriggerRule": "trigger_rule",
    "WeightRule": "types",
    "DagRunState": "state",
    "TaskInstanceState": "state",
    "Context": "context",
    "get_current_context": "context",
    "get_parsing_context": "context",
    "chain": "chains",
    "chain_linear": "chains",
    "cross_downstream": "chains",
    "literal": "templating",
    "macros": "",
    "conf": "configuration",
    "BaseXCom": "xcom",
    "timezone": "",
    "ObjectStoragePath": "io.path",
    "ExceptionRetryPolicy": "retry_policy",
    "RetryAction": "retry_policy",
    "RetryDecision": "retry_policy",
    "RetryPolicy": "retry_policy",
    "RetryRule": "retry_policy",
    **SUPPORT_AUTHORING,
}
"""What `tradewind.sdk` and `airflow.sdk` export; an empty module means that the name is a module itself."""

_ERROR_NAMES: Final = (
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSkipException",
    "AirflowSensorTimeout",
    "AirflowTaskTimeout",
    "TaskDeferred",
)
_ERRORS: Final = dict.fromkeys(_ERROR_NAMES, "exceptions")

_TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    **SUPPORT,
    **ASSET_MODULES,
    **TIMETABLE_MODULES,
    "airflow": {"DAG": "dags", "XComArg": "xcom_arg", "AirflowException": "exceptions", "__version__": "version"},
    "airflow.sdk": {**_AUTHORING, **ASSET_AUTHORING, **TIMETABLE_AUTHORING, "__version__": "version"},
    "airflow.sdk.bases.operator": {
        "BaseOperator": "operator",
        "BaseAsyncOperator": "async_operator",
        "chain": "chains",
        "chain_linear": "chains",
        "cross_downstream": "chains",
    },
    "airflow.providers.common.compat.sdk": {**_AUTHORING, **ASSET_AUTHORING, **TIMETABLE_AUTHORING, **_ERRORS},
    "airflow.sdk.bases.notifier": {"BaseNotifier": "notifier"},
    "airflow.notifications.basenotifier": {"BaseNotifier": "notifier"},
    "airflow.sdk.bases.hook": {"BaseHook": "hook"},
    "airflow.sdk.bases.xcom": {"BaseXCom": "xcom"},
    "airflow.sdk.definitions.dag": {"DAG": "dags", "dag": "dag_decorator"},
    "airflow.sdk.definitions.decorators": {"task": "task_decorator", "task_group": "dag_decorator"},
    "airflow.sdk.definitions.decorators.setup_teardown": {
        "ContextWrapper": "setup_teardown",
        "context_wrapper": "setup_teardown",
    },
    "airflow.sdk.definitions.taskgroup": {"TaskGroup": "task_groups"},
    "airflow.sdk.definitions.edges": {"Label": "edges", "EdgeModifier": "edges"},
    "airflow.sdk.definitions.param": {"Param": "param", "ParamsDict": "param", "DagParam": "param"},
    "airflow.sdk.definitions.xcom_arg": {"XComArg": "xcom_arg"},
    "airflow.sdk.definitions.variable": {"Variable": "variable"},
    "airflow.sdk.definitions.connection": {"Connection": "connection"},
    "airflow.sdk.definitions.template": {"literal": "templating"},
    "airflow.sdk.definitions.context": {
        "Context": "context",
        "get_current_context": "context",
        "get_parsing_context": "context",
        "context_merge": "context",
    },
    "airflow.sdk.execution_time.context": {"context_to_airflow_vars": "environment", "NEVER_EXPIRE": "state_store"},
    "airflow.sdk.log": {"mask_secret": "masking", "redact": "masking"},
    "airflow.decorators": {
        "dag": "dag_decorator",
        "task": "task_decorator",
        "task_group": "dag_decorator",
        "setup": "setup_teardown",
        "teardown": "setup_teardown",
    },
    "airflow.models": {
        "DAG": "dags",
        "DagBag": "dag_bag",
        "BaseOperator": "operator",
        "Variable": "variable",
        "Connection": "connection",
        "XCom": "xcom",
        "Param": "param",
    },
    "airflow.models.dag": {"DAG": "dags", "dag": "dag_decorator"},
    "airflow.models.baseoperator": {
        "BaseOperator": "operator",
        "chain": "chains",
        "chain_linear": "chains",
        "cross_downstream": "chains",
    },
    "airflow.models.variable": {"Variable": "variable"},
    "airflow.models.connection": {"Connection": "connection"},
    "airflow.models.xcom": {"XCom": "xcom", "BaseXCom": "xcom", "XCOM_RETURN_KEY": "xcom_arg"},
    "airflow.models.xcom_arg": {"XComArg": "xcom_arg"},
    "airflow.models.param": {"Param": "param", "ParamsDict": "param", "DagParam": "param"},
    "airflow.hooks.base": {"BaseHook": "hook"},
    "airflow.hooks.base_hook": {"BaseHook": "hook"},
    "airflow.hooks.subprocess": {"SubprocessHook": "subprocess", "SubprocessResult": "subprocess"},
    **STANDARD,
    **{f"airflow.operators.{name}": table for name, table in OPERATORS.items()},
    **{f"airflow.sensors.{name}": table for name, table in SENSORS.items()},
    **{f"airflow.triggers.{name}": table for name, table in TRIGGERS.items()},
    "airflow.sdk.bases.sensor": SENSORS["base"],
    "airflow.sdk.bases.branch": OPERATORS["branch"],
    "airflow.sdk.bases.skipmixin": {"SkipMixin": "operators.skipping"},
    "airflow.utils.weekday": {"WeekDay": "weekday"},
    "airflow.hooks.filesystem": {"FSHook": "hooks.filesystem"},
    "airflow.operators.dummy": {"EmptyOperator": "operators.empty", "DummyOperator": "operators.empty:EmptyOperator"},
    "airflow.operators.bash_operator": {"BashOperator": "operators.bash"},
    "airflow.operators.python_operator": {"PythonOperator": "operators.python"},
    "airflow.utils.task_group": {"TaskGroup": "task_groups"},
    "airflow.utils.edgemodifier": {"Label": "edges", "EdgeModifier": "edges"},
    "airflow.utils.context": {"Context": "context", "context_merge": "context"},
    "airflow.utils.weight_rule": {"WeightRule": "types"},
    "airflow.utils.log.logging_mixin": {"LoggingMixin": "log"},
    "airflow.utils.log.secrets_masker": {
        "mask_secret": "masking",
        "redact": "masking",
        "should_hide_value_for_key": "masking",
    },
    "airflow.listeners": {"hookimpl": "listeners"},
    "airflow.plugins_manager": {"AirflowPlugin": "plugins"},
    "airflow.task.priority_strategy": {"PriorityWeightStrategy": "priority_strategy"},
    "airflow.sdk.io": {"ObjectStoragePath": "io.path", "attach": "io.store", "get_fs": "io.store"},
    "airflow.sdk.io.path": {"ObjectStoragePath": "io.path"},
    "airflow.sdk.io.store": {"attach": "io.store", "ObjectStore": "io.store"},
    "airflow.io": {"get_fs": "io.store", "has_fs": "io.store"},
    "airflow.io.path": {"ObjectStoragePath": "io.path"},
    "airflow.io.store": {"attach": "io.store", "ObjectStore": "io.store"},
    "airflow.providers.common.io.xcom.backend": {"XComObjectStorageBackend": "io.xcom_backend"},
    "airflow.secrets": {"BaseSecretsBackend": "secrets.base"},
    "airflow.secrets.base_secrets": {"BaseSecretsBackend": "secrets.base"},
    "airflow.secrets.environment_variables": {"EnvironmentVariablesBackend": "secrets.environment"},
    "airflow.secrets.local_filesystem": {"LocalFilesystemBackend": "secrets.local_filesystem"},
    "airflow.sdk.bases.secrets_backend": {"BaseSecretsBackend": "secrets.base"},
}

TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    module: {**OLDER.get(module, {}), **_TABLES.get(module, {})} for module in {**OLDER, **_TABLES}
}
"""Alias module → name → the module of `tradewind.sdk` that defines it (`module:name` where the name differs)."""

WHOLE: Final[Mapping[str, str]] = {
    "airflow.exceptions": "exceptions",
    "airflow.sdk.exceptions": "exceptions",
    "airflow.macros": "macros",
    "airflow.sdk.execution_time.macros": "macros",
    "airflow.configuration": "configuration",
    "airflow.sdk.configuration": "configuration",
    "airflow.utils.state": "state",
    "airflow.utils.timezone": "timezone",
    "airflow.sdk.timezone": "timezone",
    "airflow.utils.trigger_rule": "trigger_rule",
    "airflow.utils.dates": "dates",
    "airflow.version": "version",
    "airflow.utils.email": "email",
    "airflow.sdk.definitions.retry_policy": "retry_policy",
    **OLDER_WHOLE,
}
"""Alias module → the module of `tradewind.sdk` that it stands for, with every name."""


def origin_of(alias: str, name: str) -> tuple[str, str] | None:
    """(module, name) behind a name of an alias module; name is empty where a module itself is meant."""
    if alias in WHOLE:
        return _SDK + WHOLE[alias], name
    place = TABLES.get(alias, {}).get(name)
    if place is None:
        return None
    if not place:
        return _SDK + name, ""
    module, _, original = place.partition(":")
    return module if module.startswith(("tradewind.", "airflow.")) else _SDK + module, original or name


def is_known(alias: str) -> bool:
    """Whether there is a module, or a package on the way to one, of this name."""
    prefix = alias + "."
    return alias in TABLES or alias in WHOLE or any(name.startswith(prefix) for name in (*TABLES, *WHOLE))


def names_in(alias: str) -> tuple[str, ...]:
    """What `from <alias> import *` gives."""
    return tuple(TABLES.get(alias, ()))
