"""`/execution/bundles`: an attempt gets the code that its run is bound to, checked on the way, and nothing else."""

import asyncio
import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.core.bundles import DAGS_FOLDER_BUNDLE, BundleFile, BundleVersion, Manifest, manifest_of
from tradewind.core.rows import DagFileParse
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.db.pool import Database
from tradewind.db.postgres.store import PostgresStore
from tradewind.service.clock import utc_now
from tradewind.task_runner.bundles.cache import BundleCache
from tradewind.task_runner.bundles.fetching import fetch
from tradewind.task_runner.bundles.port import BundleUnavailable
from tradewind.task_runner.execution_api.client import ExecutionClient

pytestmark = pytest.mark.asyncio(loop_scope="session")

TASK = TaskSpec(task_id="work")


async def stored(database: Database, contents: Sequence[bytes]) -> Manifest:
    """A version of the DAGs folder that is current."""
    store, digests = PostgresStore(database), [hashlib.sha256(content).hexdigest() for content in contents]
    files = [BundleFile(f"{n}.py", digest, 0o644, len(contents[n])) for n, digest in enumerate(digests)]
    manifest = manifest_of(files)
    named = BundleVersion(name=DAGS_FOLDER_BUNDLE, version=manifest.digest, digest=manifest.digest)
    await store.begin_bundle_version(named, zlib.compress(manifest.content), digests, utc_now())
    blobs = {digest: (len(c), zlib.compress(c)) for digest, c in zip(digests, contents, strict=True)}
    await store.write_bundle_blobs(blobs)
    await store.set_bundle_version(named, (), utc_now())
    return manifest


async def token_of_a_run(api: ApiServer, scene: Scene, dag_id: str, version: str) -> str:
    spec = DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(TASK,), is_paused_upon_creation=False)
    parse = DagFileParse(relative_fileloc=f"{dag_id}.py", file_digest="d", specs=(spec,), bundle_version=version)
    await scene.store.write_dag_files([parse], utc_now())
    made = await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None})
    assert made.json()["bundle_version"] == version
    [run] = await scene.start_runs(dag_id)
    return api.signer.mint_attempt_token((await scene.start_attempt(run, TASK)).claims)


async def test_an_attempt_gets_what_its_run_is_bound_to(
    api: ApiServer, scene: Scene, dag_id: str, tmp_path: Path
) -> None:
    database = scene.database
    bound = await stored(database, [b"print('one')", b"x" * 100_000])
    token = await token_of_a_run(api, scene, dag_id, bound.digest)
    other = await stored(database, [b"print('two')"])
    async with httpx.AsyncClient(base_url=api.url, headers={"Authorization": f"Bearer {token}"}) as http:
        assert (await http.get(f"/execution/bundles/{bound.digest}")).content == bound.content
        assert (await http.get(f"/execution/bundles/{other.digest}")).status_code == 404, "another run's code"
        assert (await http.get("/execution/bundles/../../etc/passwd")).status_code in (404, 422)
        wanted = {"digests": list(other.blobs)}
        assert (await http.post(f"/execution/bundles/{bound.digest}/blobs", json=wanted)).status_code == 404
    async with httpx.AsyncClient(base_url=api.url, timeout=60.0) as nobody:
        assert (await nobody.get(f"/execution/bundles/{bound.digest}")).status_code == 401

    cache = BundleCache(tmp_path / "cache", max_bytes=1 << 20)
    fetched = await asyncio.to_thread(fetch, cache, bound.digest, ExecutionClient(api.url, token), None)
    assert fetched == bound
    assert (cache.files_of(bound.digest) / "0.py").read_bytes() == b"print('one')"
    with pytest.raises(BundleUnavailable, match="404"):
        await asyncio.to_thread(fetch, cache, other.digest, ExecutionClient(api.url, token), None)

    damage = "UPDATE bundle_blob SET content = $2 WHERE digest = $1"
    await database.fetch(damage, bound.files["0.py"].digest, zlib.compress(b"print('bad')"))
    fresh = BundleCache(tmp_path / "fresh", max_bytes=1 << 20)
    with pytest.raises(BundleUnavailable, match="it is refused"):
        await asyncio.to_thread(fetch, fresh, bound.digest, ExecutionClient(api.url, token), None)
    assert not fresh.files_of(bound.digest).exists()
