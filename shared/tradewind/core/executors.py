"""Which executors there are, by what names, and which of them gets a task. Pure: names are read, nothing is loaded.

`core.executor` lists them, the first is the default. Each is written as Airflow writes it or as Python does:

    CeleryExecutor                        one of our own
    my.module.MyExecutor                  a class by its import path; also `my.module:MyExecutor`
    quick:LocalExecutor                   with an alias, by which tasks may name it
    quick:my.module.MyExecutor            likewise
    my_executor                           the name of an entry point of the group `tradewind.executors`

A task gets the executor that it names (`executor=`, also by way of `default_args`), else the one that
`core.executor_queues` gives to its queue, else the default.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tradewind.core.errors import ConfigError

SETTING: Final = "TRADEWIND__CORE__EXECUTOR"
QUEUES_SETTING: Final = "TRADEWIND__CORE__EXECUTOR_QUEUES"

LOCAL_EXECUTOR: Final = "LocalExecutor"
SEQUENTIAL_EXECUTOR: Final = "SequentialExecutor"
CELERY_EXECUTOR: Final = "CeleryExecutor"

OWN_EXECUTORS: Final[Mapping[str, str]] = {
    LOCAL_EXECUTOR: "airflow.executors.local_executor.LocalExecutor",
    SEQUENTIAL_EXECUTOR: "airflow.executors.sequential_executor.SequentialExecutor",
    CELERY_EXECUTOR: "airflow.providers.celery.executors.celery_executor.CeleryExecutor",
}
"""Ours, and the import paths under which Airflow's configurations and DAG files know their like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorName:
    """One configured executor."""

    name: str
    """Its alias if it has one, else its class's name: what logs, metrics and explanations call it."""
    target: str
    """What to load: a key of `OWN_EXECUTORS`, `module:Class`, or the name of an entry point."""

    @property
    def class_name(self) -> str:
        return self.target.rpartition(":")[2]

    @property
    def names(self) -> tuple[str, ...]:
        """All that tasks may call it, `name` first."""
        paths = (OWN_EXECUTORS[self.target],) if self.target in OWN_EXECUTORS else (self.target.replace(":", "."),)
        return tuple(dict.fromkeys((self.name, self.class_name, self.target, *paths)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredExecutors:
    """All executors of a deployment."""

    executors: tuple[ExecutorName, ...]
    by_name: Mapping[str, ExecutorName]
    by_queue: Mapping[str, ExecutorName]

    @property
    def listed(self) -> str:
        """Their names, for people."""
        return ", ".join(each.name for each in self.executors)

    def choose(self, executor: str | None, queue: str) -> ExecutorName | None:
        """The one for a task that names this executor (or none) and this queue; None: it names one that there is
        none of."""
        if executor:
            return self.by_name.get(executor)
        return self.by_queue.get(queue, self.executors[0])


def configured_executors(names: str, queues: str = "") -> ConfiguredExecutors:
    """What the settings `core.executor` and `core.executor_queues` (`queue=executor`, separated by commas) say.
    Raises `ConfigError`, which names the setting and the way out."""
    executors = tuple(_executor_name(part.strip()) for part in names.split(",") if part.strip())
    if not executors:
        raise ConfigError(f"{SETTING} is empty: name at least one of {', '.join(OWN_EXECUTORS)}")
    _refuse_doubles(executors)
    by_name: dict[str, ExecutorName] = {each.name: each for each in executors}
    for each in executors:
        for name in each.names:
            by_name.setdefault(name, each)
    pairs = [part.strip() for part in queues.split(",") if part.strip()]
    return ConfiguredExecutors(
        executors=executors, by_name=by_name, by_queue=dict(_queue_pair(pair, by_name) for pair in pairs)
    )


def unknown_executor(dag_id: str, task_id: str, executor: str, configured: ConfiguredExecutors) -> str:
    """Why a task cannot be run that names an executor which is not configured, and the way out."""
    return (
        f"task '{task_id}' of the DAG '{dag_id}' names the executor '{executor}', and {SETTING} has only "
        f"{configured.listed}: add it there, or have the task name one of these"
    )


def _executor_name(text: str) -> ExecutorName:
    if ";" in text or "=" in text:
        raise ConfigError(f"{SETTING} names {text!r}: executors of teams are not supported, list them for everybody")
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise ConfigError(f"{SETTING} names {text!r}, which is not of the form [alias:]module.path.Class")
    if len(parts) == 3:
        return ExecutorName(name=parts[0], target=f"{parts[1]}:{parts[2]}")
    if len(parts) == 2 and not (parts[1] in OWN_EXECUTORS or "." in parts[1]):
        return ExecutorName(name=parts[1], target=text)
    target = _target(parts[-1])
    return ExecutorName(name=parts[0] if len(parts) == 2 else target.rpartition(":")[2], target=target)


def _target(text: str) -> str:
    for own, airflow_path in OWN_EXECUTORS.items():
        if text in (own, airflow_path):
            return own
    module, _, class_name = text.rpartition(".")
    return f"{module}:{class_name}" if module else text


def _refuse_doubles(executors: tuple[ExecutorName, ...]) -> None:
    for kind in ("target", "name"):
        seen: dict[str, None] = {}
        for each in executors:
            value = getattr(each, kind)
            if value in seen:
                raise ConfigError(f"{SETTING} names {value!r} twice: each executor is configured once, by one name")
            seen[value] = None


def _queue_pair(pair: str, by_name: Mapping[str, ExecutorName]) -> tuple[str, ExecutorName]:
    queue, equals, name = (part.strip() for part in pair.partition("="))
    if not (queue and equals and name):
        raise ConfigError(f"{QUEUES_SETTING} has {pair!r}, which is not of the form queue=executor")
    if name not in by_name:
        known = ", ".join(dict.fromkeys(each.name for each in by_name.values()))
        raise ConfigError(f"{QUEUES_SETTING} gives the queue {queue!r} to {name!r}, and {SETTING} has only {known}")
    return queue, by_name[name]
