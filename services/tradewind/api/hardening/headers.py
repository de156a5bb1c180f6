"""Headers that tell browsers what not to do with an answer."""

from collections.abc import Iterable, Sequence
from typing import Final

from starlette.types import Scope

Header = tuple[bytes, bytes]

ALWAYS: Final[Sequence[Header]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
POLICY: Final = b"content-security-policy"
DATA_POLICY: Final = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Answers are data: a browser that shows one loads and runs nothing."""
PAGE_POLICY: Final = (
    b"default-src 'self'; img-src 'self' data:; font-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    b"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""Pages: scripts only from here, none written into the page."""
DOCUMENTS_POLICY: Final = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; "
    b"style-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; "
    b"img-src 'self' data: https://fastapi.tiangolo.com; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""The page about our OpenAPI, which FastAPI writes."""
DOCUMENT_PATHS: Final = ("/docs", "/docs/oauth2-redirect")
TLS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")
NOT_KEPT: Final = (b"cache-control", b"no-store")
"""Answers hold tokens, passwords that were set, states of this moment: nobody in between keeps them."""


class SecurityHeaders:
    """Made once; asked for each answer."""

    def __init__(self, base_url: str | None) -> None:
        self._is_behind_tls = (base_url or "").lower().startswith("https:")

    def added(self, scope: Scope, headers: Iterable[Header]) -> list[Header]:
        """What the answer lacks. What an operation says itself, stays."""
        given = {name.lower(): value for name, value in headers}
        wanted = [*ALWAYS, (POLICY, _policy(scope, given.get(b"content-type", b""))), NOT_KEPT]
        if self._is_behind_tls or scope["scheme"] == "https":
            wanted.append(TLS_ONLY)
        return [header for header in wanted if header[0] not in given]


def _policy(scope: Scope, content_type: bytes) -> bytes:
    if not content_type.startswith(b"text/html"):
        return DATA_POLICY
    return DOCUMENTS_POLICY if scope["path"] in DOCUMENT_PATHS else PAGE_POLICY
