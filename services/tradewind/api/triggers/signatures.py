"""Whether a delivery comes from somebody who knows the secret. Pure.

`tradewind`: HMAC-SHA256 over the timestamp's digits, a dot and the body, so that nobody can send it again later.
`github`: as GitHub signs, over the body alone.
"""

import hmac
from collections.abc import Sequence
from typing import Final, Literal

Format = Literal["tradewind", "github"]
PREFIX: Final = "sha256="


def signature(secret: str, signed: bytes) -> str:
    """The header's value."""
    return PREFIX + hmac.digest(secret.encode(), signed, "sha256").hex()


def signed_bytes(form: Format, timestamp: str, body: bytes) -> bytes:
    """What a delivery's signature is about."""
    return body if form == "github" else timestamp.encode("latin-1") + b"." + body


def is_signed(secrets: Sequence[str], given: str, signed: bytes) -> bool:
    """Whether one of the secrets made the signature. Takes as long whichever it was, and if none was."""
    wanted = given.encode("latin-1", "replace")
    answers = [hmac.compare_digest(signature(secret, signed).encode(), wanted) for secret in secrets]
    return any(answers)


def is_timely(timestamp: str, now_seconds: float, window_seconds: float) -> bool:
    """Whether the timestamp (seconds since 1970) is within the window around now."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        return False
    return abs(now_seconds - int(timestamp)) <= window_seconds
