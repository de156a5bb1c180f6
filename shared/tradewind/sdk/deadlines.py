"""Deadline alerts: what is called when a run is not over by a time that is reckoned from a reference."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from tradewind.core.spec import DeadlineSpec
from tradewind.sdk import timezone as tz
from tradewind.sdk.module_loading import import_string
from tradewind.sdk.variable import Variable

_DOTTED: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


class Callback:
    """A callable of the DAG file or an importable one, by its path, and what it is called with. Raises ValueError for
    a `context` among the arguments, which is given anyway, and ImportError for what is no path."""

    def __init__(self, callback_callable: Callable[..., Any] | str, kwargs: Mapping[str, Any] | None = None) -> None:
        if kwargs and "context" in kwargs:
            raise ValueError("context is a reserved kwarg for this class")
        self._callable = None if isinstance(callback_callable, str) else callback_callable
        if isinstance(callback_callable, str) and not _DOTTED.fullmatch(callback_callable.strip()):
            raise ImportError(f"{callback_callable!r} is not the dotted path of a callable")
        self.kwargs = dict(kwargs or {})
        self.path = callback_callable.strip() if isinstance(callback_callable, str) else _path(callback_callable)
        if self._callable is not None:
            self.verify_callable(self._callable)

    @classmethod
    def verify_callable(cls, callback: Callable[..., Any]) -> None:
        """Raises AttributeError for a callable of another kind."""

    def call(self, context: Mapping[str, Any]) -> Any:
        """What the callable gives; it gets the context if it takes one."""
        called: Any = import_string(self.path) if self._callable is None else self._callable
        return called(**self.kwargs, context=context) if _takes_context(called) else called(**self.kwargs)


class AsyncCallback(Callback):
    """An awaitable one."""

    @classmethod
    def verify_callable(cls, callback: Callable[..., Any]) -> None:
        """Raises AttributeError for what cannot be awaited."""
        if not (inspect.iscoroutinefunction(callback) or hasattr(callback, "__await__")):
            raise AttributeError(f"Provided callback {callback} is not awaitable.")


class SyncCallback(Callback):
    """An ordinary one. `executor` is kept."""

    def __init__(
        self,
        callback_callable: Callable[..., Any] | str,
        kwargs: Mapping[str, Any] | None = None,
        executor: str | None = None,
    ) -> None:
        super().__init__(callback_callable, kwargs)
        self.executor = executor


class BaseDeadlineReference:
    """What a deadline is reckoned from."""

    kind: ClassVar[str | None] = None
    """The scheduler's name for it; None = it is not one of ours."""

    @property
    def reference_name(self) -> str:
        """The class's name."""
        return type(self).__name__

    def data(self) -> dict[str, object]:
        """What the scheduler needs to know besides the kind."""
        return {}


class DagRunLogicalDateDeadline(BaseDeadlineReference):
    """The run's logical date."""

    kind = "dagrun_logical_date"


class DagRunQueuedAtDeadline(BaseDeadlineReference):
    """When the run was queued."""

    kind = "dagrun_queued_at"


@dataclass(frozen=True)
class FixedDatetimeDeadline(BaseDeadlineReference):
    """A moment."""

    moment: datetime
    kind = "fixed_datetime"

    def data(self) -> dict[str, object]:
        """The moment, in UTC."""
        return {"datetime": tz.as_utc(self.moment).isoformat()}


@dataclass(frozen=True)
class AverageRuntimeDeadline(BaseDeadlineReference):
    """When the run was queued, plus how long the DAG's latest runs took on average. Raises ValueError for `min_runs`
    below 1."""

    max_runs: int = 10
    min_runs: int | None = None
    """With fewer runs there is no deadline; None = `max_runs`."""
    kind = "average_runtime"

    def __post_init__(self) -> None:
        if self.min_runs is not None and self.min_runs < 1:
            raise ValueError("min_runs must be at least 1")

    def data(self) -> dict[str, object]:
        """Both numbers."""
        return {"max_runs": self.max_runs, "min_runs": self.max_runs if self.min_runs is None else self.min_runs}


class DeadlineReference:
    """All references, by Airflow's names."""

    DAGRUN_LOGICAL_DATE: Final = DagRunLogicalDateDeadline()
    DAGRUN_QUEUED_AT: Final = DagRunQueuedAtDeadline()

    @classmethod
    def AVERAGE_RUNTIME(cls, max_runs: int = 0, min_runs: int | None = None) -> AverageRuntimeDeadline:
        """Of at most so many runs (0 = 10)."""
        return AverageRuntimeDeadline(max_runs or 10, min_runs)

    @classmethod
    def FIXED_DATETIME(cls, dt: datetime) -> FixedDatetimeDeadline:
        """A moment."""
        return FixedDatetimeDeadline(dt)


@dataclass(frozen=True)
class VariableInterval:
    """As many seconds as the variable of this key says when a run is created; without such a number, that run has no
    deadline."""

    key: str

    def resolve(self) -> timedelta:
        """What it says now. Raises ValueError naming the variable."""
        value = Variable.get(self.key, default=None)
        try:
            return timedelta(seconds=int(value))
        except (TypeError, ValueError) as exc:
            raise ValueError(f"VariableInterval {self.key!r} must be an integer (seconds), not {value!r}") from exc


class DeadlineAlert:
    """`callback` is called once a run is not over `interval` after the reference. Raises ValueError for a callback of
    another kind."""

    def __init__(
        self,
        reference: BaseDeadlineReference,
        interval: timedelta | VariableInterval,
        callback: Callback,
        name: str | None = None,
    ) -> None:
        if not isinstance(callback, AsyncCallback | SyncCallback):
            raise ValueError(f"Callbacks of type {type(callback).__name__} are not currently supported")
        self.reference, self.interval, self.callback, self.name = reference, interval, callback, name


def deadline_alerts(deadline: object) -> list[DeadlineAlert]:
    """A DAG's `deadline` argument: one alert, several, or none. Raises ValueError for what is no alert."""
    found: list[Any] = [] if deadline is None else list(deadline) if isinstance(deadline, list | tuple) else [deadline]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - authors'
    for alert in found:
        if not isinstance(alert, DeadlineAlert):
            raise ValueError(f"{alert!r} is not a DeadlineAlert")
    return found


def deadline_specs(deadline: object) -> tuple[DeadlineSpec, ...]:
    """The scheduler's form. Raises ValueError for a reference or interval that it cannot reckon with."""
    return tuple(_spec(alert) for alert in deadline_alerts(deadline))


def _spec(alert: DeadlineAlert) -> DeadlineSpec:
    reference, interval = alert.reference, alert.interval
    if reference.kind is None:
        raise ValueError(
            f"{reference.reference_name} is a reference of its own, which deadlines cannot be reckoned from"
        )
    if not isinstance(interval, timedelta | VariableInterval):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
        raise ValueError(f"interval must be a timedelta or a VariableInterval, not {interval!r}")
    by_variable = isinstance(interval, VariableInterval)
    return DeadlineSpec(
        reference=reference.kind,
        interval_seconds=0.0 if by_variable else interval.total_seconds(),
        interval_variable=interval.key if by_variable else None,
        data=reference.data(),
        name=alert.name,
    )


def _path(callback: Callable[..., Any]) -> str:
    return f"{callback.__module__}.{getattr(callback, '__qualname__', type(callback).__qualname__)}"


def _takes_context(callback: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(callback).parameters
    except (TypeError, ValueError):
        return True
    return "context" in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())
