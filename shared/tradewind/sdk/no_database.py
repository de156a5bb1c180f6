"""Names of Airflow's database models and sessions. As in Airflow's own task processes, code of authors may name them
(in annotations, say) and not use them: what they would ask the database is asked of the context, or of the REST API."""

from functools import wraps
from inspect import signature
from typing import Any, NoReturn


def _refuse(what: str) -> NoReturn:
    raise RuntimeError(
        f"Direct database access is not allowed from DAG files and tasks ({what});"
        " use the task's context, airflow.sdk, or the REST API"
    )


class _ModelType(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _refuse(f"{cls.__name__}.{name}")


class _Model(metaclass=_ModelType):
    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        _refuse(type(self).__name__)


class Base(_Model):
    """The base of models."""


class DagRun(_Model):
    """A run's row."""


class DagModel(_Model):
    """A DAG's row."""


class DagTag(_Model):
    """A tag's row."""


class DagVersion(_Model):
    """The row of a version of a DAG."""


class SerializedDagModel(_Model):
    """The row of a DAG's stored form."""


class TaskReschedule(_Model):
    """The row of a sensor's rest."""


class RenderedTaskInstanceFields(_Model):
    """The row of a task's rendered fields."""


class Log(_Model):
    """A row of the audit log."""


class Trigger(_Model):
    """The row of a trigger."""


class Pool(_Model):
    """A pool's row."""

    DEFAULT_POOL_NAME = "default_pool"


def create_session(scoped: bool = True) -> Any:
    """Never: refuses."""
    _refuse("create_session")


def provide_session(function: Any) -> Any:
    """A function that can be called with a `session` of one's own; without it, it refuses."""
    parameters = signature(function)

    @wraps(function)
    def with_session(*args: Any, **kwargs: Any) -> Any:
        if parameters.bind_partial(*args, **kwargs).arguments.get("session") is None:
            _refuse(f"provide_session of {function.__qualname__}")
        return function(*args, **kwargs)

    return with_session


def clear_task_instances(*_args: Any, **_kwargs: Any) -> None:
    """Never: refuses."""
    _refuse("clear_task_instances")


NEW_SESSION: Any = None
ID_LEN = 250
