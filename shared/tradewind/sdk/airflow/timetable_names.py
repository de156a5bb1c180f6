"""Airflow's modules of timetables: module → name → the module of `tradewind.sdk` that defines it."""

from collections.abc import Mapping
from typing import Final

_SIMPLE: Final[Mapping[str, str]] = {
    "NullTimetable": "timetables.simple",
    "OnceTimetable": "timetables.simple",
    "ContinuousTimetable": "timetables.simple",
    "AssetTriggeredTimetable": "assets.timetables",
    "PartitionedAssetTimetable": "assets.timetables",
    "PartitionedAtRuntime": "assets.timetables",
}
_INTERVAL: Final[Mapping[str, str]] = {
    "CronDataIntervalTimetable": "timetables.interval",
    "DeltaDataIntervalTimetable": "timetables.interval",
}
_TRIGGER: Final[Mapping[str, str]] = {
    "CronTriggerTimetable": "timetables.trigger",
    "DeltaTriggerTimetable": "timetables.trigger",
    "MultipleCronTriggerTimetable": "timetables.trigger",
    "CronPartitionTimetable": "assets.partition_timetable",
}
_EVENTS: Final[Mapping[str, str]] = {"EventsTimetable": "timetables.events"}

_DEADLINE: Final[Mapping[str, str]] = {
    "BaseDeadlineReference": "deadlines",
    "DeadlineAlert": "deadlines",
    "DeadlineReference": "deadlines",
}
_CALLBACK: Final[Mapping[str, str]] = {"AsyncCallback": "deadlines", "SyncCallback": "deadlines"}

TIMETABLE_AUTHORING: Final[Mapping[str, str]] = {**_INTERVAL, **_TRIGGER, **_EVENTS, **_DEADLINE, **_CALLBACK}
"""What `airflow.sdk` exports of them, and of deadline alerts."""

TIMETABLE_MODULES: Final[Mapping[str, Mapping[str, str]]] = {
    "airflow.timetables.base": {
        "DagRunInfo": "timetables.base",
        "DataInterval": "timetables.base",
        "TimeRestriction": "timetables.base",
        "Timetable": "timetables.base",
    },
    "airflow.sdk.definitions.deadline": {
        **_DEADLINE,
        "AverageRuntimeDeadline": "deadlines",
        "DagRunLogicalDateDeadline": "deadlines",
        "DagRunQueuedAtDeadline": "deadlines",
        "FixedDatetimeDeadline": "deadlines",
        "VariableInterval": "deadlines",
    },
    "airflow.sdk.definitions.callback": {**_CALLBACK, "Callback": "deadlines"},
    "airflow.sdk.bases.timetable": {"BaseTimetable": "timetables.base:Timetable"},
    **{
        f"airflow.{package}.{module}": names
        for package in ("timetables", "sdk.definitions.timetables")
        for module, names in (
            ("simple", _SIMPLE),
            ("interval", _INTERVAL),
            ("trigger", _TRIGGER),
            ("events", _EVENTS),
        )
    },
}
