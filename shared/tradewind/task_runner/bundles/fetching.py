"""Laying a version out from what is here and what the execution API has. Blocks: called in a thread."""

import io
import tarfile
from collections.abc import Sequence

from tradewind.core.bundles import InvalidManifest, Manifest, decode_manifest
from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.service.bundle_folder import BundleFolder
from tradewind.task_runner.bundles.cache import BundleCache, BundleMismatch
from tradewind.task_runner.bundles.port import BundleUnavailable
from tradewind.task_runner.execution_api.client import ExecutionClient

ASKED_MAX = 2_000
"""Digests in one request; the API answers with as many as fit into one archive."""


def fetch(cache: BundleCache, digest: str, client: ExecutionClient, own: BundleFolder | None) -> Manifest:
    """Have the version in the cache, held and checked. `own`: a folder that may have some of its files. Raises
    `BundleUnavailable`."""
    try:
        cache.hold(digest)
        if (found := cache.found(digest)) is not None:
            return found
        manifest = decode_manifest(client.get_bundle_manifest(digest), digest)
        if own is not None:
            _take_own(cache, manifest, own)
        while missing := cache.missing(manifest):
            _take_archive(cache, manifest, missing, client.get_bundle_blobs(digest, missing[:ASKED_MAX]))
        cache.lay_out(manifest)
    except (InvalidManifest, BundleMismatch) as exc:
        raise BundleUnavailable(f"the bundle {digest} is not what it is to be: {exc}") from exc
    except AirflowRuntimeError as exc:
        raise BundleUnavailable(f"the bundle {digest} cannot be fetched: {exc}") from exc
    except OSError as exc:
        raise BundleUnavailable(f"the bundle {digest} cannot be laid out: {exc}") from exc
    finally:
        client.close()
    return manifest


def _take_own(cache: BundleCache, manifest: Manifest, own: BundleFolder) -> None:
    lacking = dict.fromkeys(cache.missing(manifest))
    for file in manifest.files.values():
        if file.digest in lacking and (content := own.content_of(file)) is not None:
            cache.add(file.digest, content)


def _take_archive(cache: BundleCache, manifest: Manifest, wanted: Sequence[str], archive: bytes) -> None:
    sizes, taken = manifest.blobs, 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as members:
            for member in members:
                source = members.extractfile(member) if member.isreg() else None
                if source is None or member.name not in sizes:
                    raise BundleMismatch(f"the archive has {member.name!r}, which nobody asked for")
                cache.add_compressed(member.name, sizes[member.name], source.read())
                taken += 1
    except tarfile.TarError as exc:
        raise BundleMismatch(f"the archive cannot be read: {exc}") from exc
    if taken == 0:
        raise BundleMismatch(f"the execution API has no content {wanted[0]}")
