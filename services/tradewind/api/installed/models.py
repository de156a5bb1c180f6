"""Jobs, providers and plugins."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from tradewind.api.models.base import ApiModel
from tradewind.api.models.queries import PageQuery
from tradewind.api.models.task_instances import JobResponse

Destination = Literal["nav", "dag", "dag_run", "task", "task_instance", "base"]
ReactDestination = Literal["nav", "dag", "dag_run", "task", "task_instance", "base", "dashboard"]


class JobListQuery(PageQuery):
    """`GET /jobs`."""

    is_alive: bool | None = None
    start_date_gte: datetime | None = None
    start_date_gt: datetime | None = None
    start_date_lte: datetime | None = None
    start_date_lt: datetime | None = None
    end_date_gte: datetime | None = None
    end_date_gt: datetime | None = None
    end_date_lte: datetime | None = None
    end_date_lt: datetime | None = None
    order_by: list[str] = Field(default_factory=lambda: ["id"])
    job_state: str | None = None
    job_type: str | None = None
    hostname: str | None = None
    executor_class: str | None = None


class JobCollectionResponse(ApiModel):
    """A page of jobs."""

    jobs: list[JobResponse]
    total_entries: int


class ProviderResponse(ApiModel):
    """An installed provider package."""

    package_name: str
    description: str
    version: str
    documentation_url: str | None


class ProviderCollectionResponse(ApiModel):
    """A page of providers."""

    providers: list[ProviderResponse]
    total_entries: int


class FastAPIAppResponse(ApiModel):
    """An application that a plugin brings for Airflow's web server."""

    app: str
    url_prefix: str
    name: str


class FastAPIRootMiddlewareResponse(ApiModel):
    """A middleware that a plugin brings for Airflow's web server."""

    middleware: str
    name: str


class AppBuilderViewResponse(ApiModel):
    """A view of Airflow's older web server."""

    name: str | None = None
    category: str | None = None
    view: str | None = None
    label: str | None = None


class AppBuilderMenuItemResponse(ApiModel):
    """An entry of the menu of Airflow's older web server."""

    name: str
    href: str
    category: str | None = None


class PageLink(ApiModel):
    """Where a page of a plugin stands in Airflow's web interface."""

    name: str
    icon: str | None = None
    icon_dark_mode: str | None = None
    url_route: str | None = None
    category: str | None = None
    nav_top_level: bool | None = False


class ExternalViewResponse(PageLink):
    """A page elsewhere."""

    href: str
    destination: Destination = "nav"


class ReactAppResponse(PageLink):
    """A page that a bundle of scripts draws."""

    bundle_url: str
    destination: ReactDestination = "nav"


class PluginResponse(ApiModel):
    """A plugin, as its source says. What it brings for Airflow's web server is not acted on."""

    name: str
    macros: list[str]
    flask_blueprints: list[str]
    fastapi_apps: list[FastAPIAppResponse]
    fastapi_root_middlewares: list[FastAPIRootMiddlewareResponse]
    external_views: list[ExternalViewResponse]
    react_apps: list[ReactAppResponse]
    appbuilder_views: list[AppBuilderViewResponse]
    appbuilder_menu_items: list[AppBuilderMenuItemResponse]
    global_operator_extra_links: list[str]
    operator_extra_links: list[str]
    source: str
    listeners: list[str]
    timetables: list[str]


class PluginCollectionResponse(ApiModel):
    """A page of plugins."""

    plugins: list[PluginResponse]
    total_entries: int


class PluginImportErrorResponse(ApiModel):
    """A file of the plugins folder that is no Python, and why."""

    source: str
    error: str


class PluginImportErrorCollectionResponse(ApiModel):
    """All of them."""

    import_errors: list[PluginImportErrorResponse]
    total_entries: int


class SliceQuery(PageQuery):
    """`GET /providers` and `GET /plugins`: which part of the list."""
