"""The configured executors, made; which of them gets a task is `core.executors`' to say."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final

from tradewind.core.errors import ConfigError
from tradewind.core.executors import (
    CELERY_EXECUTOR,
    LOCAL_EXECUTOR,
    OWN_EXECUTORS,
    SEQUENTIAL_EXECUTOR,
    SETTING,
    ConfiguredExecutors,
    configured_executors,
)
from tradewind.dispatcher.executors.base import BaseExecutor, ExecutorParts
from tradewind.dispatcher.executors.celery import CeleryExecutor
from tradewind.dispatcher.executors.local import LocalExecutor, SequentialExecutor

ENTRY_POINTS: Final = "tradewind.executors"
"""Group of the entry points by which an installed package offers executors."""

_OWN: Final[Mapping[str, type[BaseExecutor]]] = {
    LOCAL_EXECUTOR: LocalExecutor,
    SEQUENTIAL_EXECUTOR: SequentialExecutor,
    CELERY_EXECUTOR: CeleryExecutor,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Executors:
    """All executors of a dispatcher."""

    configured: ConfiguredExecutors
    by_name: Mapping[str, BaseExecutor]
    """By `ExecutorName.name`, in the order of the setting."""

    def choose(self, executor: str | None, queue: str) -> BaseExecutor | None:
        """The one for a task that names this executor (or none) and this queue; None: there is none of that name."""
        chosen = self.configured.choose(executor, queue)
        return None if chosen is None else self.by_name[chosen.name]


def load_executors(names: str, parts: ExecutorParts, *, queues: str = "") -> Executors:
    """What `core.executor` and `core.executor_queues` say, loaded. Raises `ConfigError`."""
    configured = configured_executors(names, queues)
    made = {each.name: _executor_class(each.target)(replace(parts, name=each.name)) for each in configured.executors}
    return Executors(configured=configured, by_name=made)


def _executor_class(target: str) -> type[BaseExecutor]:
    if target in _OWN:
        return _OWN[target]
    try:
        found = _load(target)
    except (ImportError, AttributeError, ValueError) as exc:
        raise ConfigError(f"{SETTING} names {target!r}, which cannot be loaded: {exc}") from exc
    if not (isinstance(found, type) and issubclass(found, BaseExecutor)):
        raise ConfigError(f"{SETTING} names {target!r}, which is no subclass of {BaseExecutor.__module__}.BaseExecutor")
    return found


def _load(target: str) -> object:
    module_name, colon, class_name = target.partition(":")
    if colon:
        return getattr(import_module(module_name), class_name)
    for entry_point in entry_points(group=ENTRY_POINTS, name=target):
        return entry_point.load()
    raise ConfigError(
        f"{SETTING} names {target!r}, which is none of {', '.join(OWN_EXECUTORS)}, not of the form module.path.Class, "
        f"and no installed package offers it as an entry point of the group {ENTRY_POINTS!r}"
    )
