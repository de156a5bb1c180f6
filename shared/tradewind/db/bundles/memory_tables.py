"""Tables of DAG bundles in the in-memory store."""

from dataclasses import dataclass, field
from datetime import datetime

from tradewind.core.bundles import BundleVersion


@dataclass(slots=True, kw_only=True)
class BundleVersionTableRow:
    """Table `dag_bundle_version`."""

    version: BundleVersion
    left_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class MemoryBundles:
    """Tables `bundle_blob`, `bundle_manifest`, `dag_bundle_version` and `dag_bundle`."""

    blobs: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Compressed contents, by digest."""
    manifests: dict[str, tuple[bytes, tuple[str, ...]]] = field(
        default_factory=dict[str, tuple[bytes, tuple[str, ...]]]
    )
    """Digest → compressed text, digests of its blobs."""
    versions: dict[tuple[str, str], BundleVersionTableRow] = field(
        default_factory=dict[tuple[str, str], BundleVersionTableRow]
    )
    """By name of the bundle and version."""
    current: dict[str, str | None] = field(default_factory=dict[str, str | None])
    errors: dict[str, str] = field(default_factory=dict[str, str])
