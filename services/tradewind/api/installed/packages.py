"""Installed packages that add to Airflow, by what their distributions say of themselves: nothing of theirs is imported.

What is installed does not change while a process lives, so it is looked at once.
"""

from functools import cache
from importlib.metadata import Distribution, EntryPoint, PackageMetadata, distributions

from tradewind.api.installed.models import ProviderResponse

PROVIDERS = "apache_airflow_provider"
PLUGINS = "airflow.plugins"


@cache
def installed_providers() -> tuple[ProviderResponse, ...]:
    """Provider packages, by name."""
    found = {
        distribution.name: _provider(distribution)
        for distribution in distributions()
        if distribution.entry_points.select(group=PROVIDERS)
    }
    return tuple(found[name] for name in sorted(found))


@cache
def plugin_entry_points() -> tuple[tuple[Distribution, EntryPoint], ...]:
    """Entry points of plugins, each with its distribution."""
    return tuple(
        (distribution, entry)
        for distribution in distributions()
        for entry in distribution.entry_points.select(group=PLUGINS)
    )


def _provider(distribution: Distribution) -> ProviderResponse:
    told = distribution.metadata
    return ProviderResponse(
        package_name=distribution.name,
        description=(told["Summary"] or "") if "Summary" in told else "",
        version=distribution.version,
        documentation_url=_documentation_url(told),
    )


def _documentation_url(told: PackageMetadata) -> str | None:
    urls = [text.partition(",") for text in told.get_all("Project-URL") or ()]
    named = {label.strip().lower(): url.strip() for label, _, url in urls}
    return named.get("documentation") or named.get("homepage")
