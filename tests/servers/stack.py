"""Tradewind itself as processes, for end-to-end tests and benchmarks: all services, any one of which can be killed and
started again, or `standalone`. Every process dies with the one that started it, however that one ends.
"""

import http.client
import json
import secrets
import shutil
import sys
import urllib.parse
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil
from cryptography.fernet import Fernet

from tests.servers.process import ServerProcess, free_ports, wait_until
from tradewind.db.embedded import site_folder

ALL_SERVICES: Final = ("api-server", "dag-processor", "scheduler", "dispatcher", "collector", "worker", "triggerer")
HEALTHY_TIMEOUT_SECONDS: Final = 120.0
LOG_TAIL_CHARACTERS: Final = 2_500
DATABASE_VARIABLE: Final = "TRADEWIND__DATABASE__URL"


class ServiceProcess:
    """One process of the stack. `name`: the command, and a number where there are several of a kind."""

    def __init__(self, name: str, command: str, environment: Mapping[str, str], health_url: str, log: Path) -> None:
        self.name = name
        self.command = command
        self.log = log
        self._health_url = health_url
        self._process = ServerProcess(
            [sys.executable, "-m", "tradewind.cli", command], log=log, environment=environment
        )

    @property
    def is_running(self) -> bool:
        return self._process.is_running

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self, *, wait: bool = True) -> None:
        """Start it unless it runs; with `wait`, return once it is healthy."""
        if not self.is_running:
            self._process.kill()  # what is left of one that ended by itself
            self._process.start()
        if wait:
            self.wait_until_healthy()

    def wait_until_healthy(self, timeout_seconds: float = HEALTHY_TIMEOUT_SECONDS) -> None:
        """Return once it says so; raises `AssertionError` with the end of its log if it ends or takes too long."""
        try:
            wait_until(lambda: self.is_healthy or not self.is_running, timeout_seconds, f"{self.name} healthy")
        except TimeoutError as exc:
            raise AssertionError(f"{exc}\n{self.log_tail}") from None
        assert self.is_running, f"{self.name} ended by itself:\n{self.log_tail}"

    @property
    def is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(self._health_url, timeout=5.0) as answer:
                return self.command != "standalone" or _is_whole(json.load(answer))
        except (OSError, http.client.HTTPException, ValueError):  # it begins or ends, in the midst of an answer even
            return False

    def metrics(self) -> str:
        """What it has counted, as Prometheus reads it."""
        url = urllib.parse.urlsplit(self._health_url)._replace(path="/metrics").geturl()
        with urllib.request.urlopen(url, timeout=5.0) as answer:
            return answer.read().decode()

    def stop(self) -> None:
        """End it in good order (SIGTERM)."""
        self._process.stop()

    def kill(self) -> None:
        """SIGKILL, as a crash would; its children are gone, too, when this returns."""
        self._process.kill()

    def restart(self) -> None:
        """Kill it and start it again; returns once it is healthy."""
        self.kill()
        self.start()

    def tree(self) -> list[psutil.Process]:
        """The process and all that it has started (without the shell that guards its life)."""
        leader = psutil.Process(self.pid)
        return [leader, *(child for child in leader.children(recursive=True) if not _is_shell(child))]

    @property
    def log_tail(self) -> str:
        """The end of its log, under its name."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"----- {self.name} -----\n{text[-LOG_TAIL_CHARACTERS:]}"


def _is_shell(process: psutil.Process) -> bool:
    try:
        return process.name() in ("sh", "dash")
    except psutil.NoSuchProcess:  # it has just ended, and is no more to be looked at than they are
        return True


class Stack:
    """Running services. Entered as a context, it stops them; left by an exception, it notes the ends of their logs."""

    def __init__(self, processes: Sequence[ServiceProcess], api_url: str, username: str, password: str) -> None:
        self.processes = {process.name: process for process in processes}
        self.api_url = api_url
        self.username = username
        self.password = password

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if exc is not None:
            for process in self.processes.values():
                exc.add_note(process.log_tail)
        with ExitStack() as stops:
            for process in self.processes.values():
                stops.callback(process.stop)

    def start(self, name: str) -> None:
        """Start one process again after `kill` or `stop`; returns once it is healthy."""
        self.processes[name].start()

    def stop(self, name: str) -> None:
        """End one process in good order."""
        self.processes[name].stop()

    def kill(self, name: str) -> None:
        """Kill one process."""
        self.processes[name].kill()

    def restart(self, name: str) -> None:
        """Kill one process and start it again; returns once it is healthy."""
        self.processes[name].restart()

    def start_all(self) -> None:
        """Start all at once; returns when all are healthy."""
        for process in self.processes.values():
            process.start(wait=False)
        for process in self.processes.values():
            process.wait_until_healthy()


@contextmanager
def service_stack(
    folder: Path,
    *,
    database_url: str,
    broker_url: str,
    dags_folder: Path,
    counts: Mapping[str, int] | None = None,
    environment: Mapping[str, str] | None = None,
    own_environments: Mapping[str, Mapping[str, str]] | None = None,
) -> Generator[Stack]:
    """Every service as a process of its own, one of each unless `counts` says otherwise, healthy.

    `folder` takes homes and logs. `database_url` names a database that has the schema. Workers get no database URL.
    `own_environments`: by command or name of a process, what it gets beyond the others.
    """
    password = secrets.token_urlsafe(12)
    (api_port,) = free_ports(1)
    shared = {
        **_common(folder, dags_folder, password, api_port),
        "TRADEWIND__CORE__EXECUTOR": "CeleryExecutor",
        "TRADEWIND__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "TRADEWIND__API_AUTH__JWT_SECRET": secrets.token_urlsafe(32),
        "TRADEWIND__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{api_port}",
        "TRADEWIND__BROKER__URL": broker_url,
        **(environment or {}),
    }
    processes: list[ServiceProcess] = []
    for command in ALL_SERVICES:
        count = (counts or {}).get(command, 1)
        for number in range(1, count + 1):
            name = f"{command}-{number}" if command == "worker" or count > 1 else command
            own = {} if command == "worker" else {DATABASE_VARIABLE: database_url}
            for key in (command, name):
                own |= (own_environments or {}).get(key, {})
            processes.append(_service(name, command, {**shared, **own}, folder))
    with Stack(processes, f"http://127.0.0.1:{api_port}", "admin", password) as stack:
        stack.start_all()
        yield stack


@contextmanager
def standalone_stack(
    folder: Path, *, dags_folder: Path, environment: Mapping[str, str] | None = None, start: bool = True
) -> Generator[Stack]:
    """`tradewind standalone` on embedded parts, as the one process "standalone", healthy (unless not `start`)."""
    password = secrets.token_urlsafe(12)
    (api_port,) = free_ports(1)
    own = {**_common(folder, dags_folder, password, api_port), **(environment or {})}
    process = _service("standalone", "standalone", own, folder)
    try:
        with Stack([process], f"http://127.0.0.1:{api_port}", "admin", password) as stack:
            if start:
                stack.start_all()
            yield stack
    finally:
        shutil.rmtree(site_folder(folder / "home" / "postgres"), ignore_errors=True)  # root's lies elsewhere


def _common(folder: Path, dags_folder: Path, password: str, api_port: int) -> dict[str, str]:
    return {
        "PYTHONUNBUFFERED": "1",
        "TRADEWIND__HOME": str(folder / "home"),
        "TRADEWIND__CORE__DAGS_FOLDER": str(dags_folder),
        "TRADEWIND__API__HOST": "127.0.0.1",
        "TRADEWIND__API__PORT": str(api_port),
        "TRADEWIND__API__ADMIN_USERNAME": "admin",
        "TRADEWIND__API__ADMIN_PASSWORD": password,
    }


def _is_whole(health: Mapping[str, Mapping[str, object]]) -> bool:
    """Whether Airflow's health document says so of every part that must run."""
    return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))


def _service(name: str, command: str, environment: Mapping[str, str], folder: Path) -> ServiceProcess:
    if command in ("api-server", "standalone"):
        own, url = dict(environment), f"http://127.0.0.1:{environment['TRADEWIND__API__PORT']}/api/v2/monitor/health"
    else:
        (port,) = free_ports(1)
        own = {**environment, "TRADEWIND__HEALTH__HOST": "127.0.0.1", "TRADEWIND__HEALTH__PORT": str(port)}
        url = f"http://127.0.0.1:{port}/health"
    folder.mkdir(parents=True, exist_ok=True)
    return ServiceProcess(name, command, own, url, folder / f"{name}.log")
