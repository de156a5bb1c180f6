"""Which API a command asks.

An address that is given; else, with `TRADEWIND__DATABASE__URL`, the application in this process over that database;
else the API that the settings say listens on this machine, as `tradewind standalone` does.
"""

import os
import ssl
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Final

import httpx

from tradewind.cli.access.api import Api
from tradewind.cli.access.failing import fail
from tradewind.cli.access.remote import logged_in
from tradewind.core.errors import ConfigError
from tradewind.service.settings import ServiceSettings, load_settings

ANY_HOST: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound to
TIMEOUT_SECONDS: Final = 60.0
USAGE: Final = 2


@contextmanager
def open_api(api_url: str | None = None, token: str | None = None, *, verbose: bool = False) -> Generator[Api]:
    """An API that is ready to be asked."""
    settings = load_settings(ServiceSettings)
    if api_url is None and settings.database.url is not None:
        from tradewind.cli.access.local import PLACE, WAY_OUT, served_here

        with (
            served_here(verbose=verbose) as socket,
            _client("http://local", httpx.HTTPTransport(uds=str(socket)), verbose=verbose) as http,
        ):
            yield Api(http, PLACE, WAY_OUT)
        return
    url = (api_url or configured_url(settings)).rstrip("/")
    url = url if "://" in url else f"http://{url}"
    if not url.startswith(("http://", "https://")):
        fail(f"{url} is no address of an API: it begins with http:// or https://", USAGE)
    with _client(url, None, verbose=verbose) as http:
        yield logged_in(http, url, token, settings, is_named=api_url is not None)


def _client(url: str, transport: httpx.HTTPTransport | None, *, verbose: bool) -> httpx.Client:
    return httpx.Client(
        base_url=url,
        headers={"User-Agent": f"tradewind-cli/{version('tradewind')}"},
        transport=transport,
        verify=_known_authorities() if url.startswith("https:") else False,
        timeout=TIMEOUT_SECONDS,
        trust_env=False,
        event_hooks={"response": [_say]} if verbose else {},
    )


def _known_authorities() -> ssl.SSLContext | bool:
    """Those of `SSL_CERT_FILE` or `SSL_CERT_DIR`, where an organisation has its own; else the usual ones."""
    own = {name: os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
    if not any(own.values()):
        return True
    try:
        return ssl.create_default_context(cafile=own["SSL_CERT_FILE"], capath=own["SSL_CERT_DIR"])
    except OSError as exc:
        raise ConfigError(f"SSL_CERT_FILE or SSL_CERT_DIR cannot be used: {exc}") from exc


def configured_url(settings: ServiceSettings) -> str:
    """Where the settings say that this machine's API listens."""
    host = ANY_HOST.get(settings.api.host, settings.api.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.api.port}"


def _say(answer: httpx.Response) -> None:
    request = answer.request
    target = request.url.raw_path.decode()
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {request.method} {target} {answer.status_code}\n")
