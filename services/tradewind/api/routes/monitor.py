"""`/api/v2/version` and `/api/v2/monitor`: open to everybody, as in Airflow."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib.metadata import version

from fastapi import APIRouter

from tradewind.api.dependencies import StateDep
from tradewind.api.models.monitor import (
    BaseInfoResponse,
    DagProcessorInfoResponse,
    HealthInfoResponse,
    SchedulerInfoResponse,
    ServiceInfoResponse,
    TriggererInfoResponse,
    VersionInfo,
)
from tradewind.core.errors import AdapterError
from tradewind.db.api.admin import list_heartbeats

router = APIRouter(prefix="/api/v2", tags=["Monitor"])

HEALTHY, UNHEALTHY = "healthy", "unhealthy"


@router.get("/version", tags=["Version"])
async def get_version() -> VersionInfo:
    """Version of Tradewind."""
    return VersionInfo(version=version("tradewind"))


@router.get("/monitor/health")
async def get_health(state: StateDep) -> HealthInfoResponse:
    """Which services the database has heard of lately."""
    try:
        heard = await list_heartbeats(state["database"])
    except AdapterError:
        return _health({}, UNHEALTHY, alive_since=state["clock"]())
    patience = timedelta(seconds=state["settings"].leases.lease_seconds)
    return _health(heard, HEALTHY, alive_since=state["clock"]() - patience)


def _health(heard: Mapping[str, datetime | None], metadatabase: str, *, alive_since: datetime) -> HealthInfoResponse:
    def status(service: str, *, is_optional: bool = True) -> str | None:
        latest = heard.get(service)
        if latest is None:
            return None if is_optional and metadatabase == HEALTHY else UNHEALTHY
        return HEALTHY if latest >= alive_since else UNHEALTHY

    def latest(service: str) -> str | None:
        moment = heard.get(service)
        return None if moment is None else moment.isoformat()

    return HealthInfoResponse(
        metadatabase=BaseInfoResponse(status=metadatabase),
        scheduler=SchedulerInfoResponse(
            status=status("scheduler", is_optional=False), latest_scheduler_heartbeat=latest("scheduler")
        ),
        triggerer=TriggererInfoResponse(status=status("triggerer"), latest_triggerer_heartbeat=latest("triggerer")),
        dag_processor=DagProcessorInfoResponse(
            status=status("dag_processor"), latest_dag_processor_heartbeat=latest("dag_processor")
        ),
        dispatcher=ServiceInfoResponse(status=status("dispatcher"), latest_heartbeat=latest("dispatcher")),
        collector=ServiceInfoResponse(status=status("collector"), latest_heartbeat=latest("collector")),
        worker=ServiceInfoResponse(status=status("worker"), latest_heartbeat=latest("worker")),
    )
