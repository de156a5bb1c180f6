"""What a request to run a DAG comes to: its run id, its data interval, its conf checked against the DAG's params."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID

from tradewind.api.errors import BadRequest
from tradewind.api.models.dag_runs import TriggerDAGRunPostBody
from tradewind.api.params import check_conf
from tradewind.core.assets import AssetKey, PartitionRules
from tradewind.core.spec import DagSpec
from tradewind.core.timetables.from_spec import manual_interval_of, partitions_of
from tradewind.core.timetables.run_ids import run_id_of, with_suffix
from tradewind.core.timetables.values import DataInterval
from tradewind.db.api.dags import NewDagRun

ALLOWED_RUN_ID: Final = re.compile(r"[A-Za-z0-9_.~:+-]+")
RESERVED_PREFIXES: Final = (
    "backfill__",
    "scheduled__",
    "operator_triggered__",
    "asset_triggered__",
    "asset_materialization__",
)
MANUAL: Final = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who asks, when, and by what way. `entropy` is a fresh id."""

    username: str
    triggered_by: Literal["rest_api", "ui", "cli"]
    now: datetime
    entropy: UUID


def new_dag_run(
    dag_id: str, dag_version_id: UUID, spec: DagSpec, body: TriggerDAGRunPostBody, requester: Requester
) -> NewDagRun:
    """The run to insert; raises `BadRequest`."""
    partition_date = None if body.partition_key is None else _partition_date(spec, body.partition_key)
    run_after = _in_utc(body.run_after) or requester.now
    logical_date = _in_utc(body.logical_date)
    conf = body.conf or {}
    check_conf(spec, conf)
    interval = None if logical_date is None else _data_interval(spec, body, logical_date)
    return NewDagRun(
        dag_id=dag_id,
        run_id=_checked(body.dag_run_id) if body.dag_run_id else _made_up(spec, run_after, requester.entropy),
        dag_version_id=dag_version_id,
        triggered_by=requester.triggered_by,
        triggering_user_name=requester.username,
        logical_date=logical_date,
        data_interval_start=None if interval is None else interval.start,
        data_interval_end=None if interval is None else interval.end,
        run_after=run_after,
        queued_at=requester.now,
        conf=conf,
        note=body.note,
        partition_key=body.partition_key,
        partition_date=partition_date,
    )


def materialization_run(
    dag_id: str, dag_version_id: UUID, spec: DagSpec, body: TriggerDAGRunPostBody, requester: Requester
) -> NewDagRun:
    """The run to insert when somebody asks for an asset to be written; raises `BadRequest`."""
    run = new_dag_run(dag_id, dag_version_id, spec, body, requester)
    run_id = run.run_id if body.dag_run_id else run.run_id.replace("manual__", "asset_materialization__", 1)
    return replace(run, run_id=run_id, run_type="asset_materialization")


def _partition_date(spec: DagSpec, partition_key: str) -> datetime | None:
    """The moment that the partition stands for, if its key names one. Raises `BadRequest` for a DAG without
    partitions."""
    if spec.partition_mappers is not None:
        assets = [AssetKey(ref.name, ref.uri) for ref in spec.schedule_assets if ref.kind != "alias"]
        return PartitionRules(spec.partition_mappers).date_of_key(partition_key, assets)
    by_time = partitions_of(spec.timetable)
    if by_time is None and not spec.is_partitioned_at_runtime:
        raise BadRequest(f"The DAG {spec.dag_id!r} is not partitioned: partition_key cannot be used")
    try:
        return None if by_time is None else by_time.date_of(partition_key)
    except ValueError as exc:
        raise BadRequest(
            f"The partition key {partition_key!r} cannot be used with the DAG {spec.dag_id!r}: {exc}"
        ) from exc


def _data_interval(spec: DagSpec, body: TriggerDAGRunPostBody, logical_date: datetime) -> DataInterval:
    """As asked for, or as the DAG's timetable says of a run for that date."""
    start, end = _in_utc(body.data_interval_start), _in_utc(body.data_interval_end)
    if start is not None and end is not None:
        return DataInterval(start, end)
    return manual_interval_of(spec, logical_date)


def _checked(run_id: str) -> str:
    if ".." in run_id:
        raise BadRequest(f"The run id {run_id!r} must not contain '..': it becomes part of paths")
    if not ALLOWED_RUN_ID.fullmatch(run_id):
        raise BadRequest(f"The run id {run_id!r} may hold only letters, digits and _.~:+-")
    reserved = next((prefix for prefix in RESERVED_PREFIXES if run_id.startswith(prefix)), None)
    if reserved:
        raise BadRequest(f"The run id {run_id!r} cannot be used for a manual run: {reserved!r} is reserved")
    return run_id


def told_apart(run: NewDagRun, body: TriggerDAGRunPostBody, entropy: UUID) -> NewDagRun | None:
    """The run under an id with a random end, if all that it can share with another is the moment at which both were
    asked for; None = its id or its date is taken."""
    if body.dag_run_id or body.run_after or run.logical_date is not None:
        return None
    return replace(run, run_id=with_suffix(run.run_id, entropy))


def _made_up(spec: DagSpec, run_after: datetime, entropy: UUID) -> str:
    run_id = run_id_of(MANUAL, run_after)
    return run_id if partitions_of(spec.timetable) is None else with_suffix(run_id, entropy, "__")


def _in_utc(moment: datetime | None) -> datetime | None:
    """The moment in UTC; one without a zone is taken for UTC."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
