"""Old and new side by side: workers of an earlier commit serve the services of this one, and the reverse."""

import io
import os
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.chaos.brokers import RabbitMQ
from tests.chaos.judgement import judge, wait_until_settled
from tests.chaos.load import steady_load
from tests.chaos.room import Room, open_room
from tests.servers.postgres import PostgresServer
from tests.servers.process import wait_until
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.stack import ALL_SERVICES

REPOSITORY = Path(__file__).parents[2]
ROOTS = ("services", "shared", "proto")
FROM = os.environ.get("TRADEWIND_TEST_UPGRADE_FROM", "HEAD~1")
"""The commit that is upgraded from."""
RUNS = 24
WORKERS = ("worker",)
OTHERS = tuple(command for command in ALL_SERVICES if command != "worker")


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of processes of that commit: its source roots go before those that are installed."""
    folder = tmp_path_factory.mktemp("earlier")
    archive = subprocess.run(["git", "archive", FROM, *ROOTS], cwd=REPOSITORY, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return {"PYTHONPATH": os.pathsep.join(str(folder / root) for root in ROOTS)}


@pytest.fixture(scope="module")
def servers(_own_postgres: PostgresServer, _own_rabbitmq: RabbitMQServer) -> tuple[PostgresServer, RabbitMQServer]:
    """What the stacks run on."""
    return _own_postgres, _own_rabbitmq


@pytest.mark.full
@pytest.mark.parametrize("old", [WORKERS, OTHERS], ids=["old workers", "new workers"])
def test_old_and_new_serve_each_other(
    tmp_path: Path,
    earlier: Mapping[str, str],
    old: tuple[str, ...],
    servers: tuple[PostgresServer, RabbitMQServer],
) -> None:
    postgres, rabbitmq = servers
    with open_room(
        tmp_path,
        postgres=postgres,
        broker=RabbitMQ(rabbitmq),
        counts={"worker": 2},
        own_environments=dict.fromkeys(old, earlier),
    ) as room:
        assert {command for command in ALL_SERVICES if _is_of(earlier, room, command)} == set(old)
        with steady_load(room.stack, every_seconds=0.1) as load:
            wait_until(lambda: len(load.runs) >= RUNS, 120.0, "runs")
        wait_until_settled(room, 60.0)
        judgement = judge(room, load.runs, [])
        assert judgement.complaints == [], str(judgement)


def _is_of(earlier: Mapping[str, str], room: Room, command: str) -> bool:
    """Whether the process of this command was started from the earlier commit's folder."""
    process = next(process for process in room.stack.processes.values() if process.command == command)
    environment = Path(f"/proc/{process.pid}/environ").read_bytes().decode().split("\0")
    return f"PYTHONPATH={earlier['PYTHONPATH']}" in environment
