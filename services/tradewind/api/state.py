"""What the routes work with: made once when the API starts, handed to every request."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from prometheus_client import CollectorRegistry

from tradewind.api.access.grants import Grants
from tradewind.api.announcer import Announcer
from tradewind.api.dag_specs import DagSpecs
from tradewind.api.events.feed import ChangeFeed
from tradewind.api.identity.callers import Callers
from tradewind.api.identity.login_limit import LoginLimit
from tradewind.api.identity.logins import Logins
from tradewind.api.identity.passwords import Passwords
from tradewind.api.own_timetables import OwnTimetables
from tradewind.api.settings import ApiServiceSettings
from tradewind.api.task_logs.followers import LogFollowers
from tradewind.api.task_logs.stores import LogStores
from tradewind.bus.port import Bus
from tradewind.core.clock import Clock, IdFactory
from tradewind.db.pool import Database
from tradewind.db.secrets import SecretBox
from tradewind.service.dag_roots import DagRoot
from tradewind.service.health import Check
from tradewind.service.tokens import TokenSigner

if TYPE_CHECKING:
    from tradewind.api.identity.oidc.provider import OidcProvider


class ApiState(TypedDict):
    """The lifespan's state; `request.scope["state"]` is a copy of it."""

    settings: ApiServiceSettings
    database: Database
    bus: Bus
    clock: Clock
    new_id: IdFactory
    registry: CollectorRegistry
    announcer: Announcer
    signer: TokenSigner
    logins: Logins
    callers: Callers
    grants: Grants
    login_limit: LoginLimit
    oidc: "OidcProvider | None"
    passwords: Passwords
    dag_specs: DagSpecs
    own_timetables: OwnTimetables
    dag_roots: Sequence[DagRoot]
    secrets: SecretBox
    log_followers: LogFollowers
    log_stores: LogStores
    change_feed: ChangeFeed
    checks: Mapping[str, Check]
