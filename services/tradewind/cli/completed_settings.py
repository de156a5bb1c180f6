"""The settings of each service in one process, completed by what was found out: addresses and secrets."""

from dataclasses import dataclass
from typing import Final, Self, TypeVar

from msgspec.structs import replace

from tradewind.service.environment import SecretStr
from tradewind.service.listening import bind
from tradewind.service.secrets import AdminPassword, admin_password, fernet_key, jwt_secret
from tradewind.service.settings import ServiceSettings, load_settings

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)

ANY_HOST: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound to


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedSettings:
    """What one process of all services knows beyond the environment."""

    settings: ServiceSettings
    api_port: int
    jwt_secret: str
    fernet_key: str
    admin_password: AdminPassword

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        """Raises `ConfigError` if the API's port is taken or the home folder cannot hold secrets."""
        return cls(
            settings=settings,
            api_port=_usable_port(settings),
            jwt_secret=jwt_secret(settings),
            fernet_key=fernet_key(settings),
            admin_password=admin_password(settings),
        )

    @property
    def api_host(self) -> str:
        """A host name under which this machine reaches the API."""
        return ANY_HOST.get(self.settings.api.host, self.settings.api.host)

    @property
    def api_url(self) -> str:
        host = f"[{self.api_host}]" if ":" in self.api_host else self.api_host
        return f"http://{host}:{self.api_port}"

    def settings_of(self, kind: type[SettingsT]) -> SettingsT:
        """A service's settings from the environment, with what is known here in place of what is unset there."""
        own = load_settings(kind)
        password = SecretStr(self.admin_password.password)
        core = replace(
            own.core,
            fernet_key=SecretStr(self.fernet_key),
            execution_api_server_url=own.core.execution_api_server_url or self.api_url,
        )
        return replace(
            own,
            core=core,
            api=replace(own.api, port=self.api_port, admin_password=password),
            api_auth=replace(own.api_auth, jwt_secret=SecretStr(self.jwt_secret), jwt_secret_file=None),
        )

    def announcement(self, seconds: float) -> str:
        """What a person needs to begin."""
        kept = f" (kept in {self.settings.home / 'secrets'})" if self.admin_password.is_generated else ""
        return (
            f"\nTradewind is ready after {seconds:.1f} s\n"
            f"  address   {self.api_url}\n"
            f"  user      {self.settings.api.admin_username}\n"
            f"  password  {self.admin_password.password}{kept}\n"
            f"  DAGs      {self.settings.dags_folder}\n"
            "Ctrl-C stops it.\n\n"
        )


def _usable_port(settings: ServiceSettings) -> int:
    """The API's port, free a moment ago: that it is taken is said before anything is started."""
    with bind(settings.api.host, settings.api.port, section="API") as sock:
        return sock.getsockname()[1]
