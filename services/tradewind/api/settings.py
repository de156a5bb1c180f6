"""Settings of the API."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from tradewind.service.environment import SecretStr
from tradewind.service.settings import ServiceSettings


class ApiServerLimits(Struct, frozen=True):
    """How much the API takes on: `TRADEWIND__API_SERVER__…`."""

    max_request_bytes: Annotated[int, Meta(ge=1024)] = 32 * 1024 * 1024
    """A longer body is refused with 413. The largest bodies are XComs and pieces of task logs."""
    max_request_seconds: Annotated[float, Meta(gt=0)] = 120.0
    """A body that is not complete after that time is refused with 408: who sends a byte a minute holds no connection
    for ever."""
    password_check_threads: Annotated[int, Meta(ge=1)] = 2
    """Checking a password takes tens of milliseconds and 64 MiB, on purpose: so many are checked at once."""
    max_log_followers: Annotated[int, Meta(ge=0)] = 200
    """So many may follow logs through one API process; each holds a connection, and while it reads up to a megabyte.
    Who comes then is told to ask again (503)."""
    max_event_clients: Annotated[int, Meta(ge=0)] = 500
    """So many may listen to events through one API process; each holds a connection. Who comes then is told to ask
    again (503)."""
    max_waiting_events: Annotated[int, Meta(ge=1)] = 5_000
    """So many events are kept for a client that reads more slowly than they come; then it is cut off, and goes on from
    the id of its last one."""
    max_run_waiters: Annotated[int, Meta(ge=0)] = 5_000
    """So many may wait for runs through one API process. Who comes then is told to ask again (503)."""
    event_retention_hours: Annotated[float, Meta(gt=0)] = 24.0
    """So long a client may have been away and still miss nothing."""
    event_retention_rows: Annotated[int, Meta(ge=1)] = 2_000_000
    """More changes of state than these are not kept, however young: about 300 MB."""
    idempotency_key_hours: Annotated[float, Meta(gt=0)] = 24.0
    """So long a run is found again under its Idempotency-Key, and a webhook's delivery is known."""
    max_webhook_bytes: Annotated[int, Meta(ge=1)] = 1 << 20
    """A longer delivery to a webhook is refused with 413. Payloads become the conf of runs, which schedulers read."""
    max_webhook_deliveries: Annotated[int, Meta(ge=1)] = 600
    """So many deliveries a webhook takes in a minute; others are refused with 429 until the minute is over."""


class LoginLimits(Struct, frozen=True):
    """How often somebody may try to log in with a wrong password: `TRADEWIND__LOGIN_LIMIT__…`."""

    per_user: Annotated[int, Meta(ge=1)] = 10
    """Logins of one name in one window; the next are refused with 429 until the window ends, right or wrong."""
    per_address: Annotated[int, Meta(ge=1)] = 50
    """From one address, whatever the names. Behind a proxy, tell uvicorn by `FORWARDED_ALLOW_IPS` which one it is, or
    all users have its address."""
    window_seconds: Annotated[int, Meta(ge=1)] = 300


class OidcSettings(Struct, frozen=True):
    """Where people sign in, if not here: an OpenID provider, `TRADEWIND__OIDC__…`."""

    issuer: str = ""
    """Its address, as it names itself (`https://login.example.org/realms/data`); empty: nobody signs in elsewhere."""
    name: str = "OpenID Connect"
    """What people call it."""
    client_id: str = ""
    client_secret: SecretStr | None = None
    """Unset: this server is a public client there; PKCE is used in any case."""
    scopes: str = "openid profile email"
    username_claim: str = "preferred_username"
    role_claim: str = ""
    """Which claim says what somebody may do: `groups`, or with dots `realm_access.roles`."""
    role_mapping: str = ""
    """`value=Role` pairs, separated by commas: `data-admins=Admin,data-team=User`. Of several roles the first among
    Admin, Op, User, Viewer, Public counts. It is looked at with each sign-in."""
    default_role: Literal["", "Admin", "Op", "User", "Viewer", "Public"] = ""
    """Of people whom the mapping gives none; empty: they are not let in."""


class ExecutionApiSettings(Struct, frozen=True):
    """What processes get that run attempts over HTTP: `TRADEWIND__EXECUTION_API__…` (docs/execution-api.md)."""

    jwt_expiration_time_seconds: Annotated[int, Meta(ge=60)] = 600
    """The life of the token of a lease, which is renewed in its second half: one that leaked is soon worth nothing."""


class RetentionSettings(Struct, frozen=True):
    """How long what is over is kept, in days; 0 = for ever: `TRADEWIND__RETENTION__…`. What stays however old it is:
    docs/retention.md."""

    run_days: Annotated[int, Meta(ge=0)] = 0
    """Runs, since they ended, with their task instances, tries, XComs, task states and logs."""
    asset_event_days: Annotated[int, Meta(ge=0)] = 0
    audit_log_days: Annotated[int, Meta(ge=0)] = 0
    interval_seconds: Annotated[float, Meta(gt=0)] = 600.0
    """How often it is looked for what is old."""
    runs_per_batch: Annotated[int, Meta(ge=1)] = 20
    """Runs deleted in one transaction; of other rows fifty times as many."""
    pause_seconds: Annotated[float, Meta(ge=0)] = 0.1
    """Between two transactions, so that a backlog of years leaves the database to the schedulers."""


class ApiServiceSettings(ServiceSettings, frozen=True):
    """What the API reads from the environment."""

    api_server: ApiServerLimits = ApiServerLimits()
    login_limit: LoginLimits = LoginLimits()
    oidc: OidcSettings = OidcSettings()
    execution_api: ExecutionApiSettings = ExecutionApiSettings()
    retention: RetentionSettings = RetentionSettings()
