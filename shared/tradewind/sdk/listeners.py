"""Listeners: objects or modules of plugins that are told what happens to task instances, runs, assets and DAG files.

A listener defines, marked by `hookimpl`, functions of these names, each with as many of the arguments as it wants:

    on_task_instance_running(previous_state, task_instance)
    on_task_instance_success(previous_state, task_instance)
    on_task_instance_skipped(previous_state, task_instance)
    on_task_instance_failed(previous_state, task_instance, error)
    on_starting(component), before_stopping(component): around each attempt; `component` is a `TaskRunnerMarker`
    on_new_dag_import_error, on_existing_dag_import_error (filename, stacktrace): in the process that parses; existing
        where the dag processor's last parse of the file has failed too
    on_asset_changed(asset), on_asset_event_emitted(asset_event): in the process of the task whose success says so
    on_dag_run_running, on_dag_run_success, on_dag_run_failed (dag_run, msg)
"""

import inspect
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

_MARK: Final = "airflow_impl"
"""As pluggy's marker for Airflow sets it, so that listeners marked by that are heard too."""

_RUN_STATES: Final = ("running", "success", "failed")

log = logging.getLogger("tradewind.task")


def hookimpl(function: Callable[..., Any] | None = None, **_options: Any) -> Any:
    """Mark a listener's function. Options (order of calls and the like) are accepted and have no effect."""
    if function is None:
        return hookimpl
    setattr(function, _MARK, True)
    return function


class TaskRunnerMarker:
    """What begins and ends when a task's process does: the `component` of `on_starting` and `before_stopping`."""


class Listeners:
    """The listeners of this process, in the order in which they were added."""

    def __init__(self) -> None:
        self._listeners: list[Any] = []

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def add(self, listener: Any) -> None:
        """Add one; again is without effect."""
        if all(known is not listener for known in self._listeners):
            self._listeners.append(listener)

    add_listener = add

    def clear(self) -> None:
        """Remove all."""
        self._listeners.clear()

    @property
    def has_listeners(self) -> bool:
        """Whether there is any."""
        return bool(self._listeners)

    @property
    def hook(self) -> "_Hook":
        """To tell all of them: `hook.on_task_instance_running(previous_state=…, task_instance=…)`."""
        return _Hook(self)

    def heard_states(self) -> tuple[str, ...]:
        """The states of DAG runs of which some listener wants to hear."""
        return tuple(state for state in _RUN_STATES if self.hears(f"on_dag_run_{state}"))

    def hears(self, event: str) -> bool:
        """Whether some listener has a function for it."""
        return any(_hears(one, event) for one in self._listeners)

    def notify(self, event: str, **arguments: Any) -> None:
        """Tell every listener that has a function for it. What one raises is logged and changes nothing."""
        for listener in list(self._listeners):
            if not _hears(listener, event):
                continue
            function = getattr(listener, event)
            try:
                function(**_accepted(function, arguments))
            except Exception:
                log.exception("error calling listener")


class _Hook:
    """Events as functions of keyword arguments."""

    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners

    def __getattr__(self, event: str) -> Callable[..., None]:
        return partial(self._listeners.notify, event)


def _hears(listener: Any, event: str) -> bool:
    function = getattr(listener, event, None)
    return callable(function) and hasattr(function, _MARK)


def _accepted(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return arguments
    return {name: value for name, value in arguments.items() if name in parameters}


LISTENERS: Final = Listeners()
"""The process's own: one process serves one folder of plugins."""


def get_listener_manager() -> Listeners:
    """The listeners of this process."""
    return LISTENERS
