"""What provider packages and authors' own operators import beside the authoring API: as `names.TABLES`."""

from collections.abc import Mapping
from typing import Final

_DECORATOR_BASE: Final = {
    "DecoratedOperator": "operators.of_functions",
    "DecoratedMappedOperator": "mapped.operator",
    "KeywordParameters": "operators.of_functions",
    "TaskDecorator": "task_decorator",
    "_TaskDecorator": "task_decorator:TaskDecorator",
    "determine_kwargs": "operators.python:accepted_kwargs",
    "get_unique_task_id": "task_decorator:free_task_id",
    "is_async_callable": "module_loading",
    "task_decorator_factory": "operators.of_functions",
}

_SERDE: Final = {"serialize": "serde", "deserialize": "serde"}

_MODULE_LOADING: Final = {
    "import_string": "module_loading",
    "is_valid_dotpath": "module_loading",
    "iter_namespace": "module_loading",
    "qualname": "module_loading",
}

_HELPERS: Final = {
    "at_most_one": "strings",
    "exactly_one": "strings",
    "merge_dicts": "strings",
    "prune_dict": "strings",
    "chain": "chains",
    "cross_downstream": "chains",
}

_LINEAGE: Final = {
    "AssetLineageInfo": "lineage",
    "ExtraLineageInfo": "lineage",
    "HookLineage": "lineage",
    "HookLineageCollector": "lineage",
    "HookLineageReader": "lineage",
    "LineageContext": "lineage",
    "NoOpCollector": "lineage",
    "get_hook_lineage_collector": "lineage",
}

_TYPES: Final = {
    "NOTSET": "types",
    "ArgNotSet": "types",
    "SET_DURING_EXECUTION": "types",
    "SetDuringExecution": "types",
    "is_arg_set": "types",
}

_STATS: Final = {"Stats": "stats", "Timer": "stats"}

_LISTENER: Final = {"get_listener_manager": "listeners", "ListenerManager": "listeners:Listeners"}

_OPERATOR_LINK: Final = {"BaseOperatorLink": "operator_link"}

_PROVIDERS: Final = {
    "ProvidersManager": "providers",
    "ProvidersManagerTaskRuntime": "providers:ProvidersManager",
    "HookInfo": "providers",
    "DialectInfo": "providers",
    "ProviderInfo": "providers",
}

SUPPORT_AUTHORING: Final = {
    "BaseAsyncOperator": "async_operator",
    "BaseOperatorLink": "operator_link",
    "ResumableJobMixin": "resumable_job",
    "NEVER_EXPIRE": "state_store",
    "TaskInstance": "protocols",
    "lineage": "",
    "result": "conditions",
}
"""What these modules add to `airflow.sdk`."""

SUPPORT: Final[Mapping[str, Mapping[str, str]]] = {
    "airflow.sdk.bases.decorator": _DECORATOR_BASE,
    "airflow.decorators.base": _DECORATOR_BASE,
    "airflow.sdk.bases.operatorlink": _OPERATOR_LINK,
    "airflow.models.baseoperatorlink": _OPERATOR_LINK,
    "airflow.sdk.bases.resumablejobmixin": {"ResumableJobMixin": "resumable_job"},
    "airflow.sdk.definitions._internal.types": _TYPES,
    "airflow.utils.types": {"DagRunType": "types", **_TYPES},
    "airflow.sdk.definitions._internal.logging_mixin": {"LoggingMixin": "log"},
    "airflow.sdk.definitions.mappedoperator": {"MappedOperator": "mapped.operator"},
    "airflow.models.mappedoperator": {"MappedOperator": "mapped.operator"},
    "airflow.sdk.execution_time.timeout": {"timeout": "timeout"},
    "airflow.utils.timeout": {"timeout": "timeout"},
    "airflow.sdk.execution_time.xcom": {"XCom": "xcom", "BaseXCom": "xcom"},
    "airflow.sdk.types": {
        "DagRunProtocol": "protocols:DagRun",
        "TaskInstance": "protocols",
        "TaskInstanceKey": "types",
        "NOTSET": "types",
        "ArgNotSet": "types",
    },
    "airflow.models.taskinstancekey": {"TaskInstanceKey": "types"},
    # Not what a task is handed as `ti`: listeners tell the two apart by this class.
    "airflow.models.taskinstance": {"TaskInstance": "policies:PlannedTaskInstance", "TaskInstanceKey": "types"},
    "airflow.models.dagrun": {"DagRunType": "types"},
    "airflow.sdk.execution_time.task_runner": {
        "RuntimeTaskInstance": "tradewind.task_runner.attempt.task_instance:RuntimeTaskInstance"
    },
    "airflow.sdk.plugins_manager": {"AirflowPlugin": "plugins"},
    "airflow.sdk.lineage": _LINEAGE,
    "airflow.lineage.hook": _LINEAGE,
    "airflow.sdk.listener": _LISTENER,
    "airflow.listeners.listener": _LISTENER,
    "airflow.sdk._shared.listeners": {"hookimpl": "listeners"},
    "airflow.sdk.observability.stats": _STATS,
    "airflow.sdk._shared.observability.metrics.stats": _STATS,
    "airflow.observability.stats": _STATS,
    "airflow.stats": _STATS,
    "airflow.sdk.serde": _SERDE,
    "airflow.serialization.serde": _SERDE,
    "airflow.sdk.module_loading": _MODULE_LOADING,
    "airflow.sdk._shared.module_loading": _MODULE_LOADING,
    "airflow.utils.module_loading": _MODULE_LOADING,
    "airflow.utils.strings": {"to_boolean": "strings", "get_random_string": "strings"},
    "airflow.utils.helpers": _HELPERS,
    "airflow.utils.operator_helpers": {
        "context_to_airflow_vars": "environment",
        "determine_kwargs": "operators.python:accepted_kwargs",
        "KeywordParameters": "operators.of_functions",
    },
    "airflow.providers_manager": _PROVIDERS,
    "airflow.sdk.providers_manager_runtime": _PROVIDERS,
    "airflow.models.skipmixin": {"SkipMixin": "operators.skipping"},
    "airflow.api_fastapi.auth.managers.models.resource_details": {
        "AssetDetails": "auth_resources",
        "AssetAliasDetails": "auth_resources",
    },
    "airflow.models.dagbag": {"DagBag": "dag_bag", "FileLoadStat": "dag_bag"},
    "airflow.dag_processing.dagbag": {
        "DagBag": "dag_bag",
        "BundleDagBag": "dag_bag:DagBag",
        "FileLoadStat": "dag_bag",
    },
    "airflow.policies": {"hookimpl": "policies"},
    "airflow.settings": {
        "AIRFLOW_HOME": "settings",
        "DAGS_FOLDER": "settings",
        "PLUGINS_FOLDER": "settings",
        "TIMEZONE": "settings",
    },
    "airflow.models.asset": {"expand_alias_to_assets": "auth_resources"},
}
