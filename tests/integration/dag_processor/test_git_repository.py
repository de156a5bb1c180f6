"""What a repository of a bundle shows: the commit that its ref names, whole, or the one before."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.servers.git import GitOrigin
from tradewind.core.bundle_list import GitBundle
from tradewind.dag_processor.bundles.git.access import git_access
from tradewind.dag_processor.bundles.git.command import GitFailed
from tradewind.dag_processor.bundles.git.repository import GitRepository


@pytest.fixture
def origin(tmp_path: Path) -> GitOrigin:
    return GitOrigin(tmp_path / "git")


class Shown:
    """A bundle on disk."""

    def __init__(self, folder: Path, origin: GitOrigin, **fields: Any) -> None:
        values: dict[str, Any] = {"tracking_ref": "main", "subdir": "dags", "submodules": False} | fields
        self.bundle = GitBundle(
            name="team", git_conn_id=None, repo_url=origin.url, refresh_interval_seconds=None, **values
        )
        self.repository = GitRepository(self.bundle, folder / "storage", timeout_seconds=30.0)

    async def update(self) -> bool:
        return await self.repository.update(git_access(self.bundle, None))

    def files(self) -> dict[str, str]:
        root = self.repository.root.folder
        paths = (path for path in sorted(root.rglob("*")) if path.is_file() and not path.name.startswith("."))
        return {path.relative_to(root).as_posix(): path.read_text() for path in paths}


async def test_a_branch_is_followed_also_back(tmp_path: Path, origin: GitOrigin) -> None:
    first = origin.commit({"dags/a.py": "1", "dags/gone.py": ""})
    shown = Shown(tmp_path, origin)
    assert not shown.repository.is_ready
    assert await shown.update()
    assert not await shown.update()
    second = origin.commit({"dags/a.py": "2", "dags/gone.py": None})
    assert await shown.update()
    assert (shown.repository.version, shown.files()) == (second, {"a.py": "2"})
    origin.push(f"+{first}:refs/heads/main")
    assert await shown.update()
    assert (shown.repository.version, shown.files()) == (first, {"a.py": "1", "gone.py": ""})
    assert len(list((tmp_path / "storage" / "trees").iterdir())) == 2, "older ones make way"


async def test_tags_and_commits_stay_where_they_are(tmp_path: Path, origin: GitOrigin) -> None:
    first = origin.commit({"dags/a.py": "1"})
    origin.push("HEAD:refs/tags/v1")
    origin.commit({"dags/a.py": "2"})
    for number, ref in enumerate(("v1", first, first[:9])):
        shown = Shown(tmp_path / str(number), origin, tracking_ref=ref)
        assert await shown.update()
        assert (shown.repository.version, shown.files()) == (first, {"a.py": "1"})


async def test_submodules_come_on_demand(tmp_path: Path, origin: GitOrigin) -> None:
    library = GitOrigin(tmp_path / "library")
    library.commit({"helper.py": "helps"})
    origin.commit({"dags/a.py": "1"})
    commit = origin.add_submodule(library, "dags/lib")
    plain, shown = Shown(tmp_path, origin), Shown(tmp_path, origin, submodules=True)
    assert await plain.update()
    assert plain.files() == {"a.py": "1"}
    assert await shown.update(), "the same commit, but more of it"
    assert (shown.repository.version, shown.files()) == (commit, {"a.py": "1", "lib/helper.py": "helps"})
    library.hide()
    origin.commit({"dags/a.py": "2"})
    assert await shown.update(), "what was fetched of it is enough"


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"tracking_ref": "nope"}, "'nope' is no branch, tag or commit"),
        ({"tracking_ref": "0" * 40}, "is no branch, tag or commit"),
        ({"tracking_ref": "abcdef012"}, "is no branch, tag or commit"),
        ({"subdir": "nope"}, "subdir 'nope' is no folder of the commit"),
        ({"subdir": "outside"}, "subdir 'outside' is no folder of the commit"),
    ],
)
async def test_what_is_not_there_is_said_and_what_was_shown_stays(
    tmp_path: Path, origin: GitOrigin, fields: dict[str, Any], part: str
) -> None:
    commit = origin.commit({"dags/a.py": "1"})
    shown = Shown(tmp_path, origin)
    await shown.update()
    origin.link("outside", "/etc")
    with pytest.raises(GitFailed, match=part):
        await Shown(tmp_path, origin, **fields).update()
    assert (shown.repository.version, shown.files()) == (commit, {"a.py": "1"})


async def test_what_a_crash_left_behind_does_no_harm(tmp_path: Path, origin: GitOrigin) -> None:
    origin.commit({"dags/a.py": "1"})
    shown, storage = Shown(tmp_path, origin), tmp_path / "storage"
    await shown.update()
    commit = origin.commit({"dags/a.py": "2"})
    secrets = storage / "access-left"
    secrets.mkdir()
    (secrets / "credentials").write_text("password=x")
    for name in ("index.lock", "repository/shallow.lock", "repository/refs/tradewind/tracked.lock"):
        (storage / name).touch()
    half = storage / "trees" / commit
    half.mkdir()
    (half / "half.py").touch()
    os.symlink("nowhere", storage / "next")  # noqa: PTH211 - as a crash leaves it
    assert await shown.update()
    assert shown.files() == {"a.py": "2"}
    assert not secrets.exists()
