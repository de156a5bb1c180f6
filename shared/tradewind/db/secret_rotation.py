"""Encrypts all stored secrets anew, with the first of the keys.

To replace a key without a stop: put the new key before the old one in the setting of every service, rotate, take the
old one out.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from tradewind.core.errors import ConfigError
from tradewind.db.pool import Database
from tradewind.db.secrets import SecretBox
from tradewind.db.statements import statement

PAGE: Final = 500


class _Kind(NamedTuple):
    """What has secrets: its name in messages, and the statements."""

    word: str
    listed_by: str
    replaced_by: str


VARIABLES: Final = _Kind("variable", "list_secret_variables", "replace_variable_secrets")
CONNECTIONS: Final = _Kind("connection", "list_secret_connections", "replace_connection_secrets")
WEBHOOKS: Final = _Kind("webhook", "list_secret_webhooks", "replace_webhook_secrets")


class Rotated(NamedTuple):
    """How many there are."""

    variables: int
    connections: int
    webhooks: int


async def rotate_secrets(database: Database, secrets: SecretBox) -> Rotated:
    """May be repeated, and stopped at any time: what is written meanwhile has the first key already. Raises
    `ConfigError` naming what none of the keys fits."""
    return Rotated(
        variables=await _rotate(database, secrets, VARIABLES),
        connections=await _rotate(database, secrets, CONNECTIONS),
        webhooks=await _rotate(database, secrets, WEBHOOKS),
    )


async def _rotate(database: Database, secrets: SecretBox, kind: _Kind) -> int:
    count, after = 0, ""
    while rows := await database.fetch(statement(kind.listed_by), after, PAGE):
        names: list[str] = [row["name"] for row in rows]
        old: list[Sequence[bytes | None]] = [row["tokens"] for row in rows]
        new = [[_rotated(secrets, kind.word, row["name"], token) for token in row["tokens"]] for row in rows]
        columns = [list(column) for column in (*zip(*old, strict=True), *zip(*new, strict=True))]
        await database.fetch(statement(kind.replaced_by), names, *columns)
        count, after = count + len(rows), names[-1]
    return count


def _rotated(secrets: SecretBox, word: str, name: str, token: bytes | None) -> bytes | None:
    try:
        return None if token is None else secrets.rotate(token)
    except ConfigError as exc:
        raise ConfigError(f"{word} {name!r}: {exc}") from exc
