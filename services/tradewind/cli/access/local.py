"""The API's own application in this process, over the database that this machine's settings name.

It listens on a socket in a folder that only this user can open, and takes whoever asks for an admin: who has the
database's password can do anything. Nothing listens on the network, and nobody logs in.
"""

import asyncio
import getpass
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory
from typing import Final

from anyio.from_thread import start_blocking_portal
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tradewind.api.app import create_app
from tradewind.api.assembly import assembled
from tradewind.api.dependencies import require_user
from tradewind.api.errors import Conflicting
from tradewind.api.identity.caller import Caller, Role
from tradewind.api.identity.passwords import Passwords
from tradewind.api.settings import ApiServiceSettings
from tradewind.api.state import ApiState
from tradewind.bus.memory import MemoryBroker
from tradewind.bus.open import open_bus
from tradewind.cli.access.failing import fail
from tradewind.cli.kept import own_values
from tradewind.db.migrate import SCHEMA, served_range
from tradewind.db.pool import Database, open_pool, reach
from tradewind.db.secrets import SecretBox
from tradewind.db.store import StoreUnavailable
from tradewind.service.clock import new_id, utc_now
from tradewind.service.http import serve_app
from tradewind.service.logging import configure_logging
from tradewind.service.metrics import Telemetry
from tradewind.service.secrets import known_fernet_key
from tradewind.service.settings import load_settings, required_database_url
from tradewind.service.tokens import TokenSigner

PLACE: Final = "The application in this process"
WAY_OUT: Final = "This is a defect: please report it"
CONNECTIONS: Final = 2
KEY_ELSEWHERE: Final = (
    "The key of the services' secrets is not here: set TRADEWIND__CORE__FERNET_KEY to theirs, or TRADEWIND__HOME to "
    "their home folder"
)


@contextmanager
def served_here(*, verbose: bool) -> Generator[Path]:
    """The path of the socket that it listens on. Its event loop has a thread of its own."""
    settings = load_settings(ApiServiceSettings)
    level = settings.logging.level if verbose else "ERROR"
    configure_logging(replace(settings.logging, level=level, format="console"), service="cli", stream=sys.stderr)
    failure: BaseException | None = None
    with TemporaryDirectory(prefix="tradewind-") as folder, start_blocking_portal(name="api") as portal:
        path = Path(folder) / "api.sock"
        with portal.wrap_async_context_manager(_serving(settings, path)):
            try:
                yield path
            except BaseException as exc:  # raised below: how a command ends is no failure of what it asked
                failure = exc
    if failure is not None:
        raise failure


@asynccontextmanager
async def _serving(settings: ApiServiceSettings, path: Path) -> AsyncGenerator[None]:
    async with AsyncExitStack() as stack:
        database = await _opened(settings, stack)
        broker = settings.broker.url
        bus = await stack.enter_async_context(
            open_bus(broker and broker.get_secret_value(), broker=MemoryBroker(), name="tradewind cli")
        )
        registry = CollectorRegistry()
        telemetry = Telemetry(registry, service="cli")
        threads = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="password"))
        state = assembled(
            settings=settings,
            bus=bus,
            pool=database,
            clock=utc_now,
            new_id=new_id,
            registry=registry,
            telemetry=telemetry,
            passwords=Passwords(threads),
            signer=TokenSigner(token_urlsafe()),
            secrets=_secrets(settings),
        )
        async with _running(state, telemetry, path):
            yield


class _KeyElsewhere(SecretBox):
    """A key made here would be another than the services': what it encrypts they could not read."""

    def __init__(self) -> None: ...

    def encrypt(self, text: str) -> bytes:
        raise Conflicting(KEY_ELSEWHERE)

    def decrypt(self, token: bytes) -> str:
        raise Conflicting(KEY_ELSEWHERE)

    def rotate(self, token: bytes) -> bytes:
        raise Conflicting(KEY_ELSEWHERE)


def _secrets(settings: ApiServiceSettings) -> SecretBox:
    key = known_fernet_key(settings)
    return _KeyElsewhere() if key is None else SecretBox(key)


@asynccontextmanager
async def _running(state: ApiState, telemetry: Telemetry, path: Path) -> AsyncGenerator[None]:
    """What was asked for is told to others before this ends, if the broker can be reached."""
    app = create_app(state, telemetry, is_checked=False)
    app.dependency_overrides[require_user] = _this_user
    app.include_router(own_values.router)
    stop = asyncio.Event()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    async with asyncio.TaskGroup() as group:
        serving = serve_app(app, listener, stop, lifespan=True)  # pyright: ignore[reportArgumentType] - ASGI types differ in name only
        group.create_task(serving, name="http")
        group.create_task(state["announcer"].run(stop), name="announcer")
        group.create_task(state["log_followers"].run(stop), name="log-followers")
        try:
            yield
        finally:
            stop.set()


async def _opened(settings: ApiServiceSettings, stack: AsyncExitStack) -> Database:
    """The database, once it is known to be of this version."""
    url = required_database_url(settings)
    try:
        await reach(url)
        database = await stack.enter_async_context(open_pool(url, CONNECTIONS))
        served = await served_range(database)
    except StoreUnavailable as exc:
        fail(f"{exc}: check TRADEWIND__DATABASE__URL")
    if served is None or not served[0] <= SCHEMA <= served[1]:
        has = "none" if served is None else f"{served[0]} to {served[1]}"
        fail(f"The database serves schema {has}, and this version needs {SCHEMA}: run `tradewind db migrate`")
    return database


async def _this_user() -> Caller:
    return Caller(username=getpass.getuser(), role=Role.ADMIN, via="local")
