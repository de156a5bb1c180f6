"""Executors by name, as `TRADEWIND__CORE__EXECUTOR` lists them."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from tradewind.core.errors import ConfigError
from tradewind.dispatcher.executors.base import BaseExecutor, ExecutorParts
from tradewind.dispatcher.executors.celery import CeleryExecutor
from tradewind.dispatcher.executors.local import LocalExecutor, SequentialExecutor

_SETTING: Final = "TRADEWIND__CORE__EXECUTOR"
_OWN: Final[tuple[type[BaseExecutor], ...]] = (LocalExecutor, SequentialExecutor, CeleryExecutor)


def load_executors(names: str, parts: ExecutorParts) -> Mapping[str, BaseExecutor]:
    """The executors by the names that tasks may use, in order; the first is the default. A name is one of ours or
    `module:Class`, which tasks may also call by its class's name. Raises `ConfigError`."""
    executors: dict[str, BaseExecutor] = {}
    for name in dict.fromkeys(part.strip() for part in names.split(",")):
        if name:
            executors[name] = executors[name.rpartition(":")[2]] = _executor_class(name)(parts)
    if not executors:
        raise ConfigError(f"{_SETTING} is empty: name at least one of {_choices()}")
    return executors


def _executor_class(name: str) -> type[BaseExecutor]:
    for own in _OWN:
        if own.name == name:
            return own
    module_name, colon, class_name = name.partition(":")
    if not colon:
        raise ConfigError(f"{_SETTING} names {name!r}, which is none of {_choices()}, nor of the form module:Class")
    try:
        found: object = getattr(import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as exc:
        raise ConfigError(f"{_SETTING} names {name!r}, which cannot be loaded: {exc}") from exc
    if not (isinstance(found, type) and issubclass(found, BaseExecutor)):
        raise ConfigError(f"{_SETTING} names {name!r}, which is no subclass of {BaseExecutor.__module__}:BaseExecutor")
    return found


def _choices() -> str:
    return ", ".join(own.name for own in _OWN)
