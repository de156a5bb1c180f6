"""`/execution/bundles`: the code that an attempt is to run, for a worker that does not have it.

A worker asks with the token of the attempt that it was granted, and gets what the attempt's run is bound to; a run that
takes the latest code may ask for any version. Not found is 404 with `reason` `not_found`.
"""

import asyncio
import io
import tarfile
import zlib
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Path, Response

from tradewind.api.dependencies import AttemptDep, StateDep
from tradewind.api.errors import NoSuchThing, documented
from tradewind.api.models.execution import BundleBlobsBody
from tradewind.db.api import bundles as queries
from tradewind.db.pool import Row

router = APIRouter(prefix="/execution/bundles", tags=["Execution"], responses=documented(401, 403, 404, 409, 410))

ARCHIVE_MAX_BYTES: Final = 16 * 1024 * 1024
"""Of compressed contents in one answer; whoever wants more asks again. A single file may be larger."""
TAR_TYPE: Final = "application/x-tar"

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.get("/{digest}", response_class=Response)
async def get_bundle_manifest(digest: Digest, state: StateDep, attempt: AttemptDep) -> Response:
    """What a version of a bundle consists of: the canonical JSON text whose sha256 is `digest`."""
    content = await _manifest(digest, state, attempt)
    return Response(zlib.decompress(content), media_type="application/json")


@router.post("/{digest}/blobs", response_class=Response)
async def get_bundle_blobs(digest: Digest, body: BundleBlobsBody, state: StateDep, attempt: AttemptDep) -> Response:
    """Contents of files of the version, as a tar archive: a member named by its digest for each, compressed by zlib. At
    least one of those asked for, in their order, as many as one answer may hold."""
    await _manifest(digest, state, attempt)
    rows = await queries.list_blobs(state["database"], digest, body.digests, ARCHIVE_MAX_BYTES)
    if not rows:
        raise NoSuchThing(f"The bundle {digest} has none of these files")
    return Response(await asyncio.to_thread(_archive, rows), media_type=TAR_TYPE)


async def _manifest(digest: str, state: StateDep, attempt: AttemptDep) -> bytes:
    content = await queries.get_manifest(state["database"], attempt.attempt_id, digest)
    if content is None:
        raise NoSuchThing(f"There is no content {digest} of a bundle for the run {attempt.run_id!r}")
    return content


def _archive(rows: Sequence[Row]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for row in rows:
            member = tarfile.TarInfo(row["digest"])
            member.size = len(row["content"])
            archive.addfile(member, io.BytesIO(row["content"]))
    return buffer.getvalue()
