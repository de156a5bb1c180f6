"""Looking up a name in one backend after the other."""

import inspect
import json
import logging
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import AirflowConfigException, AirflowSecretsBackendAccessDenied
from tradewind.sdk.secrets.environment import EnvironmentVariablesBackend

if TYPE_CHECKING:
    from tradewind.sdk.connection import Connection

ENVIRONMENT: Final = EnvironmentVariablesBackend()

log = logging.getLogger("tradewind.task")


def find_variable(key: str) -> str | None:
    """A variable's text from a backend other than the execution API; None if none has it."""
    for backend in _backends():
        value = _asked(backend, "get_variable", key=key)
        if value is not None:
            return cast("str", value)
    return None


def find_connection(conn_id: str) -> "Connection | None":
    """A connection from a backend other than the execution API; None if none has it."""
    for backend in _backends():
        value = _asked(backend, "get_connection", conn_id=conn_id)
        if value is not None:
            return cast("Connection", value)
    return None


def find_config(name: str) -> str | None:
    """What the author's own backend has for a configuration value."""
    for backend in _backends():
        if backend is not ENVIRONMENT and hasattr(backend, "get_config"):
            return cast("str | None", backend.get_config(name))
    return None


def _backends() -> Iterator[Any]:
    for section, name, arguments in (
        ("workers", "secrets_backend", "secrets_backend_kwargs"),
        ("secrets", "backend", "backend_kwargs"),
    ):
        path = conf.get(section, name, fallback=None)
        if path:
            yield _made(
                path, conf.get(section, arguments, fallback=None) or "{}", _single_arguments(section, arguments)
            )
            break
    yield ENVIRONMENT


def _single_arguments(section: str, arguments: str) -> tuple[tuple[str, str], ...]:
    """What variables name one by one, `AIRFLOW__SECRETS__BACKEND_KWARG__ROLE_ID`: it goes before the JSON object."""
    start = f"AIRFLOW__{section.upper()}__{arguments.removesuffix('s').upper()}__"
    return tuple(
        (name.removeprefix(start).lower(), os.environ[name]) for name in sorted(os.environ) if name.startswith(start)
    )


@lru_cache(maxsize=4)
def _made(path: str, arguments: str, single: tuple[tuple[str, str], ...]) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)(**{**json.loads(arguments), **dict(single)})
    except (ImportError, AttributeError, ValueError, TypeError) as exc:
        raise AirflowConfigException(f"the secrets backend {path!r} cannot be made: {exc}") from exc


def forget_backends() -> None:
    """Have backends made anew when they are next asked: what they have read may have changed."""
    _made.cache_clear()


def _asked(backend: Any, method: str, **name: str) -> object:
    """The backend's answer. The environment's errors are the user's; any other backend that fails is passed over."""
    function: Callable[..., object] = getattr(backend, method)
    if backend is ENVIRONMENT:
        return function(**name)
    try:
        return function(**name, **_team_name(function))
    except AirflowSecretsBackendAccessDenied:
        raise
    except Exception:
        log.exception("Unable to ask the secrets backend %s: the next one is asked", type(backend).__name__)
        return None


def _team_name(function: Callable[..., object]) -> dict[str, None]:
    """Backends of before Airflow 3.2 have no such argument."""
    return {"team_name": None} if "team_name" in inspect.signature(function).parameters else {}
