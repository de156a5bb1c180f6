"""Settings of the dag processor."""

from pathlib import Path

from pydantic import Field

from tradewind.core.bundles import BundleLimits
from tradewind.service.settings import BundleListSettings, ServiceSettings


class DagProcessorGroup(BundleListSettings):
    """What Airflow keeps in [dag_processor]."""

    parsing_processes: int = Field(default=2, ge=1)
    """DAG files parsed at once. Files that take longer than `slow_parse_seconds` stop counting."""
    slow_parsing_processes: int = Field(default=8, ge=0)
    """Files that may hang at once (each until its timeout) without holding up the others."""
    slow_parse_seconds: float = Field(default=2.0, gt=0)
    """When a parse counts as slow: well above what an import of heavy libraries takes."""
    request_processes: int = Field(default=8, ge=1)
    """Custom timetables and DAG callbacks that run at once; one that hangs holds one of these until its timeout."""
    request_timeout_seconds: float = Field(default=30.0, gt=0)
    """How long a custom timetable or a DAG's callbacks may take, the import of the file included."""
    request_interval_seconds: float = Field(default=1.0, gt=0)
    """How long at most a request stays unseen whose message was lost."""
    stored_values_interval_seconds: float = Field(default=2.0, gt=0)
    """How soon a file is parsed again whose import read a Variable or Connection that was changed."""
    bundle_file_max_bytes: int = Field(default=32 * 1024 * 1024, ge=1, le=48 * 1024 * 1024)
    """The largest file that travels to workers with its bundle."""
    bundle_max_bytes: int = Field(default=256 * 1024 * 1024, ge=1)
    """All files of one version of a bundle together; a bundle that is larger is not stored."""
    bundle_max_files: int = Field(default=20_000, ge=1)
    bundle_retention_seconds: float = Field(default=24 * 3600.0, ge=600.0)
    """How long a version of a bundle stays in the database after it was replaced, although no DAG version and no run
    names it. Runs that take the latest code fetch it in that time."""
    bundle_collection_interval_seconds: float = Field(default=600.0, gt=0)
    """How often versions are looked for that are to go."""
    dag_bundle_storage_path: Path | None = None
    """Where repositories of Git bundles are kept. Unset: `dag_bundles` under the home folder. What is lost there is
    fetched again."""
    git_timeout_seconds: float = Field(default=300.0, gt=0)
    """How long one Git command may take: a fetch of one commit, a checkout."""
    refresh_interval_seconds: float = Field(default=30.0, gt=0)
    """How often the folders are listed in full. File events come first; the listing finds what they missed
    (network file systems send none) and costs a `stat` per file. Also how often Git bundles ask their repositories,
    unless they have a `refresh_interval` of their own."""

    @property
    def bundle_limits(self) -> BundleLimits:
        """How much of each bundle is stored."""
        return BundleLimits(
            file_bytes=self.bundle_file_max_bytes, bundle_bytes=self.bundle_max_bytes, files=self.bundle_max_files
        )


class DagProcessorSettings(ServiceSettings):
    """`TRADEWIND__DAG_PROCESSOR__…`, and what every service has."""

    dag_processor: DagProcessorGroup = Field(default_factory=DagProcessorGroup)  # pyright: ignore[reportIncompatibleVariableOverride] - read only: settings are frozen
