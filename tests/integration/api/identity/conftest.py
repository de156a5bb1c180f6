"""People to log in as, besides the API's admin."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest
from argon2 import PasswordHasher

from tests.servers.api import ApiServer
from tradewind.db.api.identity.users import NewUser, create_user
from tradewind.service.clock import new_id, utc_now

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
