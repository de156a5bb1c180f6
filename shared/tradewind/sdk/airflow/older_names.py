"""Airflow's older module names, and its models and tools, that DAG files, plugins and authors' tests still import."""

from collections.abc import Mapping
from typing import Final

_ORM: Final[Mapping[str, str]] = {
    "airflow.models.base": "Base ID_LEN",
    "airflow.models.dag": "DagModel DagTag",
    "airflow.models.dagrun": "DagRun",
    "airflow.models.dag_version": "DagVersion",
    "airflow.models.serialized_dag": "SerializedDagModel",
    "airflow.models.log": "Log",
    "airflow.models.pool": "Pool",
    "airflow.models.renderedtifields": "RenderedTaskInstanceFields",
    "airflow.models.taskinstance": "clear_task_instances",
    "airflow.models.taskreschedule": "TaskReschedule",
    "airflow.models.trigger": "Trigger",
    "airflow.utils.session": "NEW_SESSION create_session provide_session",
    "airflow.models": (
        "Base DagModel DagRun DagTag ID_LEN Log Pool RenderedTaskInstanceFields TaskReschedule Trigger"
        " clear_task_instances"
    ),
}
"""Module → what of it there is, in `no_database`."""

_PROCESSES: Final[Mapping[str, str]] = {
    "execute_in_subprocess": "commands",
    "execute_in_subprocess_with_kwargs": "commands",
    "patch_environ": "commands",
}
_SETTINGS: Final[Mapping[str, str]] = {
    "conf": "configuration",
    "create_session": "no_database",
    **dict.fromkeys(("task_policy", "dag_policy", "task_instance_mutation_hook", "pod_mutation_hook"), "settings"),
    **dict.fromkeys(("get_airflow_context_vars", "get_dagbag_import_timeout", "SIMPLE_LOG_FORMAT"), "settings"),
}
_FILES: Final[Mapping[str, str]] = dict.fromkeys(
    (
        "correct_maybe_zipped",
        "find_dag_file_paths",
        "get_unique_dag_module_name",
        "list_py_file_paths",
        "might_contain_dag",
        "might_contain_dag_via_default_heuristic",
        "open_maybe_zipped",
    ),
    "dag_paths",
)
_HELPERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("as_flattened_list", "chunks", "is_container", "partition"), "iterables"),
    "build_airflow_dagrun_url": "operator_link:dag_run_url",
    "convert_camel_to_snake": "strings",
    "validate_key": "node",
}
_DEFAULTS: Final[Mapping[str, str]] = dict.fromkeys(
    (
        "DEFAULT_EMAIL_ON_FAILURE",
        "DEFAULT_EMAIL_ON_RETRY",
        "DEFAULT_EXECUTOR",
        "DEFAULT_IGNORE_FIRST_DEPENDS_ON_PAST",
        "DEFAULT_OWNER",
        "DEFAULT_POOL_NAME",
        "DEFAULT_POOL_SLOTS",
        "DEFAULT_PRIORITY_WEIGHT",
        "DEFAULT_QUEUE",
        "DEFAULT_RETRIES",
        "DEFAULT_RETRY_DELAY",
        "DEFAULT_TASK_EXECUTION_TIMEOUT",
        "DEFAULT_TRIGGER_RULE",
        "DEFAULT_WAIT_FOR_PAST_DEPENDS_BEFORE_SKIPPING",
        "DEFAULT_WEIGHT_RULE",
        "MAXIMUM_PRIORITY_WEIGHT",
        "MAX_RETRY_DELAY",
        "MINIMUM_PRIORITY_WEIGHT",
    ),
    "operator_defaults",
)
_WEIGHTS: Final[Mapping[str, str]] = {
    "DB_SAFE_MINIMUM": "operator_defaults:MINIMUM_PRIORITY_WEIGHT",
    "DB_SAFE_MAXIMUM": "operator_defaults:MAXIMUM_PRIORITY_WEIGHT",
    "db_safe_priority": "operator_defaults",
}
_ABSTRACT: Final[Mapping[str, str]] = {
    "AbstractOperator": "operator:BaseOperator",
    "NotMapped": "exceptions",
    "TaskStateChangeCallback": "types",
    **_DEFAULTS,
}
_RESOURCES: Final[Mapping[str, str]] = dict.fromkeys(
    ("CpuResource", "DiskResource", "GpuResource", "RamResource", "Resource", "Resources"), "resources"
)
_MASKING: Final[Mapping[str, str]] = {
    "mask_secret": "masking",
    "redact": "masking",
    "should_hide_value_for_key": "masking",
    "SecretsMasker": "masking",
}
_NODE: Final[Mapping[str, str]] = {
    "DAGNode": "node",
    "validate_key": "node",
    "validate_group_key": "node",
}
_EXPAND: Final[Mapping[str, str]] = {
    "DictOfListsExpandInput": "mapped.expand_input",
    "ListOfDictsExpandInput": "mapped.expand_input",
    "MappedArgument": "mapped.expand_input",
    "is_mappable": "mapped.sequences",
}
_SERDE: Final[Mapping[str, str]] = {"serialize": "serde", "deserialize": "serde"}
_VERSIONS: Final[Mapping[str, str]] = dict.fromkeys(
    (
        "AIRFLOW_V_3_0_PLUS",
        "AIRFLOW_V_3_1_PLUS",
        "AIRFLOW_V_3_1_3_PLUS",
        "AIRFLOW_V_3_2_PLUS",
        "AIRFLOW_V_3_3_PLUS",
        "get_base_airflow_version_tuple",
    ),
    "version",
)
_XCOM_ARGS: Final[Mapping[str, str]] = {
    "PlainXComArg": "xcom_arg:XComArg",
    "MapXComArg": "xcom_arg",
    "ZipXComArg": "xcom_arg",
    "ConcatXComArg": "xcom_arg",
}
_CONTEXTS: Final[Mapping[str, str]] = {
    "OutletEventAccessor": "assets.events",
    "OutletEventAccessors": "assets.events",
    "InletEventsAccessors": "assets.events",
    "TriggeringAssetEventsAccessor": "assets.events:TriggeringAssetEvents",
}
_IO: Final[Mapping[str, str]] = {"attach": "io.store", "get_fs": "io.store", "has_fs": "io.store"}
_SKIPS: Final[Mapping[str, str]] = {
    "SkipMixin": "operators.skipping",
    "XCOM_SKIPMIXIN_KEY": "operators.skipping:SKIP_KEY",
    "XCOM_SKIPMIXIN_SKIPPED": "operators.skipping:SKIPPED",
    "XCOM_SKIPMIXIN_FOLLOWED": "operators.skipping:FOLLOWED",
}
_LINKS: Final[Mapping[str, str]] = {"ExternalDagLink": "sensors.external_task"}
_STATS: Final[Mapping[str, str]] = dict.fromkeys(("incr", "decr", "gauge", "timing", "timer"), "stats")
_TRIGGERS: Final[Mapping[str, str]] = {"SuccessTrigger": "triggers.testing", "FailureTrigger": "triggers.testing"}
_COMPAT: Final[Mapping[str, str]] = {
    "AirflowPlugin": "plugins",
    "DecoratedMappedOperator": "mapped.operator",
    "DecoratedOperator": "operators.of_functions",
    "KeywordParameters": "operators.of_functions",
    "MappedOperator": "mapped.operator",
    "TaskDecorator": "task_decorator",
    "TaskInstanceKey": "types",
    "SET_DURING_EXECUTION": "types",
    "Stats": "stats",
    "XCOM_RETURN_KEY": "xcom_arg",
    "XCom": "xcom",
    "context_merge": "context",
    "context_to_airflow_vars": "environment",
    "determine_kwargs": "operators.python:accepted_kwargs",
    "get_unique_task_id": "task_decorator:free_task_id",
    "get_listener_manager": "listeners",
    "hookimpl": "listeners",
    "mask_secret": "masking",
    "redact": "masking",
    "task_decorator_factory": "operators.of_functions",
    "timeout": "timeout",
    "io": "",
    **dict.fromkeys(
        ("AssetLineageInfo", "HookLineage", "HookLineageCollector", "HookLineageReader", "NoOpCollector"), "lineage"
    ),
    "get_hook_lineage_collector": "lineage",
    **dict.fromkeys(
        (
            "AirflowConfigException",
            "AirflowOptionalProviderFeatureException",
            "DagRunTriggerException",
            "DownstreamTasksSkipped",
            "ParamValidationError",
            "XComNotFound",
        ),
        "exceptions",
    ),
}
_SETUPS: Final[Mapping[str, str]] = {"setup": "setup_teardown", "teardown": "setup_teardown"}

_OLDER: Final[Mapping[str, Mapping[str, str]]] = {
    "airflow": {"Asset": "assets.asset", "Dataset": "assets.asset:Asset", "version": "", "configuration": ""},
    "airflow.models.taskinstance": {
        "TaskInstance": "protocols",
        "TaskInstanceKey": "types",
        "XCOM_RETURN_KEY": "xcom_arg",
    },
    "airflow.models.abstractoperator": _ABSTRACT,
    "airflow.sdk.definitions._internal.abstractoperator": _ABSTRACT,
    "airflow.models.operator": {"BaseOperator": "operator", "Operator": "operator:BaseOperator"},
    "airflow.models.dag": {"TAG_MAX_LEN": "dags:TAG_MAX_LENGTH", "DagContext": "active"},
    "airflow.models.taskmixin": {"DAGNode": "node", "DependencyMixin": "node"},
    "airflow.models.expandinput": _EXPAND,
    "airflow.sdk.bases.operator": {**_DEFAULTS, **_WEIGHTS},
    "airflow.utils.weight_rule": _WEIGHTS,
    "airflow.task.weight_rule": {"WeightRule": "types", **_WEIGHTS},
    "airflow.task.trigger_rule": {"TriggerRule": "trigger_rule"},
    "airflow.sdk.definitions.operator_resources": _RESOURCES,
    "airflow.utils.operator_resources": _RESOURCES,
    "airflow.utils.log.secrets_masker": _MASKING,
    "airflow.sdk.execution_time.secrets_masker": _MASKING,
    "airflow.sdk.execution_time.lazy_sequence": {"LazyXComSequence": "lazy_sequence"},
    "airflow.sdk.execution_time.context": _CONTEXTS,
    "airflow.utils.context": _CONTEXTS,
    "airflow.sdk.definitions.context": {"AirflowParsingContext": "context"},
    "airflow.sdk.definitions._internal.contextmanager": {"DagContext": "active", "TaskGroupContext": "active"},
    "airflow.sdk.definitions._internal.expandinput": _EXPAND,
    "airflow.sdk.definitions._internal.mixins": {"DependencyMixin": "node"},
    "airflow.sdk.definitions._internal.node": _NODE,
    "airflow.sdk.definitions._internal.templater": {
        "LiteralValue": "templating",
        "Templater": "templater",
        "NativeEnvironment": "jinja_environments",
        "SandboxedEnvironment": "jinja_environments",
    },
    "airflow.sdk.definitions.decorators": {
        "dag": "dag_decorator",
        "result": "conditions",
        "TaskDecorator": "task_decorator",
        "TaskDecoratorCollection": "task_decorator",
        **_SETUPS,
    },
    "airflow.sdk.definitions.decorators.condition": {"run_if": "conditions", "skip_if": "conditions"},
    "airflow.sdk.definitions.decorators.task_group": {"task_group": "dag_decorator"},
    "airflow.sdk.definitions.mappedoperator": {"OperatorPartial": "mapped.operator", **_DEFAULTS},
    "airflow.sdk.definitions.taskgroup": {"MappedTaskGroup": "mapped.group"},
    "airflow.utils.task_group": {"MappedTaskGroup": "mapped.group"},
    "airflow.sdk.definitions.xcom_arg": _XCOM_ARGS,
    "airflow.models.xcom_arg": _XCOM_ARGS,
    "airflow.sdk.definitions.asset": {"AssetAliasEvent": "assets.events", "AssetBooleanCondition": "assets.asset"},
    "airflow.sdk.definitions.asset.decorators": {
        "AssetDefinition": "assets.decorators",
        "MultiAssetDefinition": "assets.decorators",
    },
    "airflow.sdk.definitions.param": {"process_params": "param"},
    "airflow.sdk.definitions.dag": {"TAG_MAX_LEN": "dags:TAG_MAX_LENGTH"},
    "airflow.sdk.types": {"Operator": "operator:BaseOperator", "RuntimeTaskInstanceProtocol": "protocols:TaskInstance"},
    "airflow.sdk.io.fs": {"get_fs": "io.store", "has_fs": "io.store"},
    "airflow.io": _IO,
    "airflow.io.storage": {"attach": "io.store"},
    "airflow.sdk.serde": _SERDE,
    "airflow.serialization.serde": _SERDE,
    "airflow.sdk.log": {"mask_logs": "masking:redact"},
    "airflow.sdk.bases.skipmixin": _SKIPS,
    "airflow.providers.standard.utils.skipmixin": _SKIPS,
    "airflow.models.skipmixin": _SKIPS,
    "airflow.models": {
        "BaseOperatorLink": "operator_link",
        "BaseXCom": "xcom",
        "MappedOperator": "mapped.operator",
        "SkipMixin": "operators.skipping",
        "TaskInstance": "protocols",
    },
    "airflow.settings": _SETTINGS,
    "airflow.decorators.base": {"TaskDecoratorCollection": "task_decorator"},
    "airflow.providers.common.compat.sdk": _COMPAT,
    "airflow.models.connection": {"ID_LEN": "no_database"},
    "airflow.sdk.bases.decorator": {"is_decorated_task": "task_decorator"},
    "airflow.io.typedef": {"Properties": "io.store"},
    "airflow.sdk.io.typedef": {"Properties": "io.store"},
    "airflow.sdk.io": {"has_fs": "io.store", "Properties": "io.store"},
    "airflow.listeners.types": {"AssetEvent": "assets.listened"},
    "airflow.operators.smooth": {"SmoothOperator": "operators.smooth"},
    "airflow.providers.standard.operators.smooth": {"SmoothOperator": "operators.smooth"},
    "airflow.hooks.package_index": {"PackageIndexHook": "hooks.package_index"},
    "airflow.providers.standard.hooks.package_index": {"PackageIndexHook": "hooks.package_index"},
    "airflow.providers.standard.operators.trigger_dagrun": {
        "TriggerDagRunLink": "operators.trigger_dagrun",
        "DagIsPaused": "operators.trigger_dagrun",
    },
    "airflow.providers.standard.sensors.external_task": _LINKS,
    "airflow.sensors.external_task": _LINKS,
    "airflow.providers.standard.sensors.time": {"TimeSensorAsync": "sensors.time"},
    "airflow.operators.email": {"EmailOperator": "airflow.providers.smtp.operators.smtp"},
    "airflow.operators.generic_transfer": {
        "GenericTransfer": "airflow.providers.common.sql.operators.generic_transfer",
    },
    "airflow.sdk.observability.stats": _STATS,
    "airflow.stats": _STATS,
    "airflow.providers.common.compat.version_compat": _VERSIONS,
    "airflow.triggers.testing": _TRIGGERS,
    "airflow.utils.code_utils": {"get_python_source": "module_loading"},
    "airflow.utils.dag_cycle_tester": {"check_cycle": "cycles"},
    "airflow.utils.entry_points": {
        "import_string": "module_loading",
        "is_valid_dotpath": "module_loading",
        "iter_namespace": "module_loading",
        "qualname": "module_loading",
    },
    "airflow.utils.file": _FILES,
    "airflow.utils.helpers": _HELPERS,
    "airflow.utils.net": {"get_hostname": "hosts", "get_host_ip_address": "hosts"},
    "airflow.utils.process_utils": _PROCESSES,
    "airflow.utils.types": {"DagRunTriggeredByType": "types"},
    "airflow.utils.xcom": {"XCOM_RETURN_KEY": "xcom_arg"},
}

OLDER: Final[Mapping[str, Mapping[str, str]]] = {
    module: {**dict.fromkeys(_ORM.get(module, "").split(), "no_database"), **_OLDER.get(module, {})}
    for module in {**_ORM, **_OLDER}
}
"""As `names.TABLES`, and joined to what is there. A module that begins with `airflow.` is a provider package's."""

OLDER_WHOLE: Final[Mapping[str, str]] = {
    "airflow.lineage.hook": "lineage",
    "airflow.security.permissions": "permissions",
    "airflow.typing_compat": "typing_compat",
    "airflow.utils.yaml": "yaml",
    "airflow.sdk.yaml": "yaml",
}
"""As `names.WHOLE`."""
