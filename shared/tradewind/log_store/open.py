"""Which log store an address means, and how to get into it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import unquote, urlsplit

from tradewind.core.errors import ConfigError
from tradewind.log_store.local_files import LocalLogStore
from tradewind.log_store.port import LogStore

if TYPE_CHECKING:
    from obstore.store import S3Config

_EXTRA_NAMES: Final[Mapping[str, str]] = {
    "aws_access_key_id": "aws_access_key_id",
    "aws_secret_access_key": "aws_secret_access_key",
    "aws_session_token": "aws_session_token",
    "region_name": "aws_region",
    "endpoint_url": "aws_endpoint",
}
"""Of an Airflow connection's `extra` → of the driver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAccess:
    """Credentials, as an Airflow connection of the type `aws` holds them. Empty: those of the machine."""

    login: str = ""
    password: str = field(default="", repr=False)
    extra: str = field(default="", repr=False)
    encrypt_s3_logs: bool = False
    timeout_seconds: float = 30.0


def check_base(base: str, *, setting: str) -> str:
    """The address as it is kept; raises `ConfigError` naming the setting for one that no store has."""
    url = urlsplit(base)
    if url.scheme == "s3" and url.netloc:
        return base.rstrip("/")
    if url.scheme == "file" and not url.netloc and url.path.startswith("/"):
        return base.rstrip("/")
    if not url.scheme and Path(base).is_absolute():
        return Path(base).as_uri()
    raise ConfigError(f"{setting} is {base!r}, but must be s3://bucket/key, or a folder by its whole path")


def open_log_store(base: str, access: StoreAccess) -> LogStore:
    """The store at an address that `check_base` gave; raises `ConfigError` if it needs what is not installed, or if
    its connection makes no sense. Nothing is asked of the store yet."""
    url = urlsplit(base)
    if url.scheme == "file":
        return LocalLogStore(Path(unquote(url.path)))
    try:
        from tradewind.log_store.object_storage import ObjectLogStore
    except ModuleNotFoundError as exc:
        raise ConfigError(f"logs at {base} need the package obstore: pip install 'tradewind[s3-logs]'") from exc
    config = cast("S3Config", _s3_config(access))
    return ObjectLogStore(base, url.netloc, url.path.strip("/"), config, timeout_seconds=access.timeout_seconds)


def _s3_config(access: StoreAccess) -> dict[str, object]:
    extra = _extra(access.extra)
    config: dict[str, object] = {ours: extra[name] for name, ours in _EXTRA_NAMES.items() if extra.get(name)}
    if access.login:
        config |= {"aws_access_key_id": access.login, "aws_secret_access_key": access.password}
    if access.encrypt_s3_logs:
        config["aws_server_side_encryption"] = "AES256"
    return config


def _extra(text: str) -> dict[str, object]:
    if not text:
        return {}
    try:
        extra = json.loads(text)
    except ValueError as exc:
        raise ConfigError("the extra of the connection in TRADEWIND__LOGGING__REMOTE_LOG_CONN_ID is not JSON") from exc
    return cast("dict[str, object]", extra) if isinstance(extra, dict) else {}
