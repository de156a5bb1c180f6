"""Keeping secrets out of task logs: values that were seen under a sensitive name are replaced by `***`."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

from tradewind.sdk.configuration import conf
from tradewind.sdk.types import is_collection, is_list, is_mapping

MASK: Final = "***"
MIN_LENGTH: Final = 5
"""Shorter secrets are not masked: they would tear holes into ordinary text."""

_SENSITIVE = re.compile(
    r"access_key|access_token|api_?key|auth_header|authorization|bearer|connection_string|dsn|keyfile_dict|passphrase"
    r"|passwd|password|private_?key|prox(y|ies)|secret|service_account|service_key|token|webhook_url",
    re.IGNORECASE,
)

_UNCHANGED: Final = re.compile(r"[A-Za-z0-9_.-]*")
"""Looks the same wherever it is written."""

_NO_WORD = re.compile(r"\W+")

_FEW_SECRETS: Final = 32
"""So many are looked for one by one before a pattern of them is compiled, which takes longer than most tasks."""

NEVER_MASKED: Final = ("airflow",)
"""A password that stands in every other line."""


def should_hide_value_for_key(name: object) -> bool:
    """Whether a value of this name is to be kept secret; `[core] sensitive_var_conn_names` adds names, and
    `hide_sensitive_var_conn_fields` turns it off."""
    if not isinstance(name, str) or not conf.getboolean("core", "hide_sensitive_var_conn_fields", fallback=True):
        return False
    name = _NO_WORD.sub("_", name)
    if _SENSITIVE.search(name) is not None:
        return True
    more = conf.get("core", "sensitive_var_conn_names", fallback=None)
    return bool(more) and any(part.strip().lower() in name.lower() for part in more.split(",") if part.strip())


class SecretsMasker:
    """Knows the secret values that this process has seen."""

    def __init__(self) -> None:
        self._values: dict[str, None] = {}
        self._pattern: re.Pattern[str] | None = None
        self._has_lines = False

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
        shortest = conf.getint("logging", "min_length_masked_secret", fallback=MIN_LENGTH)
        if len(secret) >= shortest and secret.lower() not in NEVER_MASKED and secret not in self._values:
            # A new one: another thread may be looking through the old one.
            self._values = {**self._values, **dict.fromkeys(_shapes(secret))}
            self._pattern = None
            self._has_lines = self._has_lines or "\n" in secret

    def forget(self, secret: str) -> None:
        """Mask this text no more, if it was."""
        if secret in self._values:
            shapes = _shapes(secret)
            self._values = {value: None for value in self._values if value not in shapes}
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
        values = self._values
        if len(values) <= _FEW_SECRETS and not any(value in text for value in values):
            return text
        return self._compiled().sub(MASK, text)

    def safe_end(self, text: str, end: int) -> int:
        """Where a text that goes on may be cut, at `end` or before, so that no secret is cut in two; behind it only if
        a whole secret is there."""
        if not self._values or (text.endswith("\n") and end == len(text) and not self._has_lines):
            return end
        end = min([end, *(_beginning(text, secret) for secret in self._values)])
        for found in self._compiled().finditer(text):
            if found.start() < end < found.end():
                return found.end()
        return end

    def _compiled(self) -> re.Pattern[str]:
        if self._pattern is None:
            # The longest first, so that a secret that contains another goes as a whole.
            self._pattern = re.compile("|".join(re.escape(v) for v in sorted(self._values, key=len, reverse=True)))
        return self._pattern


def _shapes(secret: str) -> list[str]:
    """The secret as it is, and as it looks in `repr`, in JSON and in a URL."""
    if _UNCHANGED.fullmatch(secret):
        return [secret]
    escaped = secret.encode("unicode_escape").decode()
    return [secret, escaped, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe=""), quote_plus(secret)]


def _beginning(text: str, secret: str) -> int:
    start = max(0, len(text) - len(secret) + 1)
    while (start := text.find(secret[0], start)) >= 0:
        if secret.startswith(text[start:]):
            return start
        start += 1
    return len(text)


MASKER: Final = SecretsMasker()
"""The process's own: one child process runs one attempt."""


def mask_secret(secret: Any, name: str | None = None) -> None:
    """Keep this value (or, in a collection, what has a sensitive name) out of the log from now on."""
    MASKER.add(secret, name)


def redact(value: Any, name: str | None = None) -> Any:
    """The value in the same shape, with all known secrets, and every text under a sensitive name, replaced."""
    is_secret = name is not None and should_hide_value_for_key(name)
    if isinstance(value, str):
        return MASK if is_secret else MASKER.redact(value)
    if is_mapping(value):
        return {redact(key): redact(inner, name if is_secret else str(key)) for key, inner in value.items()}
    if is_list(value):
        return [redact(inner, name) for inner in value]
    if is_collection(value):
        return tuple(redact(inner, name) for inner in value)
    return value
