"""An API somewhere, asked with a token of the caller's, or in the name of the admin whose password this machine has."""

from typing import Final

import httpx

from tradewind.cli.access.api import Api
from tradewind.cli.access.failing import fail
from tradewind.service.secrets import admin_password, kept_admin_password
from tradewind.service.settings import ServiceSettings

HERE: Final = ("127.0.0.1", "::1", "localhost")
NAMED_WAY_OUT: Final = "Is the address right (--api-url, TRADEWIND_API_URL)?"
UNNAMED_WAY_OUT: Final = (
    "Name it by --api-url or TRADEWIND_API_URL; or set TRADEWIND__DATABASE__URL to work on the database itself; "
    "or begin with `tradewind standalone`"
)
UNAUTHORIZED: Final = 401


def logged_in(http: httpx.Client, url: str, token: str | None, settings: ServiceSettings, *, is_named: bool) -> Api:
    """The API at `url`, which `http` asks from now on as the token's owner, or as the admin."""
    api = Api(http, f"The API at {url}", NAMED_WAY_OUT if is_named else UNNAMED_WAY_OUT)
    http.headers["Authorization"] = f"Bearer {token or _admin_token(api, url, settings)}"
    return api


def _admin_token(api: Api, url: str, settings: ServiceSettings) -> str:
    password = _password_for(url, settings)
    if password is None:
        api.get("version")  # is anybody there at all?
        fail(
            f"{url} wants to know who you are: give a token by TRADEWIND_API_TOKEN or --token "
            "(`tradewind tokens create` makes one), or set TRADEWIND__API__ADMIN_PASSWORD"
        )
    login = {"username": settings.api.admin_username, "password": password}
    answer = api.sent("POST", "/auth/token", json=login)
    if answer.status_code == UNAUTHORIZED:
        fail(
            f"{url} does not know the password that this machine has for {login['username']!r}: give a token by "
            "TRADEWIND_API_TOKEN or --token (`tradewind tokens create` makes one)"
        )
    return api.document(answer)["access_token"]


def _password_for(url: str, settings: ServiceSettings) -> str | None:
    """One that somebody configured; or the generated one of this machine, which is for this machine only."""
    if settings.api.admin_password is not None:
        return admin_password(settings).password
    return kept_admin_password(settings) if httpx.URL(url).host in HERE else None
