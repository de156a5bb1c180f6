"""`/api/v2/jobs`, `/api/v2/providers` and `/api/v2/plugins`."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.installed.models import (
    JobCollectionResponse,
    JobListQuery,
    PluginCollectionResponse,
    PluginImportErrorCollectionResponse,
    ProviderCollectionResponse,
    SliceQuery,
)
from tradewind.api.installed.packages import installed_providers, plugin_entry_points
from tradewind.api.installed.plugin_files import FoundPlugins, installed_plugin, plugins_in
from tradewind.api.models.task_instances import JobResponse
from tradewind.api.presenting import plain
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.state import ApiState
from tradewind.db.api.fleet import list_jobs
from tradewind.sdk.plugins import plugins_folder

router = APIRouter(prefix="/api/v2")

Slice = Annotated[SliceQuery, Depends(parsed(SliceQuery))]


@router.get("/jobs", tags=["Job"], responses=documented(400), openapi_extra=documented_query(JobListQuery))
async def get_jobs(
    query: Annotated[JobListQuery, Depends(parsed(JobListQuery))], state: StateDep
) -> JobCollectionResponse:
    """A page of the processes that are known by their heartbeats; those lost stay listed for a time."""
    page = await list_jobs(state["database"], query.filters(), query.page(), state["clock"]())
    return JobCollectionResponse(jobs=[plain(JobResponse, row) for row in page.rows], total_entries=page.total_entries)


@router.get("/providers", tags=["Provider"], openapi_extra=documented_query(SliceQuery))
async def get_providers(query: Slice) -> ProviderCollectionResponse:
    """The provider packages that are installed beside this API, by name."""
    found, page = await asyncio.to_thread(installed_providers), query.page()
    return ProviderCollectionResponse(
        providers=list(found[page.offset : page.offset + page.limit]), total_entries=len(found)
    )


@router.get("/plugins", tags=["Plugin"], openapi_extra=documented_query(SliceQuery))
async def get_plugins(query: Slice, state: StateDep) -> PluginCollectionResponse:
    """The plugins of the plugins folder and of installed packages, as far as this API sees them, by name."""
    found, page = (await asyncio.to_thread(_found, state)).plugins, query.page()
    return PluginCollectionResponse(plugins=found[page.offset : page.offset + page.limit], total_entries=len(found))


@router.get("/plugins/importErrors", tags=["Plugin"])
async def import_errors(state: StateDep) -> PluginImportErrorCollectionResponse:
    """The files of the plugins folder that are no Python."""
    errors = (await asyncio.to_thread(_found, state)).errors
    return PluginImportErrorCollectionResponse(import_errors=errors, total_entries=len(errors))


def _found(state: ApiState) -> FoundPlugins:
    found = plugins_in(plugins_folder(state["settings"].dags_folder))
    installed = [installed_plugin(*each) for each in plugin_entry_points()]
    return FoundPlugins(sorted((*found.plugins, *installed), key=lambda plugin: plugin.name), found.errors)
