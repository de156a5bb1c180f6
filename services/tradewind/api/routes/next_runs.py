"""`/api/v2/dags/{dag_id}/nextRuns`: what Airflow answers on the command line only."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from tradewind.api.dag_specs import VersionKey
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.models.base import ApiModel
from tradewind.api.routes.dags import existing_dag
from tradewind.core.timetables.following import following_runs
from tradewind.core.timetables.values import DataInterval, NextRun
from tradewind.db.api import dags as dag_queries
from tradewind.db.pool import Row

router = APIRouter(prefix="/api/v2/dags/{dag_id}/nextRuns", tags=["DAG"])


class NextRunResponse(ApiModel):
    """A run that the schedule will make."""

    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime


class NextRunCollectionResponse(ApiModel):
    """Runs in the order in which they will be made."""

    is_paused: bool
    runs: list[NextRunResponse]


@router.get("", responses=documented(404))
async def get_next_runs(
    dag_id: str, state: StateDep, limit: Annotated[int, Query(ge=1, le=1000)] = 1
) -> NextRunCollectionResponse:
    """The runs that the DAG's schedule will make, as far as they are known: none without a schedule."""
    row = await existing_dag(state, dag_id)
    target = await dag_queries.get_trigger_target(state["database"], dag_id)
    spec = None if target is None else await state["dag_specs"].get(VersionKey.of_row(target))
    runs = [] if spec is None else following_runs(spec, _first(row), limit, state["clock"]())
    return NextRunCollectionResponse(is_paused=row["is_paused"], runs=[_response(run) for run in runs])


def _first(row: Row) -> NextRun | None:
    start, end = row["next_dagrun_data_interval_start"], row["next_dagrun_data_interval_end"]
    if row["next_dagrun_run_after"] is None:
        return None
    return NextRun(row["next_dagrun_run_after"], None if start is None or end is None else DataInterval(start, end))


def _response(run: NextRun) -> NextRunResponse:
    start, end = run.data_interval or (None, None)
    return NextRunResponse(
        logical_date=run.logical_date, data_interval_start=start, data_interval_end=end, run_after=run.run_after
    )
