"""Several bundles at once, some from Git: what the store holds follows each of them, whatever befalls another."""

import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.integration.dag_processor.running import DagTables, Processor, dag_text, running_processor
from tests.polling import poll_until
from tests.servers.git import GitOrigin
from tradewind.core.bundle_list import GIT_CLASSPATH, LOCAL_CLASSPATH
from tradewind.core.bundles import decode_manifest
from tradewind.db.memory.store import MemoryStore

LOCAL: dict[str, Any] = {"name": "dags-folder", "classpath": LOCAL_CLASSPATH, "kwargs": {}}


@pytest.fixture
def origin(tmp_path: Path) -> GitOrigin:
    origin = GitOrigin(tmp_path / "git")
    origin.commit({"dags/etl.py": dag_text("team_etl"), "README.md": "ours"})
    ignored = {"dags/.airflowignore": "no_dag.py", "dags/no_dag.py": dag_text("ignored")}
    origin.commit({**ignored, "dags/.bundleignore": "stays.*", "dags/stays.txt": "here"})
    return origin


def listed(*bundles: dict[str, Any]) -> str:
    return json.dumps(bundles)


def git(origin: GitOrigin, name: str = "team", **kwargs: Any) -> dict[str, Any]:
    own = {"tracking_ref": "main", "subdir": "dags", "repo_url": origin.url, "refresh_interval": 1, **kwargs}
    return {"name": name, "classpath": GIT_CLASSPATH, "kwargs": own}


async def test_dags_follow_their_ref_beside_those_of_other_bundles(
    tables: DagTables, folder: Path, origin: GitOrigin
) -> None:
    store = tables.store
    assert isinstance(store, MemoryStore)
    (folder / "etl.py").write_text(dag_text("own_etl"))
    bundles = listed(git(origin), LOCAL)
    async with running_processor(tables, folder, bundles=bundles, bundle_max_bytes=100_000) as processor:
        await processor.until_dags("etl.py", "own_etl", timeout=60.0)
        await processor.until_dags(".team/etl.py", "team_etl", timeout=60.0)
        commit = origin.commit({"dags/etl.py": dag_text("team_etl", tasks=2), "dags/more.py": dag_text("more")})
        await processor.until_tasks("team_etl", 2)
        await processor.until_dags(".team/more.py", "more", timeout=60.0)
        assert store.tables.bundles.current["team"] == commit
        assert store.tables.dags["more"].bundle_name == "team"
        assert "ignored" not in store.tables.dags
        digest = store.tables.bundles.versions["team", commit].version.digest
        content, _ = store.tables.bundles.manifests[digest]
        assert list(decode_manifest(zlib.decompress(content), digest).files) == ["etl.py", "more.py", "no_dag.py"]
        assert sorted(name for name, _ in store.tables.bundles.versions) == ["dags-folder", "team", "team"]

        origin.commit({"dags/large.txt": "x" * 100_000})
        error = await processor.until_error(".team/", "BUNDLE_MAX_BYTES", timeout=60.0)
        assert "The content of 'team' cannot be stored: the bundle has 1" in error
        assert store.tables.bundles.current["team"] == commit, "which stays, for workers have nothing else"
        origin.commit({"dags/large.txt": None})
        await processor.until_no_error(".team/", timeout=60.0)

        origin.commit({"dags/more.py": dag_text("own_etl")})
        error = await processor.until_error(".team/more.py", "own_etl", timeout=60.0)
        assert "etl.py of the bundle 'dags-folder' and more.py of the bundle 'team'" in error
        origin.commit({"dags/more.py": None})
        await processor.until_gone(".team/more.py")
        assert await tables.stale_dag_ids() == ["more"]


async def test_a_repository_that_is_away_holds_nobody_up(tables: DagTables, folder: Path, origin: GitOrigin) -> None:
    bundles = listed(git(origin), LOCAL)
    async with running_processor(tables, folder, bundles=bundles) as processor:
        await processor.until_dags(".team/etl.py", "team_etl", timeout=60.0)
        await processor.until_watching()
        origin.hide()
        error = await processor.until_error(".team/", "'team' (tracking_ref 'main') cannot be refreshed", timeout=60.0)
        assert "stays in use" in error
        assert problems(processor, "team") == 1.0
        processor.write("own.py", dag_text("own"))
        await processor.until_dags("own.py", "own")
        (folder / "own.py").unlink()
        await processor.until_gone("own.py")
        origin.show()
        await processor.until_no_error(".team/", timeout=60.0)
        assert problems(processor, "team") == 0.0
    origin.remove()
    (folder.parent / "home" / "dag_bundles").rename(folder.parent / "lost")
    async with running_processor(tables, folder, bundles=bundles) as processor:
        await processor.until_error(".team/", "Nothing was fetched here so far", timeout=60.0)
        await processor.until_watching()
        await poll_until(lambda: processor.listings() > 1)
        assert "team_etl" not in await tables.stale_dag_ids()


async def test_what_is_wrong_with_one_bundle_is_said_and_the_others_go_on(
    tables: DagTables, folder: Path, origin: GitOrigin
) -> None:
    unknown: dict[str, Any] = {"name": "unknown", "classpath": "no.such.Bundle", "kwargs": {}}
    wrong_ref, wrong_folder = git(origin, "ref", tracking_ref="nope"), git(origin, "subdir", subdir="nope")
    no_connection = git(origin, "nobody", git_conn_id="none_such")
    wrong = listed(unknown, wrong_ref, wrong_folder, no_connection, LOCAL)
    async with running_processor(tables, folder, bundles=wrong) as processor:
        assert "'no.such.Bundle' is unknown" in await processor.until_error(
            ".unknown/", "'unknown' cannot be used", 60.0
        )
        assert "'nope' is no branch, tag or commit" in await processor.until_error(".ref/", "'ref'", 60.0)
        assert "subdir 'nope' is no folder of the commit" in await processor.until_error(".subdir/", "'subdir'", 60.0)
        assert "connection 'none_such' cannot be read" in await processor.until_error(".nobody/", "'nobody'", 60.0)
        await processor.until_watching()


async def test_a_bundle_that_is_taken_out_leaves_stale_dags(tables: DagTables, folder: Path, origin: GitOrigin) -> None:
    async with running_processor(tables, folder, bundles=listed(git(origin), LOCAL)) as processor:
        await processor.until_dags(".team/etl.py", "team_etl", timeout=60.0)
    broken: dict[str, Any] = {"name": "team", "classpath": "no.such.Bundle", "kwargs": {}}
    async with running_processor(tables, folder, bundles=listed(broken, LOCAL)) as processor:
        await processor.until_error(".team/", "no.such.Bundle", timeout=60.0)
        await poll_until(lambda: processor.listings() >= 1)
        assert await tables.stale_dag_ids() == []
    async with running_processor(tables, folder, bundles=listed(LOCAL)) as processor:
        await processor.until_gone(".team/etl.py")
        assert await tables.stale_dag_ids() == ["team_etl"]
        assert await tables.task_ids("team_etl") == ["task_0"], "what it was stays known"
        assert await tables.import_errors() == {}


def problems(processor: Processor, bundle: str) -> float | None:
    return processor.registry.get_sample_value("tradewind_dag_processor_bundle_problems", {"bundle": bundle})
