"""One suite for every log store: files are written as a whole or not at all, and read from anywhere."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.servers.s3 import S3Server, s3_server
from tradewind.core.errors import ConfigError
from tradewind.log_store.layout import log_path
from tradewind.log_store.open import StoreAccess, check_base, open_log_store
from tradewind.log_store.port import LogStore, LogStoreFailed

PATH = "dag_id=a/run_id=manual__2026-11-21T12:00:00+00:00/task_id=t/attempt=1.log"
ODD = log_path(dag_id="ä b", run_id="x/../y?*%#", task_id="t", map_index=3, try_number=12)


@pytest.fixture(scope="module")
def s3() -> Generator[S3Server]:
    with s3_server() as server:
        yield server


def access(s3: S3Server, *, encrypt: bool = False, seconds: float = 60.0) -> StoreAccess:
    return StoreAccess(
        login="key", password="secret", extra=json.dumps(s3.extra), encrypt_s3_logs=encrypt, timeout_seconds=seconds
    )


@pytest.fixture(params=["files", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, s3: S3Server) -> AsyncGenerator[LogStore]:
    if request.param == "files":
        yield open_log_store(check_base(str(tmp_path / "lögs"), setting="X"), StoreAccess())
        return
    bucket = f"b{uuid4().hex}"
    await s3.make_bucket(bucket)
    yield open_log_store(f"s3://{bucket}/some/where", access(s3))


async def pieces(*parts: bytes) -> AsyncGenerator[bytes]:
    for part in parts:
        yield part


async def whole(source: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in source])


@pytest.mark.parametrize("path", [PATH, ODD], ids=["plain", "odd"])
async def test_what_was_put_is_read_back_from_anywhere(store: LogStore, path: str) -> None:
    assert await store.put(path, pieces(b"one\n", b"", b"two\n")) == 8
    assert [await whole(store.read(path, start)) for start in (0, 4, 8)] == [b"one\ntwo\n", b"two\n", b""]


async def test_a_long_log_passes_in_pieces(store: LogStore) -> None:
    piece = b"x" * 999_999 + b"\n"

    assert await store.put(PATH, pieces(*[piece] * 12)) == 12_000_000

    sizes = [len(part) async for part in store.read(PATH)]
    assert sum(sizes) == 12_000_000
    assert max(sizes) <= 4_000_000


async def test_a_second_put_replaces_the_first(store: LogStore) -> None:
    await store.put(PATH, pieces(b"a longer first\n"))
    await store.put(PATH, pieces(b"second\n"))
    assert await whole(store.read(PATH)) == b"second\n"


@pytest.mark.parametrize("size", [10, 6_000_000], ids=["short", "long"])
async def test_what_breaks_off_leaves_no_file(store: LogStore, size: int) -> None:
    async def broken() -> AsyncGenerator[bytes]:
        yield b"x" * size
        raise ValueError("the database is away")

    with pytest.raises(ValueError, match="the database is away"):
        await store.put(PATH, broken())
    with pytest.raises(LogStoreFailed, match="did not give its file"):
        await whole(store.read(PATH))


async def test_deleting_is_idempotent(store: LogStore) -> None:
    await store.put(PATH, pieces(b"x\n"))
    await store.delete(PATH)
    await store.delete(PATH)
    with pytest.raises(LogStoreFailed):
        await whole(store.read(PATH))


async def test_a_bucket_that_is_missing_is_named(s3: S3Server) -> None:
    store = open_log_store("s3://nobody-made-it/logs", access(s3))
    with pytest.raises(LogStoreFailed, match=r"s3://nobody-made-it/logs did not write: .*NoSuchBucket"):
        await store.put(PATH, pieces(b"x\n"))


async def test_a_server_that_is_down_is_a_failure_in_time(s3: S3Server) -> None:
    s3.stop()
    try:
        with pytest.raises(LogStoreFailed, match=r"s3://any/logs did not write"):
            await open_log_store("s3://any/logs", access(s3, seconds=5.0)).put(PATH, pieces(b"x\n"))
    finally:
        s3.start()


async def test_objects_are_encrypted_when_wanted(s3: S3Server) -> None:
    await s3.make_bucket("safe")
    await open_log_store("s3://safe", access(s3, encrypt=True)).put("a.log", pieces(b"x\n"))
    assert (await s3.object("safe", "a.log")).headers["x-amz-server-side-encryption"] == "AES256"


def test_paths_are_those_that_airflow_users_know() -> None:
    run_id = "scheduled__2026-11-21T00:00:00+00:00"
    plain = log_path(dag_id="etl", run_id=run_id, task_id="group.load", map_index=-1, try_number=2)
    mapped = log_path(dag_id="etl", run_id=run_id, task_id="load", map_index=0, try_number=1)
    assert plain == f"dag_id=etl/run_id={run_id}/task_id=group.load/attempt=2.log"
    assert mapped == f"dag_id=etl/run_id={run_id}/task_id=load/map_index=0/attempt=1.log"
    assert ODD == "dag_id=ä b/run_id=x%2F..%2Fy%3F%2A%25%23/task_id=t/map_index=3/attempt=12.log"


def test_ids_of_any_length_have_paths_of_their_own() -> None:
    paths = [
        log_path(dag_id="d" * 250 + end, run_id="ä" * 250, task_id="t", map_index=-1, try_number=1) for end in "xy"
    ]
    assert len(set(paths)) == 2
    assert max(len(part.encode()) for path in paths for part in path.split("/")) <= 255


@pytest.mark.parametrize("base", ["", "logs", "gs://bucket/x", "s3:///key", "file://host/x"])
def test_an_address_that_no_store_has_names_the_setting(base: str) -> None:
    with pytest.raises(ConfigError, match=r"THE_SETTING is .*must be s3://bucket/key, or a folder"):
        check_base(base, setting="THE_SETTING")


def test_an_extra_that_is_no_json_names_the_connection() -> None:
    with pytest.raises(ConfigError, match="REMOTE_LOG_CONN_ID"):
        open_log_store("s3://bucket", StoreAccess(extra="{"))
