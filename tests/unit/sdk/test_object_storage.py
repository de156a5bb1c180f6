"""Paths in object stores, over fsspec's own filesystems of disk and memory; large XComs kept there."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tradewind.sdk import serde
from tradewind.sdk.exceptions import AirflowConfigException
from tradewind.sdk.io import ObjectStoragePath, attach, has_fs
from tradewind.sdk.io.xcom_backend import XComObjectStorageBackend
from tradewind.sdk.xcom import StoredValue


@pytest.fixture
def bucket() -> Generator[ObjectStoragePath]:
    """A folder in memory."""
    folder = ObjectStoragePath(f"memory://{uuid4()}")
    folder.mkdir()
    yield folder
    folder.rmdir()


@pytest.mark.parametrize(
    ("text", "protocol", "conn_id", "place", "key", "shown"),
    [
        ("s3://aws@bucket/a/b.txt", "s3", "aws", "bucket", "a/b.txt", "s3://aws@bucket/a/b.txt"),
        ("s3://bucket/a#b?c", "s3", None, "bucket", "a#b?c", "s3://bucket/a#b?c"),
        ("file:///tmp/x", "file", None, "", "tmp/x", "file:///tmp/x"),
        ("/tmp/x", "", None, "", "tmp/x", "/tmp/x"),
    ],
)
def test_parts_of_a_path(text: str, protocol: str, conn_id: str | None, place: str, key: str, shown: str) -> None:
    path = ObjectStoragePath(text)
    assert (path.protocol, path.conn_id, path.bucket, path.key, str(path)) == (protocol, conn_id, place, key, shown)
    assert path == ObjectStoragePath(path)
    assert hash(path) == hash(ObjectStoragePath(path))


def test_connection_may_be_named_apart() -> None:
    path = ObjectStoragePath("s3://bucket", "a", "b.tar.gz", conn_id="aws")
    assert (str(path), path.name, path.stem, path.suffix) == ("s3://aws@bucket/a/b.tar.gz", "b.tar.gz", "b.tar", ".gz")
    assert (str(path.parent / "c"), str(path.with_name("d")), path.as_uri()) == (
        *("s3://aws@bucket/a/c", "s3://aws@bucket/a/d"),
        "s3://bucket/a/b.tar.gz",
    )
    assert path.samestore(ObjectStoragePath("s3://aws@other"))
    assert not path.samestore(ObjectStoragePath("s3://bucket/a/b.tar.gz"))


def test_files_are_written_found_and_removed(bucket: ObjectStoragePath) -> None:
    file = bucket / "folder" / "file.txt"
    file.parent.mkdir(parents=True)
    assert file.write_text("höhe") == 4
    assert (file.read_text(), file.read_bytes(), file.size()) == ("höhe", "höhe".encode(), 5)
    assert (file.is_file(), file.is_dir(), file.parent.is_dir(), file.exists()) == (True, False, True, True)
    assert [path.name for path in file.parent.iterdir()] == ["file.txt"]
    assert [path.name for path in bucket.rglob("*.txt")] == ["file.txt"]
    assert (file.stat()["size"], file.stat()["protocol"]) == (5, "memory")
    with file.open("a") as more:
        more.write("!")
    moved = file.rename(str(bucket.path) + "/other.txt")
    assert (moved.read_text(), file.exists()) == ("höhe!", False)
    moved.unlink()
    moved.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        moved.unlink()
    with pytest.raises(FileExistsError):
        bucket.mkdir()
    bucket.mkdir(exist_ok=True)


def test_copies_between_stores(bucket: ObjectStoragePath, tmp_path: Path) -> None:
    local = ObjectStoragePath(f"file://{tmp_path}/a.txt")
    local.write_text("a")
    local.copy(bucket / "b.txt")
    (bucket / "b.txt").copy(bucket / "c.txt")
    (bucket / "c.txt").copy_into(ObjectStoragePath(str(tmp_path)))
    assert (tmp_path / "c.txt").read_text() == "a"
    ObjectStoragePath(f"{tmp_path}/c.txt").move_into(bucket)
    assert not (tmp_path / "c.txt").exists()
    other = ObjectStoragePath(str(bucket), conn_id="second")
    bucket.copy(other / "folder", recursive=True)
    assert sorted(path.name for path in (bucket / "folder").iterdir()) == ["b.txt", "c.txt"]
    with pytest.raises(NotADirectoryError):
        local.copy_into(bucket / "b.txt")


def test_only_paths_on_a_disk_are_for_the_system(tmp_path: Path) -> None:
    assert Path(ObjectStoragePath(f"{tmp_path}/x")) == tmp_path / "x"
    with pytest.raises(TypeError, match="not on a disk"):
        Path(ObjectStoragePath("memory://b/x"))


def test_protocol_that_nothing_serves_is_named() -> None:
    assert (has_fs("memory"), has_fs("nothing")) == (True, False)
    with pytest.raises(ValueError, match="no filesystem is registered for the protocol 'nothing'"):
        ObjectStoragePath("nothing://x").exists()
    assert attach("memory", "c").fsid == "memory-c"


def test_paths_are_xcoms() -> None:
    path = ObjectStoragePath("s3://aws@bucket/a", anon=True)
    again = serde.deserialize(json.loads(serde.to_json({"p": path})))["p"]
    assert (again, again.storage_options) == (path, {"anon": True})


@pytest.fixture
def store(bucket: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch) -> ObjectStoragePath:
    """Values of 20 bytes or more go to memory."""
    monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH", str(bucket))
    monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD", "20")
    return bucket


def _kept(value: Any) -> Any:
    return XComObjectStorageBackend.serialize_value(value, key="k", task_id="t", dag_id="d", run_id="r", map_index=-1)


@pytest.mark.parametrize("compression", ["", "gzip"])
def test_large_values_are_kept_as_files(
    store: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION", compression)
    assert _kept([1]) == [1]
    stored = _kept({"numbers": list(range(50))})
    assert stored.startswith(f"{store}/d/r/t/")
    assert stored.endswith(".gz") == bool(compression)
    result = StoredValue(stored)
    assert XComObjectStorageBackend.deserialize_value(result) == {"numbers": list(range(50))}
    XComObjectStorageBackend.purge(result)
    assert list((store / "d" / "r" / "t").iterdir()) == []
    XComObjectStorageBackend.purge(StoredValue([1]))


@pytest.mark.usefixtures("store")
def test_other_texts_are_values(monkeypatch: pytest.MonkeyPatch) -> None:
    assert XComObjectStorageBackend.deserialize_value(StoredValue("/etc/passwd")) == "/etc/passwd"
    monkeypatch.delenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH")
    with pytest.raises(AirflowConfigException, match="xcom_objectstorage_path has to say"):
        _kept("x" * 50)


def test_words_of_pathlib(tmp_path: Path) -> None:
    base = ObjectStoragePath(f"file://{tmp_path}")
    file = base / "in" / "a.tar.gz"
    assert (file.suffixes, file.sep, file.match("*.gz"), file.is_absolute()) == ([".tar", ".gz"], "/", True, True)
    assert [str(folder) for folder in file.parents][:2] == [f"file://{tmp_path}/in", f"file://{tmp_path}"]
    assert (str(file.relative_to(base)), file.is_relative_to(base)) == ("in/a.tar.gz", True)
    assert (str(file.with_stem("b")), base < file, base / file == file) == (f"file://{tmp_path}/in/b.gz", True, True)
    with pytest.raises(ValueError, match=r"a\.tar\.gz"):
        base.relative_to(file)
    (base / "in").mkdir()
    file.write_text("text")
    (base / "b").touch()
    assert list(base.walk()) == [(base, ["in"], ["b"]), (base / "in", [], ["a.tar.gz"])]
    assert [place for place, _, _ in base.walk(top_down=False)] == [base / "in", base]
    assert str((base / "in" / ".." / "b").resolve()) == f"file://{tmp_path}/b"


def test_path_without_a_protocol_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = ObjectStoragePath("x")
    path.write_text("here")
    assert (str(path), path.protocol, str(ObjectStoragePath())) == ("x", "", ".")
    assert path.absolute() == ObjectStoragePath.cwd() / "x" == ObjectStoragePath(f"file://{tmp_path}/x")
    assert len({path.absolute(), ObjectStoragePath(f"file://{tmp_path}/x")}) == 1
    assert path.absolute().samestore(ObjectStoragePath("file:///"))
    assert str(ObjectStoragePath("~/x").expanduser()) == str(ObjectStoragePath.home() / "x")
    assert serde.from_json(serde.to_json(path)) == path


@pytest.mark.parametrize("protocol", ["file", "memory"])
def test_touch_keeps_what_is_there(tmp_path: Path, protocol: str) -> None:
    path = ObjectStoragePath(f"{protocol}://{tmp_path}/touched")
    path.touch()
    path.write_text("kept")
    path.touch()
    assert path.read_text() == "kept"
    found = path.stat()
    assert (found.st_size, found["size"], found.protocol, found.conn_id) == (4, 4, protocol, None)
    assert found.st_mtime > 0
    with pytest.raises(FileExistsError):
        path.touch(exist_ok=False)
    path.touch(truncate=True)
    assert path.size() == 0
