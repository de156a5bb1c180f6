"""Puts together what the routes work with: for the service, and for commands that ask their own application."""

from functools import partial

from prometheus_client import CollectorRegistry

from tradewind.api.access.grants import Grants
from tradewind.api.announcer import Announcer
from tradewind.api.dag_specs import DagSpecs
from tradewind.api.events.feed import ChangeFeed
from tradewind.api.identity.callers import Callers
from tradewind.api.identity.elsewhere import oidc_provider
from tradewind.api.identity.login_limit import LoginLimit
from tradewind.api.identity.logins import Logins
from tradewind.api.identity.passwords import Passwords
from tradewind.api.own_timetables import OwnTimetables
from tradewind.api.settings import ApiServiceSettings
from tradewind.api.state import ApiState
from tradewind.api.task_logs.followers import LogFollowers
from tradewind.api.task_logs.stores import LogStores
from tradewind.bus.port import Bus
from tradewind.core.clock import Clock, IdFactory
from tradewind.db.pool import Database
from tradewind.db.secrets import SecretBox
from tradewind.db.statements import statement
from tradewind.service.backoff import jitter_from
from tradewind.service.dag_roots import dag_roots
from tradewind.service.health import bus_check, store_check
from tradewind.service.metrics import Telemetry
from tradewind.service.tokens import TokenSigner


def assembled(
    *,
    settings: ApiServiceSettings,
    bus: Bus,
    pool: Database,
    clock: Clock,
    new_id: IdFactory,
    registry: CollectorRegistry,
    telemetry: Telemetry,
    passwords: Passwords,
    signer: TokenSigner,
    secrets: SecretBox,
) -> ApiState:
    """The state of an application. Its `announcer`, `log_followers` and `callers` are run by the caller."""
    return ApiState(
        settings=settings,
        database=pool,
        bus=bus,
        clock=clock,
        new_id=new_id,
        registry=registry,
        announcer=Announcer(bus=bus, telemetry=telemetry, jitter=jitter_from(new_id)),
        signer=signer,
        logins=Logins(signer, clock),
        callers=Callers(database=pool, signer=signer, clock=clock, settings=settings, telemetry=telemetry),
        grants=Grants(pool),
        login_limit=LoginLimit(database=pool, clock=clock, limits=settings.login_limit),
        oidc=oidc_provider(settings.oidc, clock),
        passwords=passwords,
        dag_specs=DagSpecs(pool),
        own_timetables=OwnTimetables(bus),
        dag_roots=dag_roots(settings),
        secrets=secrets,
        log_followers=LogFollowers(
            bus=bus,
            database=pool,
            max_followers=settings.api_server.max_log_followers,
            jitter=jitter_from(new_id),
            telemetry=telemetry,
        ),
        log_stores=LogStores(settings=settings.logging, database=pool, secrets=secrets),
        change_feed=ChangeFeed(
            database=pool,
            max_listeners=settings.api_server.max_event_clients,
            max_waiting=settings.api_server.max_waiting_events,
            max_waiters=settings.api_server.max_run_waiters,
            telemetry=telemetry,
        ),
        checks={
            "broker": bus_check(bus),
            "database": store_check(partial(pool.fetch_row, statement("get_schema_range"))),
        },
    )
