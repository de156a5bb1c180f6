"""A RabbitMQ for tests: given by TRADEWIND_TEST_RABBITMQ_URL, installed, from Debian, or from Docker.

Each test takes a virtual host of its own with `new_url`. A given server needs its management API for that, at
TRADEWIND_TEST_RABBITMQ_MANAGEMENT_URL (default: port 15672 of the same host, same credentials).
"""

import base64
import hashlib
import itertools
import json
import os
import secrets
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from tests.servers import compose, debian
from tests.servers.process import ServerProcess, ServerUnavailable, find_program, free_ports

_ADVICE: Final = (
    "Tests need a RabbitMQ. Give one with TRADEWIND_TEST_RABBITMQ_URL=amqp://user:password@host:port (its management "
    "API must be reachable), or install rabbitmq-server (`apt-get install rabbitmq-server`; as root the tests do that "
    "by themselves), or make `docker compose` work."
)
_PROGRAM_FOLDERS: Final = ("/usr/lib/rabbitmq/bin", "/usr/local/lib/rabbitmq/bin", "/opt/rabbitmq/sbin")
_VHOSTS_AT_ONCE: Final = 32


class RabbitMQServer(Protocol):
    """A running broker."""

    is_ours: bool
    """Whether we started it and so may stop it."""

    def new_url(self) -> str:
        """The AMQP address of a virtual host that nobody has used yet."""
        ...

    def start(self) -> None:
        """Start it again after `stop` or `kill`, at the same address; returns once it accepts connections, at once if
        it runs already."""
        ...

    def stop(self) -> None:
        """End it in good order; its durable queues survive."""
        ...

    def kill(self) -> None:
        """End it as a crash would."""
        ...

    def delete_queues(self, url: str, *, keep: str) -> None:
        """Delete every queue of the virtual host of this address but `keep`, those in use and exclusive ones, too."""
        ...


@contextmanager
def rabbitmq_server(*, private: bool = False) -> Generator[RabbitMQServer]:
    """A running RabbitMQ. `private`: one that may be stopped and killed, so never the one given by its address."""
    if not private and (url := os.environ.get("TRADEWIND_TEST_RABBITMQ_URL")):
        yield _GivenRabbitMQ(url)
    elif (program := _installed_program()) is not None:
        with _own_process(Path(program)) as server:
            yield server
    elif compose.is_available():
        with _own_container() as server:
            yield server
    else:
        raise ServerUnavailable(_ADVICE)


def _installed_program() -> str | None:
    program = find_program("rabbitmq-server", *_PROGRAM_FOLDERS)
    if program is None and debian.can_install():
        failure = debian.install("rabbitmq-server")
        if failure is not None and not compose.is_available():
            raise ServerUnavailable(f"{_ADVICE}\napt-get failed:\n{failure}")
        program = find_program("rabbitmq-server", *_PROGRAM_FOLDERS)
    return program


class _ManagementApi:
    """Makes virtual hosts over HTTP."""

    def __init__(self, base_url: str, username: str, password: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._username = username
        credentials = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._headers = {"authorization": f"Basic {credentials}", "content-type": "application/json"}

    def new_vhost(self) -> str:
        name = f"tradewind-test-{secrets.token_hex(6)}"
        self._put(f"/api/vhosts/{name}", {})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self._put(f"/api/permissions/{name}/{urllib.parse.quote(self._username, safe='')}", everything)
        return name

    def delete_queues(self, vhost: str, *, keep: str) -> None:
        queues = json.loads(self._call(f"/api/queues/{vhost}", "GET", None))
        for name in (str(queue["name"]) for queue in queues if queue["name"] != keep):
            self._call(f"/api/queues/{vhost}/{urllib.parse.quote(name, safe='')}", "DELETE", None)

    def _put(self, path: str, body: object) -> None:
        self._call(path, "PUT", json.dumps(body).encode())

    def _call(self, path: str, method: str, data: bytes | None) -> bytes:
        request = urllib.request.Request(self._base_url + path, data=data, headers=self._headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except (urllib.error.URLError, OSError) as exc:
            text = f"RabbitMQ's management API at {self._base_url} cannot be used ({exc}).\n{_ADVICE}"
            raise ServerUnavailable(text) from exc


class _GivenRabbitMQ:
    is_ours = False

    def __init__(self, url: str) -> None:
        self._parts = urllib.parse.urlsplit(url)
        default = f"http://{self._parts.hostname}:15672"
        management_url = os.environ.get("TRADEWIND_TEST_RABBITMQ_MANAGEMENT_URL", default)
        user, password = (
            urllib.parse.unquote(part or "guest") for part in (self._parts.username, self._parts.password)
        )
        self._api = _ManagementApi(management_url, user, password)

    def new_url(self) -> str:
        return self._parts._replace(path=f"/{self._api.new_vhost()}").geturl()

    def start(self) -> None:
        raise ServerUnavailable("the server of TRADEWIND_TEST_RABBITMQ_URL is not ours to start")

    def stop(self) -> None:
        raise ServerUnavailable("the server of TRADEWIND_TEST_RABBITMQ_URL is not ours to stop")

    def kill(self) -> None:
        raise ServerUnavailable("the server of TRADEWIND_TEST_RABBITMQ_URL is not ours to kill")

    def delete_queues(self, url: str, *, keep: str) -> None:
        self._api.delete_queues(_vhost(url), keep=keep)


class _InstalledRabbitMQ:
    """A node of its own in a folder of its own: own name, ports, cookie, port mapper and data."""

    is_ours = True

    def __init__(self, program: Path, folder: Path) -> None:
        self._ctl = program.with_name("rabbitmqctl")
        self._port, distribution_port, mapper_port = free_ports(3)
        self._vhosts: list[str] = []
        self._numbers = itertools.count(1)
        home = folder / "home"
        home.mkdir()
        cookie = home / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(10))
        cookie.chmod(0o400)
        self._environment = {
            "HOME": str(home),
            "ERL_EPMD_PORT": str(mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"tradewind{mapper_port}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            # Small: one async thread, no busy waiting between messages.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+A 1 +sbwt none +sbwtdcpu none +sbwtdio none",
        }
        self._write_configuration(folder)
        epmd = find_program("epmd", "/usr/lib/erlang/bin", "/usr/local/lib/erlang/bin")
        if epmd is None:
            raise ServerUnavailable(f"Erlang's epmd is not beside the installed RabbitMQ.\n{_ADVICE}")
        self._mapper_port = mapper_port
        self._mapper = ServerProcess([epmd], log=folder / "epmd.log", environment=self._environment)
        self._node = ServerProcess([str(program)], log=folder / "rabbitmq.log", environment=self._environment)

    def _write_configuration(self, folder: Path) -> None:
        vhosts = [f"test{next(self._numbers)}" for _ in range(_VHOSTS_AT_ONCE)]
        self._vhosts += vhosts
        (folder / "definitions.json").write_text(json.dumps(_definitions(vhosts)))
        (folder / "advanced.config").write_text("[].\n")
        (folder / "enabled_plugins").write_text("[].\n")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self._port}\n"
            f"load_definitions = {folder / 'definitions.json'}\n"
            "log.console = true\nlog.console.level = warning\nlog.file = false\n"
            "disk_free_limit.absolute = 50MB\n"
        )

    def new_url(self) -> str:
        if not self._vhosts:
            self._vhosts += self._make_vhosts()
        return f"amqp://guest:guest@127.0.0.1:{self._port}/{self._vhosts.pop(0)}"

    def _make_vhosts(self) -> list[str]:
        # One call for many: each start of the control program costs about half a second.
        names = [f"test{next(self._numbers)}" for _ in range(_VHOSTS_AT_ONCE)]
        listed = ", ".join(f'<<"{name}">>' for name in names)
        expression = (
            f'[begin rabbit_vhost:add(V, <<"tests">>), rabbit_auth_backend_internal:set_permissions('
            f'<<"guest">>, V, <<".*">>, <<".*">>, <<".*">>, <<"tests">>) end || V <- [{listed}]].'
        )
        self._evaluate(expression)
        return names

    def delete_queues(self, url: str, *, keep: str) -> None:
        expression = (
            f'[rabbit_amqqueue:delete(Q, false, false, <<"tests">>) || Q <- rabbit_amqqueue:list(<<"{_vhost(url)}">>), '
            f'element(4, amqqueue:get_name(Q)) =/= <<"{keep}">>].'
        )
        self._evaluate(expression)

    def _evaluate(self, expression: str) -> None:
        done = subprocess.run(
            [str(self._ctl), "eval", expression],
            env={**os.environ, **self._environment},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode != 0:
            raise ServerUnavailable(f"rabbitmqctl eval {expression}:\n{done.stdout}{done.stderr}")

    def start(self) -> None:
        self._mapper.start()
        self._mapper.wait_for_port(self._mapper_port, 60.0)
        self._node.start()
        self._node.wait_for_port(self._port, 90.0)

    def stop(self) -> None:
        self._node.stop()
        self._mapper.kill()

    def kill(self) -> None:
        self._node.kill()
        self._mapper.kill()


def _vhost(url: str) -> str:
    return urllib.parse.urlsplit(url).path.removeprefix("/")


def _definitions(vhosts: list[str]) -> object:
    """What the broker loads before it listens: user guest, who may do everything in these virtual hosts."""
    salt = secrets.token_bytes(4)
    password_hash = base64.b64encode(salt + hashlib.sha256(salt + b"guest").digest()).decode()
    return {
        "users": [
            {
                "name": "guest",
                "password_hash": password_hash,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "administrator",
            }
        ],
        "vhosts": [{"name": name} for name in vhosts],
        "permissions": [
            {"user": "guest", "vhost": name, "configure": ".*", "write": ".*", "read": ".*"} for name in vhosts
        ],
    }


@contextmanager
def _own_process(program: Path) -> Generator[RabbitMQServer]:
    # Debian's /usr/sbin/rabbitmq-server is a wrapper that insists on the user rabbitmq; the real one does not.
    real = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    with tempfile.TemporaryDirectory(prefix="tradewind-rabbitmq-", ignore_cleanup_errors=True) as folder:
        server = _InstalledRabbitMQ(real if real.exists() else program, Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.kill()


class _ContainerRabbitMQ:
    is_ours = True

    def __init__(self) -> None:
        self._port, management_port = free_ports(2)
        ports = {"RABBITMQ_PORT": self._port, "RABBITMQ_MANAGEMENT_PORT": management_port}
        self._service = compose.ComposeService("rabbitmq", ports)
        self._api = _ManagementApi(f"http://127.0.0.1:{management_port}", "guest", "guest")

    def new_url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self._port}/{self._api.new_vhost()}"

    def start(self) -> None:
        self._service.start()

    def stop(self) -> None:
        self._service.stop()

    def kill(self) -> None:
        self._service.kill()

    def delete_queues(self, url: str, *, keep: str) -> None:
        self._api.delete_queues(_vhost(url), keep=keep)

    def remove(self) -> None:
        self._service.remove()


@contextmanager
def _own_container() -> Generator[RabbitMQServer]:
    server = _ContainerRabbitMQ()
    try:
        server.start()
        yield server
    finally:
        server.remove()
