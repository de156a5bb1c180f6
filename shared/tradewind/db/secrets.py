"""Encrypts the values of variables and connections: Fernet tokens, made with the first of one or several keys, read
with any of them, so that a key can be replaced without a stop."""

from collections.abc import Generator
from contextlib import contextmanager

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from tradewind.core.errors import ConfigError

SETTING = "TRADEWIND__CORE__FERNET_KEY"


class SecretBox:
    """Encrypts and decrypts text. `keys`: as in the setting, newest first, separated by commas."""

    def __init__(self, keys: str) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key.strip()) for key in keys.split(",") if key.strip()])
        except ValueError as exc:
            raise ConfigError(f"{SETTING} is no list of Fernet keys (32 bytes, URL-safe base64): {exc}") from exc

    def encrypt(self, text: str) -> bytes:
        """The text as a token."""
        return self._fernet.encrypt(text.encode())

    def decrypt(self, token: bytes) -> str:
        """The text of a token; raises `ConfigError` if none of the keys fits."""
        with _known_keys():
            return self._fernet.decrypt(token).decode()

    def rotate(self, token: bytes) -> bytes:
        """The same text as a token of the first key; raises `ConfigError` if none of the keys fits."""
        with _known_keys():
            return self._fernet.rotate(token)


@contextmanager
def _known_keys() -> Generator[None]:
    try:
        yield
    except InvalidToken as exc:
        raise ConfigError(f"a stored secret was encrypted with a key that {SETTING} does not hold") from exc
