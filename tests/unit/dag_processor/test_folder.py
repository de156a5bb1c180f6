import os
from pathlib import Path

import pytest

from tradewind.dag_processor.fingerprints import ABSENT, content_fingerprint
from tradewind.dag_processor.folder import DagFolder
from tradewind.service.dag_roots import DagRoot

DAG_TEXT = "from airflow.sdk import DAG\n"


@pytest.fixture
def folder(tmp_path: Path) -> DagFolder:
    return DagFolder(DagRoot(tmp_path), syntax="glob", safe_mode=True)


def write(path: Path, text: str = DAG_TEXT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_lists_dag_files_with_their_digests(tmp_path: Path, folder: DagFolder) -> None:
    write(tmp_path / "b.py")
    write(tmp_path / "team" / "a.py", DAG_TEXT + "# more")
    write(tmp_path / "helper.py", "X = 1")
    write(tmp_path / "__pycache__" / "b.py")
    write(tmp_path / ".git" / "c.py")
    listing = folder.list_files()
    assert listing.complete
    assert listing.digests == {
        "b.py": content_fingerprint(DAG_TEXT.encode()),
        "team/a.py": content_fingerprint(f"{DAG_TEXT}# more".encode()),
    }


def test_without_safe_mode_every_python_file_counts(tmp_path: Path) -> None:
    write(tmp_path / "helper.py", "X = 1")
    assert list(DagFolder(DagRoot(tmp_path), syntax="glob", safe_mode=False).list_files().digests) == ["helper.py"]


def test_ignore_files_hold_for_listings_and_looks_alike(tmp_path: Path, folder: DagFolder) -> None:
    write(tmp_path / ".airflowignore", "old/\n")
    write(tmp_path / "team" / ".airflowignore", "draft.py\n")
    kept, draft = write(tmp_path / "team" / "kept.py"), write(tmp_path / "team" / "draft.py")
    old = write(tmp_path / "old" / "deep" / "x.py")
    assert list(folder.list_files().digests) == ["team/kept.py"]
    assert folder.digest_of(kept) is not None
    assert folder.digest_of(draft) is None
    assert folder.digest_of(old) is None


def test_a_file_whose_times_stayed_is_read_again_only_after_an_event(tmp_path: Path, folder: DagFolder) -> None:
    path = write(tmp_path / "a.py", DAG_TEXT + "x=1")
    status = path.stat()
    before = folder.digest_of(path)
    path.write_text(DAG_TEXT + "x=2")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert folder.list_files().digests == {"a.py": before}
    folder.forget(path)
    assert folder.digest_of(path) == content_fingerprint(f"{DAG_TEXT}x=2".encode())


def test_a_missing_root_is_no_complete_listing(tmp_path: Path) -> None:
    listing = DagFolder(DagRoot(tmp_path / "none"), syntax="glob", safe_mode=True).list_files()
    assert not listing.complete
    assert listing.digests == {}


def test_links_are_followed_but_not_round_in_circles(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "dags", tmp_path / "elsewhere"
    write(elsewhere / "linked.py")
    root.mkdir()
    (root / "team").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(root)
    listing = DagFolder(DagRoot(root), syntax="glob", safe_mode=True).list_files()
    assert list(listing.digests) == ["team/linked.py"]


def test_a_dangling_link_is_no_file(tmp_path: Path, folder: DagFolder) -> None:
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    listing = folder.list_files()
    assert (listing.complete, listing.digests) == (True, {})


def test_fingerprints_of_files_and_folders(tmp_path: Path, folder: DagFolder) -> None:
    write(tmp_path / "config" / "a.yaml", "x")
    before = folder.fingerprint_of("config/")
    assert folder.fingerprint_of("config/a.yaml") == content_fingerprint(b"x")
    assert folder.fingerprint_of("config/b.yaml") == ABSENT
    write(tmp_path / "config" / "__pycache__" / "x.pyc", "x")
    assert folder.fingerprint_of("config/") == before
    write(tmp_path / "config" / "b.yaml", "y")
    assert folder.fingerprint_of("config/") != before


def test_names_carry_the_prefix_of_their_root(tmp_path: Path) -> None:
    folder = DagFolder(DagRoot(tmp_path, ".example_dags/"), syntax="glob", safe_mode=True)
    write(tmp_path / "hello.py")
    assert list(folder.list_files().digests) == [".example_dags/hello.py"]
    assert folder.fingerprint_of(".example_dags/hello.py") == content_fingerprint(DAG_TEXT.encode())
