"""`/dagSources`: the text that a version was made of; `/parseDagFile`: a file is wanted parsed."""

import hashlib
import zlib
from collections.abc import Sequence

import pytest

from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.bus.memory import MemoryBus
from tradewind.core.rows import DagFileParse
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.db.parse_requests import WantedParse
from tradewind.service.clock import utc_now
from tradewind.wire.codec import decode
from tradewind.wire.messages import DagRequestsCreated
from tradewind.wire.queues import DAG_REQUESTS

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def write(scene: Scene, dag_id: str, content: bytes, *, tasks: int = 1, is_stored: bool = True) -> None:
    """Parse a file of this content, with or without its content having been stored before."""
    digest = hashlib.sha256(content).hexdigest()
    if is_stored:
        await scene.store.write_bundle_blobs({digest: (len(content), zlib.compress(content))})
    ids = tuple(TaskSpec(task_id=f"t{number}") for number in range(tasks))
    spec = DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=ids, dag_display_name="Nice")
    parse = DagFileParse(relative_fileloc=f"{dag_id}.py", file_digest=digest, specs=(spec,), duration_seconds=0.25)
    await scene.store.write_dag_files([parse], utc_now())


async def test_each_version_has_its_own_source(api: ApiServer, scene: Scene, dag_id: str) -> None:
    path = f"/api/v2/dagSources/{dag_id}"
    await write(scene, dag_id, b"one = '\xc3\xa4'\n")
    await scene.database.fetch("UPDATE dag SET is_paused = false WHERE dag_id = $1", dag_id)
    assert (await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={})).status_code == 200
    await write(scene, dag_id, b"two = 2 \xff\n", tasks=2)

    latest = (await api.client.get(path)).json()
    first = (await api.client.get(path, params={"version_number": 1})).json()
    text = await api.client.get(path, params={"version_number": 1}, headers={"Accept": "text/plain, */*;q=0.1"})
    image = await api.client.get(path, headers={"Accept": "image/png"})
    missing = [
        await api.client.get(path, params={"version_number": 3}),
        await api.client.get("/api/v2/dagSources/no_such_dag"),
    ]

    shown = {"dag_id": dag_id, "dag_display_name": "Nice"}
    assert latest == {**shown, "version_number": 2, "content": "two = 2 \ufffd\n"}
    assert first == {**shown, "version_number": 1, "content": "one = 'ä'\n"}
    assert (text.text, text.headers["content-type"]) == ("one = 'ä'\n", "text/plain; charset=utf-8")
    assert (image.status_code, [answer.status_code for answer in missing]) == (406, [404, 404])


async def test_a_source_that_was_not_stored_is_the_file_if_that_is_unchanged(
    api: ApiServer, scene: Scene, dag_id: str
) -> None:
    path, file = f"/api/v2/dagSources/{dag_id}", api.settings.dags_folder / f"{dag_id}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("here = 1\n")
    await write(scene, dag_id, b"here = 1\n", is_stored=False)

    unchanged = (await api.client.get(path)).json()["content"]
    file.write_text("here = 2\n")
    changed = await api.client.get(path)
    file.unlink()

    assert unchanged == "here = 1\n"
    assert (changed.status_code, "never stored" in changed.json()["detail"]) == (404, True)


async def wanted(scene: Scene, dag_id: str) -> Sequence[WantedParse]:
    return [each for each in await scene.store.wanted_parses(1000) if each.relative_fileloc == f"{dag_id}.py"]


async def test_a_file_is_wanted_by_the_token_that_its_dag_shows(api: ApiServer, scene: Scene, dag_id: str) -> None:
    await write(scene, dag_id, b"x = 1\n")
    token = (await api.client.get(f"/api/v2/dags/{dag_id}")).json()["file_token"]
    listed = (await api.client.get("/api/v2/dags", params={"dag_id_prefix_pattern": dag_id})).json()["dags"]

    async with MemoryBus(api.broker).subscribe(DAG_REQUESTS) as messages:
        answer = await api.client.put(f"/api/v2/parseDagFile/{token}")
        message = await anext(aiter(messages))

    assert (answer.status_code, answer.json()) == (201, None)
    assert decode(message.body, DagRequestsCreated).count == 1
    assert len(await wanted(scene, dag_id)) == 1
    assert [(dag["file_token"], dag["last_parse_duration"]) for dag in listed] == [(token, 0.25)]


async def test_no_other_token_has_a_file_parsed(api: ApiServer, scene: Scene, dag_id: str) -> None:
    await write(scene, dag_id, b"x = 1\n")
    token = (await api.client.get(f"/api/v2/dags/{dag_id}")).json()["file_token"]
    of_nothing = api.signer.mint_file_token("no such file.py")

    for each in (token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), of_nothing, api.token, "../etc/passwd", "x"):
        answer = await api.client.put(f"/api/v2/parseDagFile/{each}")
        assert answer.status_code == 404, each
    assert await wanted(scene, dag_id) == []
    as_login = await api.client.get("/api/v2/dags", headers={"Authorization": f"Bearer {token}"})
    assert as_login.status_code in (401, 403)
