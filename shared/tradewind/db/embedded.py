"""A private Postgres for `tradewind standalone` and for tests: no installation, no TCP port, gone when its owner is.

The owner holds a lock on the folder. A server left behind by an owner that was killed is shut down and started again
by the next one; Postgres then recovers every committed transaction from its log, as after any crash.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

import asyncpg
import psutil

from tradewind.core.errors import ConfigError
from tradewind.db.postgres_programs import WAY_OUT, Account, is_traversable, postgres_programs, server_account
from tradewind.service.logging import get_logger

SYSTEM_FOLDER: Final = Path("/var/lib/tradewind")
"""Where the data lie when root is the owner."""

START_TIMEOUT_SECONDS: Final = 60.0
STOP_TIMEOUT_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.01
RESTART_SECONDS: Final = 0.2
SOCKET_PATH_MAX_BYTES: Final = 100
"""Unix sockets' paths are limited to 107 bytes on Linux, 103 on macOS."""

SUPERUSER: Final = "tradewind"

SERVER_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    # Small while idle: few buffers, no helper processes that serve replication or parallel queries.
    "shared_buffers": "64MB",
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "max_worker_processes": "2",
    "max_logical_replication_workers": "0",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    # Every commit is on disk before it is answered: this is the only truth.
    "fsync": "on",
    "synchronous_commit": "on",
    # Statements are short; compiling them costs more than it saves.
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}


@dataclass(frozen=True, slots=True)
class _Site:
    """Where one embedded server lives. `data` is Postgres's own folder inside `folder`."""

    folder: Path
    programs: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"


@asynccontextmanager
async def embedded_postgres(data_folder: Path, *, system_folder: Path = SYSTEM_FOLDER) -> AsyncGenerator[str]:
    """Run a Postgres 18 whose data lie in `data_folder`, and give its URL; on leaving, it has been stopped.

    As root the data lie in a folder of their own under `system_folder`, named after `data_folder`: Postgres runs as
    another user then, who must be able to pass all parents. Modes of folders that exist already are never changed.
    Raises `ConfigError` when that cannot be done, and when another living process owns the folder.
    """
    site = await asyncio.to_thread(_prepare_site, data_folder, system_folder)
    with _owned(site.folder):
        await _stop_orphan(site.data)
        if not (site.data / "PG_VERSION").exists():
            await asyncio.to_thread(_make_cluster, site)
        with _socket_folder(site) as sockets:
            server = await _start(site, sockets)
            get_logger().info("embedded_postgres.started", folder=str(site.folder), pid=server.pid)
            try:
                yield _url(sockets)
            finally:
                await _stop(server.pid, lambda: server.poll() is not None)
                get_logger().info("embedded_postgres.stopped", folder=str(site.folder))


def running_url(data_folder: Path, *, system_folder: Path = SYSTEM_FOLDER) -> str | None:
    """The URL of the server that runs over this folder now; None if there is none, or none that this user may see."""
    data = site_folder(data_folder, system_folder) / "data"
    try:
        pid, _, _, _, sockets, *_ = (data / "postmaster.pid").read_text().splitlines()
    except (OSError, ValueError):
        return None
    return None if _server_process(int(pid), data) is None else _url(Path(sockets))


def _url(sockets: Path) -> str:
    return f"postgresql://{SUPERUSER}@/postgres?host={sockets}"


def _prepare_site(data_folder: Path, system_folder: Path) -> _Site:
    account = server_account()
    data_folder = data_folder.absolute()
    if account is None:
        data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _Site(data_folder, postgres_programs(None, data_folder), None)
    folder = site_folder(data_folder, system_folder)
    _make_system_folder(system_folder)
    if not folder.exists():
        folder.mkdir(mode=0o700)
    if folder.stat().st_uid != account.uid:
        _give(folder, account)
    return _Site(folder, postgres_programs(account, system_folder), account)


def site_folder(data_folder: Path, system_folder: Path = SYSTEM_FOLDER) -> Path:
    """Where the data of `data_folder` really lie: for root in a folder of their own, otherwise there."""
    data_folder = data_folder.absolute()
    return data_folder if server_account() is None else system_folder / _folder_name(data_folder)


def _make_system_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir()
        folder.chmod(0o755)  # ours, and new: whatever the umask, Postgres's user must pass
    if not is_traversable(folder / "inside"):
        raise ConfigError(f"not every user may pass {folder}, so embedded Postgres cannot run there: {WAY_OUT}")


def _folder_name(data_folder: Path) -> str:
    digest = hashlib.sha256(os.fsencode(data_folder)).hexdigest()[:10]
    return f"{data_folder.parent.name or 'root'}-{data_folder.name}-{digest}"


def _give(folder: Path, account: Account) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


@contextmanager
def _owned(folder: Path) -> Generator[None]:
    """Hold the folder's lock; the system frees it whenever and however this process ends."""
    with (folder / "owner.lock").open("a+") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            raise ConfigError(f"the database in {folder} is in use by another process (pid {owner})") from exc
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def _socket_folder(site: _Site) -> Generator[Path]:
    """The site's own folder, or a private temporary one where its path would be too long for a socket."""
    if len(os.fsencode(site.folder / ".s.PGSQL.5432")) <= SOCKET_PATH_MAX_BYTES:
        yield site.folder
        return
    folder = Path(tempfile.mkdtemp(prefix="tradewind-"))
    try:
        if site.account is not None:
            _give(folder, site.account)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_cluster(site: _Site) -> None:
    """Initialise into a temporary folder and rename: an interrupted initialisation leaves nothing half-made."""
    temporary = site.folder / "data.new"
    shutil.rmtree(temporary, ignore_errors=True)
    command = (
        *(str(site.programs / "initdb"), "--pgdata", str(temporary), "--username", SUPERUSER, "--auth", "trust"),
        *("--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8", "--no-instructions"),
    )
    done = subprocess.run(  # noqa: S603 - our own programs and words
        command, capture_output=True, text=True, check=False, cwd=site.folder, env=_environment(), **_as(site.account)
    )
    if done.returncode != 0:
        raise ConfigError(f"cannot make a database in {site.folder}: {done.stderr.strip()}: {WAY_OUT}")
    temporary.rename(site.data)


class _RunAs(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _as(account: Account | None) -> _RunAs:
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    """Without PG* variables, which would redirect the programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


async def _start(site: _Site, sockets: Path) -> subprocess.Popen[bytes]:
    """Start the server and return once it answers. A first try may fail while processes of a killed predecessor are
    still ending; then it is tried again until the time is up."""
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT_SECONDS
    while True:
        server = _launch(site, sockets)
        answers = False
        try:
            answers = await _answers(server, sockets, deadline)
        finally:
            if not answers:
                await _stop(server.pid, lambda server=server: server.poll() is not None)
        if answers:
            return server
        if asyncio.get_running_loop().time() >= deadline or not _predecessor_is_ending(site):
            raise ConfigError(f"embedded Postgres does not start: {_last_lines(site.log)}: {WAY_OUT}")
        await asyncio.sleep(RESTART_SECONDS)


def _launch(site: _Site, sockets: Path) -> subprocess.Popen[bytes]:
    settings = SERVER_SETTINGS | {"unix_socket_directories": str(sockets)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [*_dies_with_us(), str(site.programs / "postgres"), "-D", str(site.data), *options]
    with site.log.open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own programs and words
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=site.folder,
            env=_environment(),
            start_new_session=True,  # Ctrl-C in a terminal is for us; Postgres goes last
            **_as(site.account),
        )


def _dies_with_us() -> list[str]:
    """On Linux a killed owner's server shuts down at once; elsewhere the next owner does it."""
    setpriv = shutil.which("setpriv")
    return [] if setpriv is None else [setpriv, "--pdeathsig", "INT", "--"]


async def _answers(server: subprocess.Popen[bytes], sockets: Path, deadline: float) -> bool:
    while server.poll() is None and asyncio.get_running_loop().time() < deadline:
        try:
            connection = await asyncpg.connect(_url(sockets), timeout=5.0)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            await asyncio.sleep(POLL_SECONDS)
        else:
            await connection.close()
            return True
    return False


def _predecessor_is_ending(site: _Site) -> bool:
    return "pre-existing shared memory block" in _last_lines(site.log)


def _last_lines(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else "no log"


async def _stop_orphan(data: Path) -> None:
    """Shut down a server that outlived its owner, and remove a pid file whose number has gone to somebody else."""
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text().split(maxsplit=1)[0])
    process = _server_process(pid, data)
    if process is None:
        pid_file.unlink(missing_ok=True)
        return
    get_logger().warning("embedded_postgres.orphan_stopped", pid=pid)
    await _stop(pid, lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def _server_process(pid: int, data: Path) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return process if process.name() == "postgres" and Path(process.cwd()) == data.resolve() else None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


async def _stop(pid: int, has_ended: Callable[[], bool]) -> None:
    """Fast shutdown; if that takes too long, immediate shutdown, which recovery at the next start makes good."""
    for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if has_ended():
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signum)
        deadline = asyncio.get_running_loop().time() + STOP_TIMEOUT_SECONDS
        while not has_ended() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - nothing tells us
            await asyncio.sleep(POLL_SECONDS)
