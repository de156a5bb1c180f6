"""What DAG authors import: Airflow's authoring API, under Airflow's names.

Names are loaded on first use. One that does not exist (yet) raises ImportError naming it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tradewind.sdk.airflow.names import names_in, origin_of

if TYPE_CHECKING:
    from tradewind.sdk import lineage, macros, timezone
    from tradewind.sdk.assets.access_control import AssetAccessControl
    from tradewind.sdk.assets.asset import Asset, AssetAlias, AssetAll, AssetAny, AssetWatcher
    from tradewind.sdk.assets.decorators import asset
    from tradewind.sdk.assets.mappers import (
        AllowedKeyMapper,
        ChainMapper,
        DayWindow,
        FanOutMapper,
        FixedKeyMapper,
        HourWindow,
        IdentityMapper,
        MinimumCount,
        MonthWindow,
        PartitionMapper,
        ProductMapper,
        QuarterWindow,
        RollupMapper,
        SegmentWindow,
        StartOfDayMapper,
        StartOfHourMapper,
        StartOfMonthMapper,
        StartOfQuarterMapper,
        StartOfWeekMapper,
        StartOfYearMapper,
        WaitForAll,
        WeekWindow,
        Window,
        YearWindow,
    )
    from tradewind.sdk.assets.metadata import Metadata
    from tradewind.sdk.assets.partition_timetable import CronPartitionTimetable
    from tradewind.sdk.assets.timetables import AssetOrTimeSchedule, PartitionedAssetTimetable, PartitionedAtRuntime
    from tradewind.sdk.async_operator import BaseAsyncOperator
    from tradewind.sdk.chains import chain, chain_linear, cross_downstream
    from tradewind.sdk.conditions import result
    from tradewind.sdk.configuration import conf
    from tradewind.sdk.connection import Connection
    from tradewind.sdk.context import Context, get_current_context, get_parsing_context
    from tradewind.sdk.dag_decorator import dag, task_group
    from tradewind.sdk.dags import DAG
    from tradewind.sdk.deadlines import (
        AsyncCallback,
        BaseDeadlineReference,
        DeadlineAlert,
        DeadlineReference,
        SyncCallback,
    )
    from tradewind.sdk.edges import EdgeModifier, Label
    from tradewind.sdk.hook import BaseHook
    from tradewind.sdk.io.path import ObjectStoragePath
    from tradewind.sdk.notifier import BaseNotifier
    from tradewind.sdk.operator import BaseOperator
    from tradewind.sdk.operator_link import BaseOperatorLink
    from tradewind.sdk.operators.branch import BaseBranchOperator, BranchMixIn
    from tradewind.sdk.operators.skipping import SkipMixin
    from tradewind.sdk.param import Param, ParamsDict
    from tradewind.sdk.protocols import TaskInstance
    from tradewind.sdk.resumable_job import ResumableJobMixin
    from tradewind.sdk.retry_policy import ExceptionRetryPolicy, RetryAction, RetryDecision, RetryPolicy, RetryRule
    from tradewind.sdk.sensors.base import BaseSensorOperator, PokeReturnValue, poke_mode_only
    from tradewind.sdk.setup_teardown import setup, teardown
    from tradewind.sdk.state import DagRunState, TaskInstanceState
    from tradewind.sdk.state_store import NEVER_EXPIRE
    from tradewind.sdk.task_decorator import task
    from tradewind.sdk.task_groups import TaskGroup
    from tradewind.sdk.templating import literal
    from tradewind.sdk.timetables.events import EventsTimetable
    from tradewind.sdk.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
    from tradewind.sdk.timetables.trigger import (
        CronTriggerTimetable,
        DeltaTriggerTimetable,
        MultipleCronTriggerTimetable,
    )
    from tradewind.sdk.trigger_rule import TriggerRule
    from tradewind.sdk.triggers.base import BaseTrigger, StartTriggerArgs, TriggerEvent
    from tradewind.sdk.types import WeightRule
    from tradewind.sdk.variable import Variable
    from tradewind.sdk.version import __version__
    from tradewind.sdk.xcom import BaseXCom
    from tradewind.sdk.xcom_arg import XComArg

__all__ = [
    "DAG",
    "NEVER_EXPIRE",
    "AllowedKeyMapper",
    "Asset",
    "AssetAccessControl",
    "AssetAlias",
    "AssetAll",
    "AssetAny",
    "AssetOrTimeSchedule",
    "AssetWatcher",
    "AsyncCallback",
    "BaseAsyncOperator",
    "BaseBranchOperator",
    "BaseDeadlineReference",
    "BaseHook",
    "BaseNotifier",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "BaseXCom",
    "BranchMixIn",
    "ChainMapper",
    "Connection",
    "Context",
    "CronDataIntervalTimetable",
    "CronPartitionTimetable",
    "CronTriggerTimetable",
    "DagRunState",
    "DayWindow",
    "DeadlineAlert",
    "DeadlineReference",
    "DeltaDataIntervalTimetable",
    "DeltaTriggerTimetable",
    "EdgeModifier",
    "EventsTimetable",
    "ExceptionRetryPolicy",
    "FanOutMapper",
    "FixedKeyMapper",
    "HourWindow",
    "IdentityMapper",
    "Label",
    "Metadata",
    "MinimumCount",
    "MonthWindow",
    "MultipleCronTriggerTimetable",
    "ObjectStoragePath",
    "Param",
    "ParamsDict",
    "PartitionMapper",
    "PartitionedAssetTimetable",
    "PartitionedAtRuntime",
    "PokeReturnValue",
    "ProductMapper",
    "QuarterWindow",
    "ResumableJobMixin",
    "RetryAction",
    "RetryDecision",
    "RetryPolicy",
    "RetryRule",
    "RollupMapper",
    "SegmentWindow",
    "SkipMixin",
    "StartOfDayMapper",
    "StartOfHourMapper",
    "StartOfMonthMapper",
    "StartOfQuarterMapper",
    "StartOfWeekMapper",
    "StartOfYearMapper",
    "StartTriggerArgs",
    "SyncCallback",
    "TaskGroup",
    "TaskInstance",
    "TaskInstanceState",
    "TriggerEvent",
    "TriggerRule",
    "Variable",
    "WaitForAll",
    "WeekWindow",
    "WeightRule",
    "Window",
    "XComArg",
    "YearWindow",
    "__version__",
    "asset",
    "chain",
    "chain_linear",
    "conf",
    "cross_downstream",
    "dag",
    "get_current_context",
    "get_parsing_context",
    "lineage",
    "literal",
    "macros",
    "poke_mode_only",
    "result",
    "setup",
    "task",
    "task_group",
    "teardown",
    "timezone",
]


def __getattr__(name: str) -> Any:
    origin = origin_of("airflow.sdk", name)
    if origin is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(origin[0])
    value = getattr(module, origin[1]) if origin[1] else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(names_in("airflow.sdk"))
