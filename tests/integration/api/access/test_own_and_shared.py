"""What several DAGs share, and what people leave behind."""

import hashlib
import zlib

import httpx
import pytest

from tests.integration.api.access.conftest import As, Narrowed
from tests.integration.api.access.test_single_dags import give
from tests.servers.scene import Scene
from tradewind.core.rows import DagFileParse
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.service.clock import utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_source_is_shown_to_who_may_read_all_dags_of_its_file(
    client: httpx.AsyncClient, log_in_as: As, narrowed: Narrowed, scene: Scene, dag_id: str
) -> None:
    content, own, other = f"# {dag_id}\n".encode(), f"{dag_id}_own", f"{dag_id}_other"
    digest, file = hashlib.sha256(content).hexdigest(), f"{dag_id}.py"
    specs = tuple(
        DagSpec(dag_id=each, relative_fileloc=file, tasks=(TaskSpec(task_id="one"),)) for each in (own, other)
    )
    await scene.store.write_bundle_blobs({digest: (len(content), zlib.compress(content))})
    await scene.store.write_dag_files([DagFileParse(relative_fileloc=file, file_digest=digest, specs=specs)], utc_now())
    somebody = await log_in_as(f"user of {dag_id}", "Public")
    narrow = await narrowed(dag_patterns=[own])

    async def source(reader: httpx.AsyncClient) -> str:
        answer = await reader.get(f"/api/v2/dagSources/{own}")
        assert answer.status_code == 200, answer.text
        return answer.json()["content"]

    await give(client, f"user of {dag_id}", own, "read")
    some = await source(somebody)
    as_text = (await somebody.get(f"/api/v2/dagSources/{own}", headers={"Accept": "text/plain"})).text
    await give(client, f"user of {dag_id}", other, "read")

    assert (some.startswith("REDACTED"), as_text, await source(narrow)) == (True, some, some)
    assert await source(client) == await source(somebody) == content.decode()


async def test_favourites_go_with_the_user(client: httpx.AsyncClient, log_in_as: As, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(TaskSpec(task_id="one"),)))
    name = f"user of {dag_id}"
    assert (await (await log_in_as(name, "Viewer")).post(f"/api/v2/dags/{dag_id}/favorite")).status_code == 204
    assert (await client.delete(f"/auth/users/{name}")).is_success
    again = await log_in_as(name, "Viewer")

    assert (await again.get(f"/api/v2/dags/{dag_id}/details")).json()["is_favorite"] is False
