"""The API as a service: everything constructed, the first user saved, served until stopped."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from prometheus_client import CollectorRegistry

from tradewind.api.announcer import Announcer
from tradewind.api.app import create_app
from tradewind.api.dag_specs import DagSpecs
from tradewind.api.logins import Logins
from tradewind.api.own_timetables import OwnTimetables
from tradewind.api.passwords import Passwords
from tradewind.api.settings import ApiServiceSettings
from tradewind.api.state import ApiState
from tradewind.api.task_logs.followers import LogFollowers
from tradewind.api.task_logs.moving import LogMover
from tradewind.api.task_logs.retention import LogRetention
from tradewind.api.task_logs.stores import LogStores
from tradewind.bus.port import Bus
from tradewind.core.clock import Clock, IdFactory
from tradewind.db.api.admin import get_user, save_user
from tradewind.db.pool import Database
from tradewind.db.secrets import SecretBox
from tradewind.db.statements import statement
from tradewind.service.backoff import jitter_from, retrying
from tradewind.service.dag_roots import dag_roots
from tradewind.service.health import bus_check, store_check
from tradewind.service.http import serve_app
from tradewind.service.listening import bind
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.service.secrets import admin_password, fernet_key, jwt_secret
from tradewind.service.tokens import TokenSigner

ADMIN_ROLE = "admin"

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
) -> None:
    """Serve until `stop`. Raises `ConfigError` naming `TRADEWIND__API__PORT` or `__HOST` if it cannot listen."""
    telemetry = Telemetry(registry, service="api")
    announcer = Announcer(bus=bus, telemetry=telemetry, jitter=jitter_from(new_id))
    sock = bind(settings.api.host, settings.api.port, section="API")
    with sock, ThreadPoolExecutor(settings.api_server.password_check_threads, thread_name_prefix="password") as threads:
        passwords = Passwords(threads)
        await retrying(
            lambda: _save_admin(settings, pool, passwords, clock),
            name="admin_user",
            stop=stop,
            jitter=jitter_from(new_id),
            telemetry=telemetry,
        )
        signer = TokenSigner(jwt_secret(settings))
        secret_box = SecretBox(fernet_key(settings))
        log_stores = LogStores(settings=settings.logging, database=pool, secrets=secret_box)
        log_followers = LogFollowers(
            bus=bus,
            database=pool,
            max_followers=settings.api_server.max_log_followers,
            jitter=jitter_from(new_id),
            telemetry=telemetry,
        )
        mover = _log_mover(log_stores, pool, clock, new_id, telemetry)
        state = ApiState(
            settings=settings,
            database=pool,
            bus=bus,
            clock=clock,
            new_id=new_id,
            registry=registry,
            announcer=announcer,
            signer=signer,
            logins=Logins(signer, clock),
            passwords=passwords,
            dag_specs=DagSpecs(pool),
            own_timetables=OwnTimetables(bus),
            dag_roots=dag_roots(settings),
            secrets=secret_box,
            log_followers=log_followers,
            log_stores=log_stores,
            checks={
                "broker": bus_check(bus),
                **({} if mover is None else {"log_store": mover.check}),
                "database": store_check(partial(pool.fetch_row, statement("get_schema_range"))),
            },
        )
        host, port = sock.getsockname()[:2]
        async with asyncio.TaskGroup() as group:
            group.create_task(announcer.run(stop), name="announcer")
            group.create_task(log_followers.run(stop), name="log-followers")
            if mover is not None:
                group.create_task(mover.run(stop), name="log-moves")
            if days := settings.logging.log_retention_days:
                retention = LogRetention(days=days, stores=log_stores, database=pool, clock=clock, telemetry=telemetry)
                group.create_task(retention.run(stop), name="log-retention")
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


async def _save_admin(settings: ApiServiceSettings, database: Database, passwords: Passwords, clock: Clock) -> None:
    """Make the settings' user and password those of the database."""
    username, password = settings.api.admin_username, admin_password(settings).password
    known = await get_user(database, username)
    if known is None or not await passwords.is_correct(known["password_hash"], password):
        await save_user(database, username, await passwords.hash(password), ADMIN_ROLE, clock())
        get_logger().info("user.saved", username=username)
