"""Triggers whose code is in no folder of this machine run on the version of their task."""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from tests.integration.triggerer.conftest import TRIGGERS, Rig
from tests.polling import poll_until
from tradewind.core.bundles import DAGS_FOLDER_BUNDLE, PLAIN_MODE, BundleFile, BundleVersion, Manifest, manifest_of
from tradewind.core.states import TaskInstanceState
from tradewind.db.bundles.memory_tables import BundleVersionTableRow
from tradewind.task_runner.bundles.cache import BundleCache
from tradewind.triggerer.bundle_code import is_installed

SAYS = """
import os
from helper_of_triggers import TEXT
from tradewind.sdk.triggers.base import BaseTrigger, TriggerEvent

class Says(BaseTrigger):
    def serialize(self):
        return "said_by_bundle.Says", {}
    async def run(self):
        yield TriggerEvent([TEXT, os.getpid(), __file__])
"""


DAG_FILES = tuple(f"dag_{number}.py" for number in range(1, 5))


def version(rig: Rig, text: str, *, dag_files: tuple[str, ...] = DAG_FILES, is_fetched: bool = True) -> Manifest:
    """A version of the bundle, known to the store, and to this machine's cache."""
    files = {"helper_of_triggers.py": f"TEXT = {text!r}", "said_by_bundle.py": SAYS, **dict.fromkeys(dag_files, "")}
    cache = BundleCache(rig.folder / "bundles", max_bytes=1 << 30)
    entries: list[BundleFile] = []
    for name, content in files.items():
        digest = hashlib.sha256(content.encode()).hexdigest()
        entries.append(BundleFile(name, digest, PLAIN_MODE, len(content)))
        cache.add(digest, content.encode())
    manifest = manifest_of(entries)
    if is_fetched:
        cache.lay_out(manifest)
    named = BundleVersion(name=DAGS_FOLDER_BUNDLE, version=text, digest=manifest.digest)
    rig.store.tables.bundles.versions[DAGS_FOLDER_BUNDLE, text] = BundleVersionTableRow(version=named)
    return manifest


@asynccontextmanager
async def an_api_that_has_nothing(asked: asyncio.Event) -> AsyncGenerator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        yield "http://{}:{}".format(*server.sockets[0].getsockname())


async def deferred(rig: Rig, version_: str, trigger: str = "said_by_bundle.Says") -> UUID:
    attempt = await rig.deferred(trigger)
    rig.store.tables.dag_runs[rig.row(attempt).id.dag_run_id].bundle_version = version_
    return attempt


async def test_triggers_of_two_versions_run_side_by_side(rig: Rig) -> None:
    version(rig, "first")
    version(rig, "second")
    first, second = await deferred(rig, "first"), await deferred(rig, "second")
    also_first, own = await deferred(rig, "first"), await rig.deferred("Fire", event="own")
    async with rig.triggerer():
        events = [await rig.event(attempt) for attempt in (first, second, also_first)]
        texts, pids, files = zip(*events, strict=True)
        assert texts == ("first", "second", "first")
        assert pids[0] == pids[2]
        assert len({*pids, (await rig.event(own))[1], os.getpid()}) == 4
    assert all(Path(file).is_relative_to(rig.folder / "bundles" / "versions") for file in files)


async def test_a_dag_file_that_is_here_is_used(rig: Rig) -> None:
    version(rig, "fetched")
    (rig.folder / "dags" / "dag_1.py").write_text("")
    (rig.folder / "dags" / "said_by_bundle.py").write_text(
        SAYS.replace("from helper_of_triggers import TEXT", "TEXT = 1")
    )
    attempt = await deferred(rig, "fetched")
    async with rig.triggerer():
        assert (await rig.event(attempt))[0] == 1


async def test_code_that_cannot_be_had_is_waited_for_and_holds_nobody_up(rig: Rig) -> None:
    manifest = version(rig, "away", is_fetched=False)
    attempt, own = await deferred(rig, "away"), await rig.deferred("Fire", event="own")
    asked = asyncio.Event()
    async with an_api_that_has_nothing(asked) as rig.api_url, rig.triggerer():
        assert (await rig.event(own))[0] == "own"
        await asked.wait()
        assert rig.row(attempt).state is TaskInstanceState.DEFERRED
        BundleCache(rig.folder / "bundles", max_bytes=1 << 30).lay_out(manifest)
        assert (await rig.event(attempt))[0] == "away"


async def test_a_version_without_the_file_fails_the_task_with_the_reason(rig: Rig) -> None:
    version(rig, "other", dag_files=())
    attempt = await deferred(rig, "other")
    async with rig.triggerer():
        assert "has no file 'dag_1.py' in its version" in await rig.event(attempt)


async def test_a_version_that_nobody_waits_for_any_more_keeps_no_process(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradewind.triggerer.placement.IDLE_SECONDS", 0.1)
    version(rig, "once")
    attempt = await deferred(rig, "once")
    async with rig.triggerer(block_seconds=0.2):
        pid = (await rig.event(attempt))[1]
        await poll_until(lambda: not psutil.pid_exists(pid))
        assert (await rig.event(await deferred(rig, "once")))[0] == "once"


async def test_a_process_that_dies_is_replaced_on_the_same_version(rig: Rig) -> None:
    manifest = version(rig, "dying")
    folder = rig.folder / "bundles" / "versions" / manifest.digest / "files"
    (folder / "mortal.py").write_text(TRIGGERS.replace("the_triggers.", "mortal."))
    die, wait = await deferred(rig, "dying", "mortal.Die"), await deferred(rig, "dying")
    async with rig.triggerer():
        assert "ended its process: SIGKILL" in await rig.event(die)
        assert (await rig.event(wait))[0] == "dying"


def test_installed_packages_are_told_from_files_of_bundles() -> None:
    known = ("airflow.triggers.temporal.DateTimeTrigger", "tradewind.sdk.x.Y", "asyncio.Queue", "psutil.Process")
    assert all(map(is_installed, known))
    assert not any(map(is_installed, ("said_by_bundle.Says", "tradewind_dag_0a1b2c3d_etl.Own", "", ".x", "__main__.X")))
