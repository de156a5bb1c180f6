"""The API as a service: everything constructed, the first user saved, served until stopped."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import CollectorRegistry

from tradewind.api.app import create_app
from tradewind.api.assembly import assembled
from tradewind.api.events.retention import ChangeRetention
from tradewind.api.identity.passwords import Passwords
from tradewind.api.retention.sweep import RetentionSweep
from tradewind.api.settings import ApiServiceSettings
from tradewind.api.task_logs.moving import LogMover
from tradewind.api.task_logs.retention import LogRetention
from tradewind.api.task_logs.stores import LogStores
from tradewind.bus.port import Bus
from tradewind.core.clock import Clock, IdFactory
from tradewind.db.api.identity.users import ADMIN, get_user, save_user
from tradewind.db.pool import Database
from tradewind.db.secrets import SecretBox
from tradewind.service.backoff import jitter_from, retrying
from tradewind.service.http import serve_app
from tradewind.service.listening import bind
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.service.secrets import admin_password, fernet_key, jwt_secret
from tradewind.service.tokens import TokenSigner

OnReady = Callable[[str, int], None]
"""Called once requests are taken, with host and port (the real one, if port 0 was asked for)."""


async def run(
    *,
    settings: ApiServiceSettings,
    bus: Bus,
    pool: Database,
    clock: Clock,
    new_id: IdFactory,
    stop: asyncio.Event,
    registry: CollectorRegistry,
    on_ready: OnReady | None = None,
    is_port_shared: bool = False,
) -> None:
    """Serve until `stop`. Raises `ConfigError` naming `TRADEWIND__API__PORT` or `__HOST` if it cannot listen."""
    telemetry = Telemetry(registry, service="api")
    sock = bind(settings.api.host, settings.api.port, section="API", is_shared=is_port_shared)
    with sock, ThreadPoolExecutor(settings.api_server.password_check_threads, thread_name_prefix="password") as threads:
        passwords = Passwords(threads)
        await retrying(
            lambda: _save_admin(settings, pool, passwords, clock, new_id),
            name="admin_user",
            stop=stop,
            jitter=jitter_from(new_id),
            telemetry=telemetry,
        )
        state = assembled(
            settings=settings,
            bus=bus,
            pool=pool,
            clock=clock,
            new_id=new_id,
            registry=registry,
            telemetry=telemetry,
            passwords=passwords,
            signer=TokenSigner(jwt_secret(settings)),
            secrets=SecretBox(fernet_key(settings)),
        )
        log_stores = state["log_stores"]
        mover = _log_mover(log_stores, pool, clock, new_id, telemetry)
        if mover is not None:
            state["checks"] = {**state["checks"], "log_store": mover.check}
        host, port = sock.getsockname()[:2]
        async with asyncio.TaskGroup() as group:
            group.create_task(state["announcer"].run(stop), name="announcer")
            group.create_task(state["log_followers"].run(stop), name="log-followers")
            group.create_task(state["change_feed"].run(stop), name="change-feed")
            changes = ChangeRetention(limits=settings.api_server, database=pool, clock=clock, telemetry=telemetry)
            group.create_task(changes.run(stop), name="change-retention")
            group.create_task(state["callers"].run(stop), name="identity-watch")
            if mover is not None:
                group.create_task(mover.run(stop), name="log-moves")
            if days := settings.logging.log_retention_days:
                retention = LogRetention(days=days, stores=log_stores, database=pool, clock=clock, telemetry=telemetry)
                group.create_task(retention.run(stop), name="log-retention")
            sweep = RetentionSweep(
                settings=settings.retention, stores=log_stores, database=pool, clock=clock, telemetry=telemetry
            )
            group.create_task(sweep.run(stop), name="retention")
            app = create_app(state, telemetry)
            serving = serve_app(app, sock, stop, lifespan=True)  # pyright: ignore[reportArgumentType] - ASGI types differ in name only
            group.create_task(serving, name="http")
            get_logger().info("api.listening", host=host, port=port)
            if on_ready is not None:
                on_ready(host, port)


def _log_mover(
    stores: LogStores, pool: Database, clock: Clock, new_id: IdFactory, telemetry: Telemetry
) -> LogMover | None:
    """None: logs stay in the database."""
    if stores.base is None:
        return None
    return LogMover(
        base=stores.base,
        stores=stores,
        database=pool,
        clock=clock,
        new_id=new_id,
        jitter=jitter_from(new_id),
        telemetry=telemetry,
    )


async def _save_admin(
    settings: ApiServiceSettings, database: Database, passwords: Passwords, clock: Clock, new_id: IdFactory
) -> None:
    """Make the settings' user and password those of the database."""
    username, password = settings.api.admin_username, admin_password(settings).password
    known = await get_user(database, username)
    if known is None or not await passwords.is_correct(known["password_hash"], password):
        await save_user(database, username, await passwords.hash(password), ADMIN, clock(), new_id())
        get_logger().info("user.saved", username=username)
