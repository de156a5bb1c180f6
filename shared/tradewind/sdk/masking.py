"""Keeping secrets out of task logs: values that were seen under a sensitive name are replaced by `***`."""

import re
from collections.abc import Mapping
from typing import Any, Final

from tradewind.sdk.types import is_collection, is_list, is_mapping, is_tuple

MASK: Final = "***"
MIN_LENGTH: Final = 5
"""Shorter secrets are not masked: they would tear holes into ordinary text."""

_SENSITIVE = re.compile(
    r"access_token|api_?key|authorization|passphrase|passwd|password|private_?key|proxy_password|secret|token"
    r"|keyfile_dict|service_account",
    re.IGNORECASE,
)


def should_hide_value_for_key(name: object) -> bool:
    """Whether a value of this name is to be kept secret."""
    return isinstance(name, str) and _SENSITIVE.search(name) is not None


class SecretsMasker:
    """Knows the secret values that this process has seen."""

    def __init__(self) -> None:
        self._values: dict[str, None] = {}
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: Any, name: str | None = None) -> None:
        """Remember a secret text; of a dict, what has sensitive names (or everything, if `name` is one)."""
        if is_mapping(secret):
            for key, value in secret.items():
                self.add(value, name if should_hide_value_for_key(name) else str(key))
        elif is_collection(secret):
            for value in secret:
                self.add(value, name)
        elif isinstance(secret, str) and (name is None or should_hide_value_for_key(name)):
            self._remember(secret)

    def _remember(self, secret: str) -> None:
        if len(secret) >= MIN_LENGTH and secret not in self._values:
            self._values[secret] = None
            self._pattern = None

    def add_named(self, values: Mapping[str, Any]) -> None:
        """Remember the texts under sensitive names, at any depth."""
        for key, value in values.items():
            if should_hide_value_for_key(key):
                self.add(value)
            elif is_mapping(value):
                self.add_named(value)

    def redact(self, text: str) -> str:
        """The text without the secrets."""
        if not self._values:
            return text
        if self._pattern is None:
            # The longest first, so that a secret that contains another goes as a whole.
            self._pattern = re.compile("|".join(re.escape(v) for v in sorted(self._values, key=len, reverse=True)))
        return self._pattern.sub(MASK, text)


MASKER: Final = SecretsMasker()
"""The process's own: one child process runs one attempt."""


def mask_secret(secret: Any, name: str | None = None) -> None:
    """Keep this value (or, in a collection, what has a sensitive name) out of the log from now on."""
    MASKER.add(secret, name)


def redact(value: Any, name: str | None = None) -> Any:
    """The value with all known secrets, and everything under a sensitive name, replaced."""
    if name is not None and should_hide_value_for_key(name):
        return MASK if value else value
    if isinstance(value, str):
        return MASKER.redact(value)
    if is_mapping(value):
        return {key: redact(inner, str(key)) for key, inner in value.items()}
    if is_list(value):
        return [redact(inner) for inner in value]
    if is_tuple(value):
        return tuple(redact(inner) for inner in value)
    return value
