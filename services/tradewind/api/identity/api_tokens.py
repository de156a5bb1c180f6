"""API tokens: what they look like.

`tw_`, 40 characters of chance (238 bits), and six that are a checksum of what stands before: a mistyped or made-up
token is told from a real one without asking anybody, and a scanner of secrets finds those that were published. Chance
of that length needs no slow digest: a SHA-256 is kept.
"""

import hashlib
import secrets
import zlib
from typing import Final

PREFIX: Final = "tw_"
SECRET_LENGTH: Final = 40
CHECKSUM_LENGTH: Final = 6
SHOWN_LENGTH: Final = len(PREFIX) + 6
"""So much of a token people see in lists, to tell theirs apart."""

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_api_token() -> str:
    """One that nobody has."""
    text = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))
    return text + _checksum(text)


def looks_like_api_token(text: str) -> bool:
    """Whether it is meant as an API token, rather than the token of a login."""
    return text.startswith(PREFIX)


def is_well_formed(text: str) -> bool:
    """Whether it can have been made here."""
    if len(text) != len(PREFIX) + SECRET_LENGTH + CHECKSUM_LENGTH or not text.isascii():
        return False
    return looks_like_api_token(text) and text.endswith(_checksum(text[:-CHECKSUM_LENGTH]))


def token_hash(text: str) -> bytes:
    """What is kept of it: 32 bytes."""
    return hashlib.sha256(text.encode()).digest()


def shown_prefix(text: str) -> str:
    """What people see of it."""
    return text[:SHOWN_LENGTH]


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, rest = divmod(number, len(ALPHABET))
        digits = ALPHABET[rest] + digits
    return digits
