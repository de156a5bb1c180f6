"""Policies of a deployment: functions of `airflow_local_settings.py` and of installed plugins that look at each DAG and
task that is loaded, change them, or refuse them.

The module is found on the import path, of which the `config` folder beside the DAGs folder, and that under the home
folder, are parts. Plugins are entry points of the group `airflow.policy`: modules or classes whose functions are marked
by `hookimpl`. What `airflow_local_settings.py` says is asked first and has the last word where one answer counts.
"""

import inspect
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from tradewind.sdk.dags import DAG
from tradewind.sdk.entry_points import entry_points_of
from tradewind.sdk.exceptions import (
    AirflowClusterPolicyError,
    AirflowClusterPolicySkipDag,
    AirflowClusterPolicyViolation,
)
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.types import WeightRule

GROUP: Final = "airflow.policy"
MODULE: Final = "airflow_local_settings"
_MARK: Final = f"{GROUP}_impl"
"""As pluggy's marker for Airflow sets it, so that policies marked by that are heard too."""

_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "dag_policy": ("dag",),
    "task_policy": ("task",),
    "task_instance_mutation_hook": ("task_instance", "dag_run"),
    "pod_mutation_hook": ("pod",),
    "get_airflow_context_vars": ("context",),
    "get_dagbag_import_timeout": ("dag_file_path",),
}
"""Policy → what it is called with."""

_MUTABLE: Final = ("queue", "pool", "pool_slots", "executor", "executor_config", "run_as_user")
"""What a hook may change of a task instance, beside its priority and number of tries."""

log = logging.getLogger("tradewind.policies")


def hookimpl(function: Callable[..., Any] | None = None, **_options: Any) -> Any:
    """Mark a plugin's policy. Options (order of calls and the like) are accepted and have no effect."""
    if function is None:
        return hookimpl
    setattr(function, _MARK, True)
    return function


class PlannedTaskInstance:
    """What `task_instance_mutation_hook` is given: any instance of a task, before there is a run. Its attributes are
    the task's; those that the hook changes hold for all instances and all their tries. `try_number` counts the tries
    that are over."""

    def __init__(self, task: BaseOperator, try_number: int = 0) -> None:
        self.task = task
        self.dag_id, self.task_id, self.run_id = task.dag.dag_id, task.task_id, None
        self.map_index, self.try_number, self.state = -1, try_number, None
        self.max_tries, self.priority_weight = task.retries, task.priority_weight
        self.operator, self.task_display_name = task.task_type, task.task_display_name
        for name in _MUTABLE:
            setattr(self, name, getattr(task, name))

    def take_over(self) -> None:
        """Have the task be as its instance was made."""
        task = self.task
        for name in _MUTABLE:
            if getattr(self, name) != getattr(task, name):
                setattr(task, name, getattr(self, name))
        if self.max_tries != task.retries:
            task.retries = self.max_tries
        if self.priority_weight != task.priority_weight:
            task.priority_weight, task.weight_rule, task.weight_strategy = (
                self.priority_weight,
                WeightRule.ABSOLUTE,
                None,
            )


class Policies:
    """Those of this process. `sources`: name → function of each place, the one that is asked first first."""

    def __init__(self, sources: Sequence[Mapping[str, Callable[..., Any]]]) -> None:
        self._functions = {
            name: [_fitted(source[name], arguments) for source in sources if callable(source.get(name))]
            for name, arguments in _ARGUMENTS.items()
        }

    def has(self, name: str) -> bool:
        """Whether there is such a policy."""
        return bool(self._functions[name])

    def apply(self, dag: DAG) -> bool:
        """Let them look at a DAG and its tasks; False if it is to be left out. Raises AirflowClusterPolicyViolation, or
        AirflowClusterPolicyError for anything else that a policy raises."""
        if not any(self._functions[name] for name in ("dag_policy", "task_policy", "task_instance_mutation_hook")):
            return True
        try:
            self.call("dag_policy", dag)
            for task in dag.tasks:
                self.call("task_policy", task)
                self._mutate(task)
        except AirflowClusterPolicySkipDag:
            log.info("DAG %s is left out by a policy", dag.dag_id)
            return False
        except AirflowClusterPolicyViolation:
            raise
        except Exception as exc:
            raise AirflowClusterPolicyError(f"{type(exc).__name__}: {exc}") from exc
        return True

    def mutate_pod(self, pod: Any) -> None:
        """Let them change the pod of an attempt, in place."""
        self.call("pod_mutation_hook", pod)

    def context_vars(self, context: Any) -> dict[str, str]:
        """What a task's environment gets besides, by the first that says anything. Raises TypeError for what is no
        text."""
        for function in self._functions["get_airflow_context_vars"]:
            found: Any = function(context)
            if found is not None:
                return _checked_vars(found)
        return {}

    def import_timeout(self, dag_file_path: str) -> float | None:
        """How many seconds a file may take to be imported, by the first that says anything: 0 or less for as long as it
        wants, None where nobody says. Raises TypeError for what is no number."""
        for function in self._functions["get_dagbag_import_timeout"]:
            found: object = function(dag_file_path)
            if found is None:
                continue
            if not isinstance(found, int | float):
                kind = type(found).__name__
                raise TypeError(f"get_dagbag_import_timeout({dag_file_path!r}) must be a number, not {kind}: {found!r}")
            return float(found)
        return None

    def _mutate(self, task: BaseOperator) -> None:
        if self._functions["task_instance_mutation_hook"]:
            instance, retried = PlannedTaskInstance(task), PlannedTaskInstance(task, try_number=1)
            self.call("task_instance_mutation_hook", instance, None)
            if task.retries:
                self.call("task_instance_mutation_hook", retried, None)
                _warn_of_differences(instance, retried)
            instance.take_over()

    def call(self, name: str, *values: Any) -> None:
        """Ask all of this name, in order."""
        for function in self._functions[name]:
            function(*values)


def _warn_of_differences(first: PlannedTaskInstance, retried: PlannedTaskInstance) -> None:
    """What the hook would have otherwise for a retry is not had: say so, instead of nothing."""
    for name in (*_MUTABLE, "priority_weight", "max_tries"):
        wanted, kept = getattr(retried, name), getattr(first, name)
        if wanted != kept:
            log.warning(
                "task_instance_mutation_hook wants %s %r for retries of task %s in DAG %s: they have %r like the first",
                name,
                wanted,
                first.task_id,
                first.dag_id,
                kept,
            )


def _checked_vars(found: Mapping[Any, Any]) -> dict[str, str]:
    for key, value in found.items():
        if not isinstance(key, str):
            raise TypeError(f"key <{key}> must be string")
        if not isinstance(value, str):
            raise TypeError(f"value of key <{key}> must be string, not {type(value)}")
    return dict(found)


def _fitted(function: Callable[..., Any], arguments: tuple[str, ...]) -> Callable[..., Any]:
    """The policy as a function of all arguments by position: it may want fewer, or call them something else."""
    names = list(inspect.signature(function).parameters)
    places = [arguments.index(name) for name in names] if set(names) <= set(arguments) else list(range(len(names)))

    def fitted(*values: Any) -> Any:
        return function(*(values[place] for place in places[: len(values)]))

    return fitted


@cache
def policies() -> Policies:
    """Those of this process, found once. Raises whatever importing them raises."""
    return Policies([source for source in (_local_settings(), *_installed()) if source])


def loaded_policies() -> Policies | None:
    """Those of this process, if it has loaded a DAG file: before that it is not known where to look for them."""
    return policies() if policies.cache_info().currsize else None


def add_config_folders(dags_folder: Path) -> None:
    """Have `airflow_local_settings` found in the `config` folders."""
    for home in (dags_folder.parent, Path(os.environ.get("AIRFLOW_HOME") or dags_folder.parent)):
        folder = home / "config"
        if str(folder) not in sys.path and folder.is_dir():
            sys.path.append(str(folder))


def _local_settings() -> Mapping[str, Any]:
    try:
        module = import_module(MODULE)
    except ModuleNotFoundError as exc:
        if exc.name == MODULE:
            return {}
        raise
    names: Sequence[str] = getattr(module, "__all__", None) or list(vars(module))
    return {name: getattr(module, name) for name in names if name in _ARGUMENTS}


def _installed() -> Iterator[Mapping[str, Any]]:
    for entry in entry_points_of(GROUP):
        plugin: Any = entry.load()
        marked = {name: getattr(plugin, name, None) for name in _ARGUMENTS}
        yield {name: function for name, function in marked.items() if hasattr(function, _MARK)}
