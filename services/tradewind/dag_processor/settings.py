"""Settings of the dag processor."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from tradewind.core.bundles import BundleLimits
from tradewind.service.settings import BundleListSettings, ServiceSettings


class DagProcessorGroup(BundleListSettings, frozen=True):
    """What Airflow keeps in [dag_processor]."""

    parsing_processes: Annotated[int, Meta(ge=1)] = 2
    """DAG files parsed at once. Files that take longer than `slow_parse_seconds` stop counting."""
    slow_parsing_processes: Annotated[int, Meta(ge=0)] = 8
    """Files that may hang at once (each until its timeout) without holding up the others."""
    slow_parse_seconds: Annotated[float, Meta(gt=0)] = 2.0
    """When a parse counts as slow: well above what an import of heavy libraries takes."""
    request_processes: Annotated[int, Meta(ge=1)] = 8
    """Custom timetables and DAG callbacks that run at once; one that hangs holds one of these until its timeout."""
    request_timeout_seconds: Annotated[float, Meta(gt=0)] = 30.0
    """How long a custom timetable or a DAG's callbacks may take, the import of the file included."""
    request_interval_seconds: Annotated[float, Meta(gt=0)] = 1.0
    """How long at most a request stays unseen whose message was lost."""
    stored_values_interval_seconds: Annotated[float, Meta(gt=0)] = 2.0
    """How soon a file is parsed again whose import read a Variable or Connection that was changed."""
    bundle_file_max_bytes: Annotated[int, Meta(ge=1, le=48 * 1024 * 1024)] = 32 * 1024 * 1024
    """The largest file that travels to workers with its bundle."""
    bundle_max_bytes: Annotated[int, Meta(ge=1)] = 256 * 1024 * 1024
    """All files of one version of a bundle together; a bundle that is larger is not stored."""
    bundle_max_files: Annotated[int, Meta(ge=1)] = 20_000
    bundle_retention_seconds: Annotated[float, Meta(ge=600.0)] = 24 * 3600.0
    """How long a version of a bundle stays in the database after it was replaced, although no DAG version and no run
    names it. Runs that take the latest code fetch it in that time."""
    bundle_collection_interval_seconds: Annotated[float, Meta(gt=0)] = 600.0
    """How often versions are looked for that are to go."""
    dag_bundle_storage_path: Path | None = None
    """Where repositories of Git bundles are kept. Unset: `dag_bundles` under the home folder. What is lost there is
    fetched again."""
    git_timeout_seconds: Annotated[float, Meta(gt=0)] = 300.0
    """How long one Git command may take: a fetch of one commit, a checkout."""
    refresh_interval_seconds: Annotated[float, Meta(gt=0)] = 30.0
    """How often the folders are listed in full. File events come first; the listing finds what they missed
    (network file systems send none) and costs a `stat` per file. Also how often Git bundles ask their repositories,
    unless they have a `refresh_interval` of their own."""

    @property
    def bundle_limits(self) -> BundleLimits:
        """How much of each bundle is stored."""
        return BundleLimits(
            file_bytes=self.bundle_file_max_bytes, bundle_bytes=self.bundle_max_bytes, files=self.bundle_max_files
        )


class DagProcessorSettings(ServiceSettings, frozen=True):
    """`TRADEWIND__DAG_PROCESSOR__…`, and what every service has."""

    dag_processor: DagProcessorGroup = msgspec.field(default_factory=DagProcessorGroup)  # pyright: ignore[reportIncompatibleVariableOverride] - read only: settings are frozen
