"""Row 19: a folder cannot be read for a moment, and its DAGs are taken for deleted."""

from pathlib import Path

import pytest

from tests.integration.dag_processor.running import dag_text
from tradewind.core.rows import DagFileRow
from tradewind.dag_processor.disk import Disk
from tradewind.dag_processor.folder import DagFolder, Listing
from tradewind.service.dag_roots import DagRoot

FILES = 5


def _known(folder: Path) -> dict[str, DagFileRow]:
    names = [f"dag_{number}.py" for number in range(FILES)]
    for name in names:
        (folder / name).write_text(dag_text(name))
    return {name: DagFileRow(relative_fileloc=name, file_digest="", dag_ids=(name,)) for name in names}


def taken_for_deleted(tmp_path: Path) -> list[str]:
    """Which files are said to be missing while the folder is away: it is on the network, or being replaced."""
    folder = tmp_path / "dags"
    folder.mkdir()
    known = _known(folder)
    disk = Disk([DagFolder(DagRoot(folder), syntax="glob", safe_mode=True)])
    assert disk.list_all(known).missing == {}
    folder.rename(tmp_path / "away")
    return list(disk.list_all(known).missing)


def test_only_a_complete_listing_says_that_a_file_is_gone(tmp_path: Path) -> None:
    assert taken_for_deleted(tmp_path) == []


def test_any_listing_trusted_the_dags_would_disappear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = DagFolder.list_files

    def trusted(self: DagFolder) -> Listing:
        return Listing(digests=right(self).digests, complete=True)

    monkeypatch.setattr(DagFolder, "list_files", trusted)
    assert len(taken_for_deleted(tmp_path)) == FILES
