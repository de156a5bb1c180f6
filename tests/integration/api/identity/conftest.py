"""People to log in as, besides the API's admin; and another process of the API, with other settings."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from msgspec.structs import replace

from tests.servers.api import ApiServer, api_server
from tests.servers.oidc import CLIENT_ID, CLIENT_SECRET, OidcServer, oidc_server
from tradewind.api.settings import ApiServiceSettings, LoginLimits, OidcSettings
from tradewind.db.api.identity.users import NewUser, create_user
from tradewind.service.clock import new_id, utc_now
from tradewind.service.environment import SecretStr
from tradewind.service.settings import ApiAuthSettings

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Person:
    """A user with a token of the login."""

    username: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return bearer(self.token)


NewPerson = Callable[[str, str], Awaitable[Person]]
"""(name, role) → a user with PASSWORD, logged in."""


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def token_of(client: httpx.AsyncClient, username: str, password: str = PASSWORD) -> str:
    """Of a login."""
    answer = await client.post("/auth/token", json={"username": username, "password": password})
    assert answer.status_code == 201, answer.text
    return answer.json()["access_token"]


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Of PASSWORD; made once, as that takes long on purpose."""
    return PasswordHasher().hash(PASSWORD)


@pytest.fixture
def person(api: ApiServer, password_hash: str) -> NewPerson:
    async def new_person(username: str, role: str) -> Person:
        names = {"first_name": "", "last_name": "", "email": ""}
        user = NewUser(username=username, password_hash=password_hash, role=role, is_active=True, **names)
        credentials_id = new_id()
        assert await create_user(api.database, user, utc_now(), credentials_id)
        ids = {"token_id": new_id(), "credentials_id": credentials_id}
        return Person(username, api.signer.mint_api_token(username, now=utc_now(), lifetime_seconds=3600, **ids))

    return new_person


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def provider() -> AsyncGenerator[OidcServer]:
    async with oidc_server() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def other(api: ApiServer, provider: OidcServer) -> AsyncGenerator[ApiServer]:
    """Another process of the API, over a broker of its own. It has a newer secret before the one in use, people sign
    in at the provider, few logins may fail, and whoever has not logged in is a Viewer."""
    in_use = (api.settings.home / "secrets" / "jwt_secret").read_text().strip()

    def change(settings: ApiServiceSettings) -> ApiServiceSettings:
        oidc = OidcSettings(
            issuer=provider.issuer,
            name="The Example",
            client_id=CLIENT_ID,
            client_secret=SecretStr(CLIENT_SECRET),
            role_claim="realm_access.roles",
            role_mapping="bosses=Admin, data=User,data-ops = Op",
        )
        return replace(
            settings,
            oidc=oidc,
            login_limit=LoginLimits(per_user=2, per_address=30, window_seconds=600),
            api_auth=ApiAuthSettings(auth_role_public="Viewer", jwt_secret=SecretStr(f"newer,{in_use}")),
        )

    async with api_server(api.database, api.settings.home, change=change) as server:
        yield server
