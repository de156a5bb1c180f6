"""Which kinds of runs a DAG allows."""

from collections.abc import Iterable
from typing import Any, cast

from tradewind.sdk.schedule import AssetSchedule
from tradewind.sdk.timetables.base import Timetable
from tradewind.sdk.types import DagRunType


def allowed_run_types_of(given: Any, timetable: Timetable) -> frozenset[DagRunType] | None:
    """The kinds that a DAG of this schedule allows; None = all. Raises ValueError for a kind that there is not, and if
    the runs that the schedule itself makes are not among them."""
    if given is None:
        return None
    types = [given] if isinstance(given, str) else list(cast("Iterable[Any]", given))
    allowed = frozenset(DagRunType(each) for each in types)
    needed, why = _needed(timetable)
    if allowed and needed not in allowed:
        raise ValueError(f"allowed_run_types must include {needed.name} when the Dag {why}")
    return allowed or None


def _needed(timetable: Timetable) -> tuple[DagRunType, str]:
    if isinstance(timetable, AssetSchedule) and timetable.waits_for_assets:
        return DagRunType.ASSET_TRIGGERED, "is scheduled by assets"
    if timetable.can_be_scheduled:
        return DagRunType.SCHEDULED, "has a schedule defined"
    return DagRunType.MANUAL, "has no schedule defined (schedule=None)"
