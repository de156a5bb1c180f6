"""Settings that several services share: `TRADEWIND__SECTION__KEY` in the environment, defaults as in Airflow.

Each service's own `settings.py` composes these groups; the composition root is the only reader of the environment.
"""

import os
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from tradewind.core.bundle_list import DEFAULT_LIST
from tradewind.core.errors import ConfigError
from tradewind.service.configuration.sources import PREFIX as AIRFLOW_PREFIX
from tradewind.service.configuration.sources import AirflowSources, Found, configuration_file
from tradewind.service.environment import Fallback, SecretStr, from_environment, read_by, read_flag

PREFIX: Final = "TRADEWIND__"


class CoreSettings(Struct, frozen=True):
    """What Airflow keeps in [core]."""

    dags_folder: Path | None = None
    """Unset: `dags` under the home folder."""
    executor: str = "LocalExecutor"
    """One or several executors, separated by commas; the first is the default. `core.executors` says how they are
    written. The same for every service."""
    executor_queues: str = ""
    """`queue=executor` pairs, separated by commas: who gets tasks of these queues that name no executor."""
    parallelism: Annotated[int, Meta(ge=0)] = 32
    """Task instances queued or running at once over the whole system; 0 = no cap."""
    fernet_key: SecretStr | None = None
    """Key (or several, comma-separated, newest first) that encrypts variables and connections at rest.
    Unset: made once and kept under the home folder."""
    execution_api_server_url: str | None = None
    """Where task processes reach `/execution`. Unset: the API's own address on this host."""
    load_examples: bool = False
    simple_auth_manager_all_admins: bool = False
    """Whoever reaches the API is an Admin, without logging in: for one person on one machine, as in Airflow."""
    rerun_with_latest_version: bool = False
    """Runs that are cleared move to the latest version of their DAG, unless the DAG or the request says otherwise."""
    dagbag_import_timeout_seconds: Annotated[float, Meta(gt=0)] = 30.0
    """A DAG file that parses for longer is stopped and reported as an import error."""
    dag_discovery_safe_mode: bool = True
    """Only files whose text has both "dag" (or "asset") and "airflow" (or "tradewind") are parsed, as in Airflow."""
    dag_ignore_file_syntax: Literal["glob", "regexp"] = "glob"
    """Of `.airflowignore` files."""
    test_connection: Literal["Disabled", "Enabled", "Hidden"] = "Disabled"
    """Whether people may have connections tested: then hooks run in children of DAG processors, with whatever address
    and credentials somebody gave. The same for every service."""


class BundleListSettings(Struct, frozen=True):
    """Of [dag_processor], what every service reads."""

    dag_bundle_config_list: str = DEFAULT_LIST
    """Where DAG files come from, as in Airflow: a JSON list of `{"name": …, "classpath": …, "kwargs": {…}}`."""


class DatabaseSettings(Struct, frozen=True):
    """How to reach Postgres."""

    url: SecretStr | None = None
    """`postgresql://user:password@host:port/name`. Unset: an embedded Postgres under the home folder (standalone)."""
    pool_size: Annotated[int, Meta(ge=1)] = 8
    """Connections per service. A few are enough: statements are batched."""


class BrokerSettings(Struct, frozen=True):
    """How to reach the broker."""

    url: SecretStr | None = None
    """`amqp://user:password@host:port/vhost` (RabbitMQ), `redis://:password@host:port/database` (Redis), or over TLS
    `amqps://` or `rediss://`. Unset: in memory (standalone only)."""


def _read_exposure(text: str) -> object:
    return True if text.strip().lower() == "non-sensitive-only" else read_flag(text)


class ApiSettings(Struct, frozen=True):
    """Where the API listens, and its first user."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    base_url: str | None = None
    """Under which address browsers reach the API, as in https://tradewind.example.org: cookies are sent over TLS only
    if it is https, and nobody is sent elsewhere after logging in. Unset: whatever address a request names."""
    expose_config: Annotated[bool, read_by(_read_exposure)] = False
    """Whether those who may see the configuration get it from the API; secrets are hidden in any case, so that
    `non-sensitive-only` says the same as `True`."""
    access_control_allow_origins: str = ""
    """Sites whose pages may call the API from browsers, separated by commas (`https://portal.example.org`); empty:
    none. They act as the user who is logged in: name only sites that you trust, and never `*`."""
    access_control_allow_methods: str = ""
    """What such pages may do (`GET, POST`); empty: GET."""
    access_control_allow_headers: str = ""
    """Which headers such pages may send (`Authorization, Content-Type`)."""
    admin_username: str = "admin"
    admin_password: SecretStr | None = None
    """Unset: generated once, kept under the home folder and printed by `standalone`."""


class ApiAuthSettings(Struct, frozen=True):
    """Tokens."""

    jwt_secret: SecretStr | None = None
    """Signs API and attempt tokens; every service must have the same. One or several, newest first, separated by
    commas: the first signs, all verify. Unset: made once, kept under the home folder."""
    jwt_secret_file: Path | None = None
    """Where `jwt_secret` is read from instead, once at the start: a secret a line, newest first."""
    jwt_expiration_time_seconds: Annotated[int, Meta(ge=1)] = 86_400
    """How long a login holds, of programs (`/auth/token`) and of browsers."""
    jwt_cli_expiration_time_seconds: Annotated[int, Meta(ge=1)] = 3600
    """How long a login of a command line (`/auth/token/cli`) holds."""
    password_min_length: Annotated[int, Meta(ge=1, le=1024)] = 8
    """Of passwords that are set over the API or the command line."""
    auth_role_public: Literal["", "Admin", "Op", "User", "Viewer", "Public"] = ""
    """What whoever has not logged in may do; empty: nothing."""


class LeaseSettings(Struct, frozen=True):
    """Liveness."""

    lease_seconds: Annotated[float, Meta(gt=0)] = 10.0
    """A worker or scheduler not heard of for this long (on the lease clock) is taken for dead."""
    heartbeat_seconds: Annotated[float, Meta(gt=0)] = 2.0
    """How often workers and schedulers renew."""


class HealthSettings(Struct, frozen=True):
    """The `/health` and `/metrics` endpoint of a service other than the API."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    """0 = any free port; it is logged as `health.listening`."""


class LogSettings(Struct, frozen=True):
    """What Airflow keeps in [logging]: `level` and `format` of the services' own logs, and where task logs go."""

    level: str = "INFO"
    format: Literal["json", "console"] = "json"
    base_log_folder: Path | None = None
    """A folder that every API process sees: finished task logs are moved there. Unset: they stay in Postgres."""
    remote_logging: bool = False
    """Finished task logs are moved to `remote_base_log_folder` instead."""
    remote_base_log_folder: str = ""
    """`s3://bucket/key`, or a folder."""
    remote_log_conn_id: str = ""
    """A stored connection of the type `aws`. Empty: the credentials of the machine."""
    encrypt_s3_logs: bool = False
    """Server-side encryption with the bucket's own key (AES256)."""
    log_retention_days: Annotated[int, Meta(ge=0)] = 0
    """Task logs of runs that ended longer ago are deleted, from Postgres and from the store; 0 = kept."""
    external_log_url: str = ""
    """Where another system that collects the workers' output shows the log of one try: an address with `{dag_id}`,
    `{run_id}`, `{task_id}`, `{map_index}` and `{try_number}`. Empty: there is none."""


class ServiceSettings(Struct, frozen=True):
    """Base of each service's settings."""

    home: Path = msgspec.field(default_factory=lambda: Path.home() / "tradewind")
    """`TRADEWIND__HOME`: generated secrets, embedded data and the default DAGs folder live here."""
    core: CoreSettings = CoreSettings()
    dag_processor: BundleListSettings = msgspec.field(default_factory=BundleListSettings)
    database: DatabaseSettings = DatabaseSettings()
    broker: BrokerSettings = BrokerSettings()
    api: ApiSettings = ApiSettings()
    api_auth: ApiAuthSettings = ApiAuthSettings()
    leases: LeaseSettings = LeaseSettings()
    health: HealthSettings = HealthSettings()
    logging: LogSettings = LogSettings()

    @property
    def dags_folder(self) -> Path:
        """The folder that DAG files are read from."""
        return self.core.dags_folder or self.home / "dags"

    @property
    def execution_api_url(self) -> str:
        """Where processes that run authors' code, and log chunks, reach `/execution`, without it at the end."""
        if self.core.execution_api_server_url is not None:
            return self.core.execution_api_server_url.rstrip("/").removesuffix("/execution")
        everywhere = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to
        host = "127.0.0.1" if self.api.host in everywhere else self.api.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.api.port}"


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def load_settings(kind: type[SettingsT]) -> SettingsT:
    """Read the environment, and Airflow's configuration for what it does not say; raises `ConfigError` that names each
    wrong variable, or line of a file, and what is wrong with it."""
    return from_environment(kind, PREFIX, airflow_fallback())


def airflow_fallback() -> Fallback:
    """What Airflow is told in this environment, as settings."""
    home = os.environ.get("AIRFLOW_HOME")
    options = _airflow_options()

    def find(setting: str) -> Found | None:
        if setting == "home":
            return Found(home, "AIRFLOW_HOME") if home else None
        return options(setting) if options is not None else None

    return find


def _airflow_options() -> Fallback | None:
    """None: it is told nothing."""
    if not any(name.startswith(AIRFLOW_PREFIX) for name in os.environ) and not configuration_file(os.environ).exists():
        return None
    # Imported here: tables that only a deployment with Airflow's configuration needs.
    from tradewind.service.configuration.fallback import AirflowFallback

    return AirflowFallback(AirflowSources(os.environ))


def required_broker_url(settings: ServiceSettings) -> str:
    """The broker's URL, for a service in a process of its own, where no in-memory bus could reach the others."""
    if settings.broker.url is None:
        raise ConfigError(
            "TRADEWIND__BROKER__URL is not set (nor Airflow's [celery] broker_url, to one of these): "
            "a service on its own needs a broker, "
            "as in amqp://user:password@host:5672/ or redis://:password@host:6379/0 "
            "(only `tradewind standalone` runs without one)"
        )
    return settings.broker.url.get_secret_value()


def required_database_url(settings: ServiceSettings) -> str:
    """The database's URL, for whatever does not run the embedded one."""
    if settings.database.url is None:
        raise ConfigError(
            "TRADEWIND__DATABASE__URL is not set (nor Airflow's [database] sql_alchemy_conn, to a Postgres): "
            "a service on its own needs one, "
            "as in postgresql://user:password@host:5432/tradewind (only `tradewind standalone` brings one)"
        )
    return settings.database.url.get_secret_value()
