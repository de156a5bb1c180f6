"""Masks what looks like a secret by its name before it is shown."""

import json
import re
from typing import Final, cast

MASK: Final = "***"
SENSITIVE: Final = (
    "access_key",
    "access_token",
    "api_key",
    "apikey",
    "auth_header",
    "authorization",
    "bearer",
    "connection_string",
    "dsn",
    "keyfile_dict",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "proxies",
    "proxy",
    "secret",
    "service_account",
    "service_key",
    "token",
    "webhook_url",
)
"""Parts of names: a value under a name that contains one is masked."""


def is_sensitive(name: str) -> bool:
    """Whether a value under this name is masked."""
    normalized = re.sub(r"\W+", "_", name.strip().lower())
    return any(part in normalized for part in SENSITIVE)


def redacted(value: object, name: str = "") -> object:
    """The JSON value with everything masked that stands, at any depth, under a sensitive name."""
    if name and is_sensitive(name):
        return MASK if value else value
    if isinstance(value, dict):
        return {key: redacted(item, key) for key, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [redacted(item) for item in cast("list[object]", value)]
    return value


def redacted_text(text: str | None, name: str = "") -> str | None:
    """The text masked as a whole, or, if it is a JSON object or list that holds a secret, inside."""
    if text is None:
        return None
    if name and is_sensitive(name):
        return MASK if text else text
    try:
        value = cast("object", json.loads(text))
    except ValueError:
        return text
    shown = redacted(value)
    return text if shown == value else json.dumps(shown)
