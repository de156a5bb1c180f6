"""Where a browser's request comes from, and where it may be sent.

A cookie goes along with whatever a browser sends here, also on behalf of another site. Browsers say on whose behalf:
`Sec-Fetch-Site` where they reach us over TLS or on the own machine, `Origin` with everything that is no plain reading.
No page can forge either, so nothing needs to be handed out and sent back.
"""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

from fastapi import Request

from tradewind.api.errors import BadRequest, Forbidden

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
CONTROLS: Final = frozenset(chr(code) for code in (*range(32), 127))

Origin = tuple[str, str, int | None]
"""Scheme, host, port."""


def check_own_page(request: Request, base_url: str | None, *, must_be_said: bool) -> None:
    """Raises `Forbidden` for a request that changes something and comes from another site's page, and if
    `must_be_said` also for one that does not say where it comes from."""
    if request.method in READING:
        return
    is_own = _is_own_page(request, base_url)
    if is_own is None and not must_be_said:
        return
    if not is_own:
        raise Forbidden(
            "A login by cookie works from this server's own pages only (Sec-Fetch-Site: same-origin, or an Origin "
            "header that names this server): send a token as 'Authorization: Bearer …' instead"
        )


def check_own_name(request: Request, base_url: str | None) -> None:
    """Raises `Forbidden` for a request to a name that anybody's DNS may have pointed here. A page of that name could
    read what it likes here from its visitor's machine, as to the browser both are one site."""
    host = request.url.hostname or ""
    if "." not in host or _is_address(host) or host.endswith(".localhost"):
        return
    if base_url is None or host != urlsplit(base_url).hostname:
        raise Forbidden(
            f"Who has not logged in is an Admin here, but not under the name {host!r}: set TRADEWIND__API__BASE_URL if "
            "this server is known by it"
        )


def checked_next(url: str | None, request: Request, base_url: str | None) -> str | None:
    """The address to go on to after logging in or out; raises `BadRequest` for one that is not here."""
    if url and not is_here(url, own_origins(request, base_url)):
        raise BadRequest("Invalid or unsafe next URL")
    return url or None


def is_here(url: str, origins: Iterable[Origin]) -> bool:
    """Whether a browser sent to this address stays with us: a path, or an address of one of the origins."""
    plain = unquote(url)
    if plain != plain.strip() or "\\" in plain or CONTROLS & set(plain):
        return False
    try:
        parts = urlsplit(url)
        if not parts.scheme and not parts.netloc:
            return url.startswith("/") and not plain.startswith("//")
        return "@" not in parts.netloc and _origin(url) in origins
    except ValueError:
        return False


def is_over_tls(request: Request, base_url: str | None) -> bool:
    """Whether the browser's side of the connection is encrypted, as far as is known here."""
    return request.url.scheme == "https" or (base_url or "").lower().startswith("https://")


def own_origins(request: Request, base_url: str | None) -> frozenset[Origin]:
    """Under which addresses this server is known: the settings' and the request's."""
    return frozenset(_origin(url) for url in (base_url, str(request.base_url)) if url)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_own_page(request: Request, base_url: str | None) -> bool | None:
    """None: it does not say."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    said = request.headers.get("origin")
    if said is None:
        return None
    try:
        origin = _origin(said)
        # A proxy may end TLS without telling us: the scheme is compared where the settings name it.
        return origin in own_origins(request, base_url) or (
            base_url is None and urlsplit(said).netloc == request.headers.get("host")
        )
    except ValueError:
        return False


def _origin(url: str) -> Origin:
    """Raises `ValueError`."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, parts.hostname or "", parts.port or DEFAULT_PORTS.get(scheme)
