"""What of a folder travels."""

import os
from pathlib import Path

import pytest

from tradewind.core.bundles import BundleLimits, BundleTooLarge
from tradewind.service.bundle_folder import BundleFolder

LIMITS = BundleLimits(file_bytes=100, bundle_bytes=150, files=10)


def write(path: Path, text: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_what_is_visible_travels_and_what_links_lead_to(tmp_path: Path) -> None:
    root, outside = tmp_path / "dags", tmp_path / "outside"
    write(root / "dag.py")
    write(root / "sql" / "query.sql").chmod(0o755)
    write(root / ".airflowignore", "helpers/")
    write(root / "helpers" / "used.py")
    write(root / ".git" / "config")
    write(root / "__pycache__" / "dag.pyc")
    write(root / "left.pyc")
    write(outside / "shared.py", "shared")
    (root / "linked").symlink_to(outside)
    (root / "linked" / "round").symlink_to(root / "linked")
    (root / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(root / "pipe")

    files = BundleFolder(root, LIMITS).look().files

    assert list(files) == ["dag.py", "helpers/used.py", "linked/shared.py", "sql/query.sql"]
    assert [file.mode for file in files.values()] == [0o644, 0o644, 0o644, 0o755]


def test_an_ignore_file_keeps_things_back(tmp_path: Path) -> None:
    write(tmp_path / ".bundleignore", "*.csv\n!small.csv\ndata/\n")
    for name in ("dag.py", "large.csv", "small.csv", "data/file.py"):
        write(tmp_path / name)
    assert list(BundleFolder(tmp_path, LIMITS).look().files) == ["dag.py", "small.csv"]


def test_what_is_too_large_is_named_with_its_setting(tmp_path: Path) -> None:
    folder = BundleFolder(tmp_path, LIMITS)
    write(tmp_path / "huge.bin", "x" * 101)
    with pytest.raises(BundleTooLarge, match=r"huge\.bin.*BUNDLE_FILE_MAX_BYTES"):
        folder.look()
    write(tmp_path / "huge.bin", "x" * 100)
    assert list(folder.look().files) == ["huge.bin"]
    write(tmp_path / "other.bin", "x" * 60)
    with pytest.raises(BundleTooLarge, match=r"huge\.bin.*BUNDLE_MAX_BYTES"):
        folder.look()


def test_a_change_within_one_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    path, folder = write(tmp_path / "dag.py", "one"), BundleFolder(tmp_path, LIMITS)
    first, status = folder.look(), path.stat()
    path.write_text("two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert folder.is_unchanged("dag.py"), "nothing shows"
    second = folder.look()
    assert second.digest != first.digest
    assert folder.content_of(first.files["dag.py"]) is None
    assert folder.content_of(second.files["dag.py"]) == b"two"
