"""The standard provider's modules: name → the module of `tradewind.sdk` that defines it, as in `names.TABLES`."""

from collections.abc import Mapping
from typing import Final

_Table = Mapping[str, str]

_FAILURES: Final[_Table] = dict.fromkeys(
    (
        "AirflowExternalTaskSensorException",
        "DuplicateStateError",
        "ExternalDagDeletedError",
        "ExternalDagFailedError",
        "ExternalDagNotFoundError",
        "ExternalTaskFailedError",
        "ExternalTaskGroupFailedError",
        "ExternalTaskGroupNotFoundError",
        "ExternalTaskNotFoundError",
    ),
    "standard_exceptions",
)
_HITL_FAILURES: Final[_Table] = dict.fromkeys(
    ("HITLRejectException", "HITLTimeoutError", "HITLTriggerEventError"), "standard_exceptions"
)

OPERATORS: Final[Mapping[str, _Table]] = {
    "bash": {"BashOperator": "operators.bash"},
    "python": {
        "PythonOperator": "operators.python",
        "BranchPythonOperator": "operators.python",
        "ShortCircuitOperator": "operators.python",
        "PythonVirtualenvOperator": "operators.virtualenv",
        "ExternalPythonOperator": "operators.virtualenv",
        "BranchPythonVirtualenvOperator": "operators.virtualenv",
        "BranchExternalPythonOperator": "operators.virtualenv",
        "get_current_context": "context",
    },
    "empty": {"EmptyOperator": "operators.empty"},
    "branch": {
        "BaseBranchOperator": "operators.branch",
        "BranchMixIn": "operators.branch",
        "SkipMixin": "operators.skipping",
    },
    "datetime": {
        "BranchDateTimeOperator": "operators.datetime",
        "target_times_as_dates": "operators.datetime",
    },
    "weekday": {"BranchDayOfWeekOperator": "operators.weekday"},
    "latest_only": {"LatestOnlyOperator": "operators.latest_only"},
    "smooth": {"SmoothOperator": "operators.smooth"},
    "trigger_dagrun": dict.fromkeys(
        ("DagIsPaused", "TriggerDagRunLink", "TriggerDagRunOperator"), "operators.trigger_dagrun"
    ),
    "hitl": {
        **dict.fromkeys(
            ("ApprovalOperator", "HITLBranchOperator", "HITLEntryOperator", "HITLOperator"), "operators.hitl"
        ),
        **_HITL_FAILURES,
    },
}

SENSORS: Final[Mapping[str, _Table]] = {
    "base": dict.fromkeys(("BaseSensorOperator", "PokeReturnValue", "poke_mode_only"), "sensors.base"),
    "python": {"PythonSensor": "sensors.python"},
    "bash": {"BashSensor": "sensors.python"},
    "weekday": {"DayOfWeekSensor": "sensors.python"},
    "date_time": dict.fromkeys(("DateTimeSensor", "DateTimeSensorAsync"), "sensors.time"),
    "time": dict.fromkeys(("TimeSensor", "TimeSensorAsync"), "sensors.time"),
    "time_sensor": dict.fromkeys(("TimeSensor", "TimeSensorAsync"), "sensors.time"),
    "time_delta": dict.fromkeys(("TimeDeltaSensor", "TimeDeltaSensorAsync", "WaitSensor"), "sensors.time"),
    "filesystem": {"FileSensor": "sensors.filesystem"},
    "external_task": {
        **dict.fromkeys(("ExternalDagLink", "ExternalTaskMarker", "ExternalTaskSensor"), "sensors.external_task"),
        **_FAILURES,
    },
}

TRIGGERS: Final[Mapping[str, _Table]] = {
    "base": dict.fromkeys(
        (
            "BaseTrigger",
            "BaseEventTrigger",
            "TriggerEvent",
            "StartTriggerArgs",
            "BaseTaskEndEvent",
            "TaskSuccessEvent",
            "TaskFailedEvent",
            "TaskSkippedEvent",
        ),
        "triggers.base",
    ),
    "external_task": dict.fromkeys(("DagStateTrigger", "WorkflowTrigger"), "triggers.external_task"),
    "temporal": dict.fromkeys(("DateTimeTrigger", "TimeDeltaTrigger"), "triggers.temporal"),
    "file": dict.fromkeys(("DirectoryFileDeleteTrigger", "FileDeleteTrigger", "FileTrigger"), "triggers.file"),
    "hitl": dict.fromkeys(("HITLTriggerEventFailurePayload", "HITLTriggerEventSuccessPayload"), "human_input"),
}

_DECORATORS: Final[Mapping[str, _Table]] = {
    "bash": {"bash_task": "operators.decorated"},
    "branch_external_python": {"branch_external_python_task": "operators.decorated"},
    "branch_python": {"branch_task": "operators.decorated"},
    "branch_virtualenv": {"branch_virtualenv_task": "operators.decorated"},
    "external_python": {"external_python_task": "operators.decorated"},
    "python": {"python_task": "operators.decorated"},
    "python_virtualenv": {"virtualenv_task": "operators.decorated"},
    "sensor": {
        "DecoratedSensorOperator": "operators.decorated:SensorDecoratedOperator",
        "sensor_task": "operators.decorated",
    },
    "short_circuit": {"short_circuit_task": "operators.decorated"},
    "stub": {"stub": "operators.stub"},
}

_HOOKS: Final[Mapping[str, _Table]] = {
    "filesystem": {"FSHook": "hooks.filesystem"},
    "package_index": {"PackageIndexHook": "hooks.package_index"},
    "subprocess": dict.fromkeys(("SubprocessHook", "SubprocessResult", "working_directory"), "subprocess"),
}

_UTILS: Final[Mapping[str, _Table]] = {
    "python_virtualenv": dict.fromkeys(("prepare_virtualenv", "write_python_script"), "virtual_environments"),
    "skipmixin": {"SkipMixin": "operators.skipping"},
    "weekday": {"WeekDay": "weekday"},
}

_VERSIONS: Final = dict.fromkeys(
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

_FOLDERS: Final[Mapping[str, Mapping[str, _Table]]] = {
    "decorators": _DECORATORS,
    "hooks": _HOOKS,
    "models": {},
    "operators": OPERATORS,
    "sensors": SENSORS,
    "triggers": {name: table for name, table in TRIGGERS.items() if name != "base"},
    "utils": _UTILS,
}

_ROOT: Final = "airflow.providers.standard"

STANDARD: Final[Mapping[str, _Table]] = {
    "airflow.sdk.execution_time.hitl": {"HITLUser": "human_input"},
    _ROOT: {"__version__": "version:STANDARD_VERSION"},
    f"{_ROOT}.exceptions": {**_FAILURES, **_HITL_FAILURES},
    f"{_ROOT}.version_compat": {
        **_VERSIONS,
        "BaseOperator": "operator",
        **dict.fromkeys(("NOTSET", "ArgNotSet", "is_arg_set"), "types"),
    },
    **{f"{_ROOT}.{folder}": {} for folder in _FOLDERS},
    **{f"{_ROOT}.{folder}.{name}": table for folder, tables in _FOLDERS.items() for name, table in tables.items()},
}
