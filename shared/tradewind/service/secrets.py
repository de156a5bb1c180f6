"""Secrets of a home folder: taken from settings, else made once and kept in `<home>/secrets`, readable by the owner
only. Processes that start together get the same ones."""

import base64
import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tradewind.core.errors import ConfigError
from tradewind.service.environment import SecretStr
from tradewind.service.settings import ServiceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminPassword:
    """Password of the first user."""

    password: str
    is_generated: bool


def jwt_secret(settings: ServiceSettings) -> str:
    """Signs tokens: `TRADEWIND__API_AUTH__JWT_SECRET`, or what is in `…__JWT_SECRET_FILE`, or the home folder's.
    One secret or several, as `TokenSigner` takes them."""
    if (path := settings.api_auth.jwt_secret_file) is not None:
        if settings.api_auth.jwt_secret is not None:
            raise ConfigError("set TRADEWIND__API_AUTH__JWT_SECRET or TRADEWIND__API_AUTH__JWT_SECRET_FILE, not both")
        return _read(path, "TRADEWIND__API_AUTH__JWT_SECRET_FILE")
    return _configured(settings.api_auth.jwt_secret) or _kept(settings.home, "jwt_secret", _random_text)


def fernet_key(settings: ServiceSettings) -> str:
    """Encrypts variables and connections: `TRADEWIND__CORE__FERNET_KEY`, or the home folder's."""
    return _configured(settings.core.fernet_key) or _kept(settings.home, "fernet_key", _random_fernet_key)


def admin_password(settings: ServiceSettings) -> AdminPassword:
    """`TRADEWIND__API__ADMIN_PASSWORD`, or the home folder's."""
    configured = _configured(settings.api.admin_password)
    if configured:
        return AdminPassword(password=configured, is_generated=False)
    return AdminPassword(password=_kept(settings.home, "admin_password", _random_password), is_generated=True)


def known_fernet_key(settings: ServiceSettings) -> str | None:
    """The same as `fernet_key`, but none is made if there is none."""
    return _configured(settings.core.fernet_key) or _found(settings.home, "fernet_key")


def kept_admin_password(settings: ServiceSettings) -> str | None:
    """The home folder's, if one was ever made."""
    return _found(settings.home, "admin_password")


def make_home(home: Path) -> Path:
    """The home folder, made if it is missing; raises `ConfigError` if that is not possible."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise unusable(home, exc) from exc
    return home


def _configured(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value is not None else None


def _read(path: Path, setting: str) -> str:
    try:
        text = path.read_text().strip()
    except OSError as exc:
        raise ConfigError(f"{setting}: cannot read {path} ({exc.strerror})") from exc
    if not text:
        raise ConfigError(f"{setting}: {path} is empty")
    return text


def _found(home: Path, name: str) -> str | None:
    path = home / "secrets" / name
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise unusable(path, exc) from exc


def _kept(home: Path, name: str, make: Callable[[], str]) -> str:
    path = make_home(home) / "secrets" / name
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _create(path, make())
        value = path.read_text().strip()
    except OSError as exc:
        raise unusable(path, exc) from exc
    if not value:
        raise ConfigError(f"{path} is empty: remove it, or write the secret into it")
    return value


def _create(path: Path, value: str) -> None:
    """Write the whole file aside, then give it its name unless another process was first."""
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            Path(path).hardlink_to(aside)
        except FileExistsError:
            return
    finally:
        Path(aside).unlink()


def unusable(path: Path, exc: OSError) -> ConfigError:
    """What to raise when something under the home folder cannot be used."""
    return ConfigError(f"cannot use {path} ({exc.strerror}): set TRADEWIND__HOME to a folder that can be written")


def _random_text() -> str:
    return secrets.token_urlsafe(48)


def _random_password() -> str:
    return secrets.token_urlsafe(12)


def _random_fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
