"""`/health` and `/metrics` of the API itself: open, like those of every other service."""

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from tradewind.api.dependencies import StateDep
from tradewind.service.health import health_body, run_checks

router = APIRouter(include_in_schema=False)


@router.get("/health")
async def health(state: StateDep) -> Response:
    """200 while the database and the broker answer and the API's loops turn, else 503."""
    status, body = health_body(await run_checks(state["checks"], state["registry"]))
    return Response(body, status_code=status, media_type="application/json")


@router.get("/metrics")
async def metrics(state: StateDep) -> Response:
    """Prometheus' text format."""
    return Response(generate_latest(state["registry"]), media_type=CONTENT_TYPE_LATEST)
