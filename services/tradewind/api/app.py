"""The ASGI application: routes, guards, errors."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from tradewind.api.access import permissions
from tradewind.api.access.coverage import check_coverage
from tradewind.api.access.guard import require_access, watch_login
from tradewind.api.asset_states import routes as asset_states
from tradewind.api.catalogue import routes as catalogue
from tradewind.api.configuration import routes as configuration
from tradewind.api.connection_tests import handing_over
from tradewind.api.connection_tests import routes as connection_tests
from tradewind.api.dag_files import routes as dag_files
from tradewind.api.errors import REFUSED, documented, install_error_handlers
from tradewind.api.event_log import routes as event_log
from tradewind.api.execution.routers import ROUTERS as EXECUTION
from tradewind.api.hardening.headers import SecurityHeaders
from tradewind.api.hardening.other_sites import let_in_other_sites
from tradewind.api.installed import routes as installed
from tradewind.api.listing import routes as listing
from tradewind.api.middleware import RequestMiddleware
from tradewind.api.partitions import routes as partitions
from tradewind.api.routes import (
    assets,
    backfills,
    clearing,
    connections,
    dag_runs,
    dag_versions,
    dags,
    deletions,
    events,
    execution,
    execution_assets,
    execution_bundles,
    execution_questions,
    execution_readers,
    execution_state_stores,
    execution_xcoms,
    explanations,
    extra_links,
    fleet,
    hitl,
    import_errors,
    logs,
    marks,
    monitor,
    next_runs,
    pools,
    running_by_hand,
    service,
    task_instances,
    task_states,
    tasks,
    variables,
    waiting,
    webhooks,
    xcoms,
)
from tradewind.api.routes.identity import api_tokens, browser, oidc, tokens, users
from tradewind.api.state import ApiState
from tradewind.service.metrics import Telemetry

GUARDED = (
    # The first match answers: what is called often comes first, and a literal path before one that takes anything.
    dag_runs.router,
    assets.router,
    xcoms.router,
    logs.router,
    extra_links.router,
    explanations.router,
    hitl.router,
    task_states.router,
    listing.router,
    task_instances.router,
    tasks.router,
    dags.router,
    clearing.router,
    partitions.router,
    marks.router,
    running_by_hand.router,
    deletions.router,
    dag_versions.router,
    backfills.router,
    next_runs.router,
    catalogue.router,
    dag_files.router,
    asset_states.router,
    import_errors.router,
    pools.router,
    fleet.router,
    installed.router,
    events.router,
    waiting.router,
    webhooks.router,
    configuration.router,
    variables.router,
    connection_tests.router,
    connections.router,
    browser.guarded,
    users.router,
    api_tokens.router,
    permissions.router,
    event_log.router,
)


def create_app(state: ApiState, telemetry: Telemetry, *, is_checked: bool = True) -> FastAPI:
    """The application over `state`, which its lifespan hands to every request. `is_checked`: each route is held against
    the table of rights first, for which all must be built, which takes 0.3 s."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[ApiState]:
        yield state

    settings = state["settings"]
    app = FastAPI(
        title="Tradewind API",
        description="Airflow's public REST API v2 (`/api/v2`), and what task processes use (`/execution`).",
        version=version("tradewind"),
        lifespan=lifespan,
        responses=REFUSED,
        generate_unique_id_function=_operation_id,
        redoc_url=None,
        root_path=urlsplit(settings.api.base_url or "").path.rstrip("/"),
    )
    for router in (tokens.router, browser.router, oidc.router):
        app.include_router(router, dependencies=[Depends(watch_login)])
    app.include_router(monitor.router)
    app.include_router(webhooks.deliveries)
    for router in GUARDED:
        guards = [Depends(require_access)]
        app.include_router(router, dependencies=guards, responses=documented(401, 403))
    for execution_router in (
        *EXECUTION,
        execution.router,
        execution_xcoms.router,
        execution_questions.router,
        execution_readers.router,
        handing_over.router,
        execution_state_stores.router,
        execution_assets.router,
        execution_bundles.router,
    ):
        app.include_router(execution_router)
    app.include_router(service.router)
    if is_checked:
        check_coverage(app)
    install_error_handlers(app)
    let_in_other_sites(app, settings.api)
    app.add_middleware(
        RequestMiddleware,
        headers=SecurityHeaders(settings.api.base_url),
        max_body_bytes=settings.api_server.max_request_bytes,
        max_body_seconds=settings.api_server.max_request_seconds,
        new_id=state["new_id"],
        telemetry=telemetry,
    )
    return app


def _operation_id(route: APIRoute) -> str:
    """Airflow's operation ids are the names of the functions."""
    return route.name
