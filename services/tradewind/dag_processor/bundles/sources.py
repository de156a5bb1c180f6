"""Where the bundles of this dag processor come from: folders, repositories, and what cannot be used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tradewind.core.bundle_list import BrokenBundle, GitBundle, LocalBundle
from tradewind.dag_processor.bundles.git.repository import GitRepository
from tradewind.dag_processor.bundles.keeper import PlainFolder, Source
from tradewind.dag_processor.settings import DagProcessorSettings
from tradewind.service.dag_roots import DagRoot, configured_bundles, dag_roots

STORAGE_FOLDER: Final = "dag_bundles"
SHORTEST_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSources:
    """All bundles that are configured."""

    folders: tuple[DagRoot, ...]
    """Of bundles that people write to."""
    repositories: tuple[tuple[GitBundle, GitRepository], ...]
    broken: Mapping[str, str]
    """Name → what is wrong with it."""
    listing_interval_seconds: float
    """As often as the most impatient of the bundles asks for, at most once a second."""

    @property
    def roots(self) -> tuple[DagRoot, ...]:
        """Every folder of DAG files."""
        return (*self.folders, *(repository.root for _, repository in self.repositories))

    @property
    def names(self) -> tuple[str, ...]:
        """Of all bundles."""
        return (*(root.bundle_name for root in self.roots), *self.broken)

    def of(self, root: DagRoot) -> Source:
        """What says which version the root shows."""
        found = (repository for bundle, repository in self.repositories if bundle.name == root.bundle_name)
        return next(found, None) or PlainFolder()


def bundle_sources(settings: DagProcessorSettings) -> BundleSources:
    """As the settings say; raises `ConfigError`."""
    group, bundles = settings.dag_processor, configured_bundles(settings)
    storage = group.dag_bundle_storage_path or settings.home / STORAGE_FOLDER
    repositories = [
        (bundle, GitRepository(bundle, storage.absolute() / bundle.name, timeout_seconds=group.git_timeout_seconds))
        for bundle in bundles
        if isinstance(bundle, GitBundle)
    ]
    return BundleSources(
        folders=dag_roots(settings),
        repositories=tuple(repositories),
        broken={bundle.name: bundle.error for bundle in bundles if isinstance(bundle, BrokenBundle)},
        listing_interval_seconds=_listing_interval(bundles, group.refresh_interval_seconds),
    )


def _listing_interval(bundles: Sequence[object], default: float) -> float:
    own = (bundle.refresh_interval_seconds for bundle in bundles if isinstance(bundle, LocalBundle))
    return min((default if seconds is None else max(SHORTEST_SECONDS, seconds) for seconds in own), default=default)
