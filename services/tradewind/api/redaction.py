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
    """The text masked as a whole, or, if it is a JSON object or list that holds a secret, inside. One whose parts lie
    too deep in each other to be looked through is masked as a whole."""
    if text is None:
        return None
    if name and is_sensitive(name):
        return MASK if text else text
    try:
        value = cast("object", json.loads(text))
        shown = redacted(value)
        return text if shown == value else json.dumps(shown)
    except ValueError:
        return text
    except RecursionError:
        return MASK


def restored(given: object, stored: object, name: str = "") -> object:
    """The given JSON value with what was stored wherever it shows nothing but a mask: undoes `redacted`."""
    if name and is_sensitive(name):
        return stored if given == MASK else given
    if isinstance(given, dict) and isinstance(stored, dict):
        old = cast("dict[str, object]", stored)
        new = cast("dict[str, object]", given)
        return {key: restored(item, old[key], key) if key in old else item for key, item in new.items()}
    if isinstance(given, list) and isinstance(stored, list):
        new_items, old_items = cast("list[object]", given), cast("list[object]", stored)
        paired = [restored(new, old) for new, old in zip(new_items, old_items, strict=False)]
        return [*paired, *new_items[len(paired) :]]
    return cast("object", given)


def restored_text(given: str | None, stored: str | None, name: str = "") -> str | None:
    """The same of texts: as a whole under a sensitive name, or inside a JSON value. `given` itself where nothing is
    masked."""
    if given is None or not stored or MASK not in given:
        return given
    if name and is_sensitive(name):
        return stored if given == MASK else given
    try:
        shown, was = cast("object", json.loads(given)), cast("object", json.loads(stored))
        value = restored(shown, was)
        return given if value == shown else json.dumps(value)
    except (ValueError, RecursionError):
        return given
