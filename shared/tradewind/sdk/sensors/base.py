"""`BaseSensorOperator`: looks again and again until something holds, in its slot or giving it back in between."""

import hashlib
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from tradewind.sdk import timezone
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferralError,
    TaskDeferralTimeout,
)
from tradewind.sdk.operator import BaseOperator

if TYPE_CHECKING:
    pass

DEFAULT_TIMEOUT_SECONDS = 7 * 24 * 3600.0
FOREVER_SECONDS = timedelta.max.total_seconds() - 1


class PokeReturnValue:
    """What a poke may return: whether the wait is over, and the value to push then."""

    def __init__(self, is_done: bool, xcom_value: Any | None = None) -> None:
        self.is_done = is_done
        self.xcom_value = xcom_value

    def __bool__(self) -> bool:
        return self.is_done


class BaseSensorOperator(BaseOperator):
    """Calls `poke` every `poke_interval` seconds until it returns something true, for at most `timeout` seconds.

    Mode `poke` keeps the slot and sleeps, mode `reschedule` gives it back in between. `soft_fail`: a timeout or
    failure skips the task; `never_fail`: any error does; `silent_fail`: an error of a poke counts as "not yet".
    With `exponential_backoff` the interval doubles from poke to poke, up to `max_wait`.
    """

    ui_color = "#e6f1f2"
    valid_modes: ClassVar[tuple[str, ...]] = ("poke", "reschedule")
    is_sensor: ClassVar[bool] = True

    def __init__(
        self,
        *,
        poke_interval: timedelta | float = 60,
        timeout: timedelta | float | None = None,
        soft_fail: bool = False,
        mode: str = "poke",
        exponential_backoff: bool = False,
        max_wait: timedelta | float | None = None,
        silent_fail: bool = False,
        never_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.poke_interval = _seconds("poke_interval", poke_interval)
        self.timeout = _default_timeout() if timeout is None else _seconds("timeout", timeout)
        self.max_wait = None if max_wait is None else timedelta(seconds=_seconds("max_wait", max_wait))
        self.soft_fail, self.never_fail, self.silent_fail = soft_fail, never_fail, silent_fail
        self.mode, self.exponential_backoff = mode, exponential_backoff
        if soft_fail and never_fail:
            raise ValueError("soft_fail and never_fail are mutually exclusive, you can not provide both.")
        if mode not in self.valid_modes:
            raise ValueError(f"The mode of task {self.task_id!r} must be one of {self.valid_modes}, not {mode!r}")

    @property
    def reschedule(self) -> bool:
        """Whether the slot is given back between pokes."""
        return self.mode == "reschedule"

    def poke(self, context: Any) -> bool | PokeReturnValue:
        """Override: whether what is waited for holds."""
        raise AirflowException(f"{type(self).__name__} does not define poke()")

    def execute(self, context: Any) -> Any:
        """Poke until it holds; returns what the poke says to push."""
        started_at, elapsed = self._clock(context)
        pokes = 1
        while True:
            found = self._poke_once(context)
            if found:
                self.log.info("Success criteria met. Exiting.")
                return found.xcom_value if isinstance(found, PokeReturnValue) else None
            if elapsed() > self.timeout:
                self._time_out(elapsed())
            interval = self._next_poke_interval(started_at, elapsed, pokes)
            if self.reschedule:
                raise AirflowRescheduleException(timezone.utcnow() + timedelta(seconds=interval))
            time.sleep(interval)
            pokes += 1

    def _clock(self, context: Any) -> tuple[datetime | float, Callable[[], float]]:
        """When the wait began, over all reschedules, and how many seconds it has lasted."""
        if not self.reschedule:
            began = time.monotonic()
            return began, lambda: time.monotonic() - began
        first: datetime = context["ti"].get_first_reschedule_date(context) or timezone.utcnow()
        return first, lambda: (timezone.utcnow() - first).total_seconds()

    def _poke_once(self, context: Any) -> bool | PokeReturnValue:
        try:
            return self.poke(context)
        except (AirflowSensorTimeout, AirflowTaskTimeout, AirflowFailException) as exc:
            self._skip_if_soft(exc)
            raise
        except AirflowSkipException:
            raise
        except Exception as exc:
            if self.silent_fail:
                self.log.exception("Sensor poke failed")
                return False
            if self.never_fail:
                raise AirflowSkipException("Skipping due to never_fail is set to True.") from exc
            raise

    def _skip_if_soft(self, exc: BaseException) -> None:
        if self.soft_fail or self.never_fail:
            which = "soft_fail" if self.soft_fail else "never_fail"
            raise AirflowSkipException(f"Skipping due to {which} is set to True.") from exc

    def _time_out(self, elapsed: float) -> None:
        message = (
            f"Sensor has timed out; run duration of {elapsed} seconds exceeds the specified timeout of {self.timeout}."
        )
        raise AirflowSkipException(message) if self.soft_fail else AirflowSensorTimeout(message)

    def resume_execution(self, next_method: str, next_kwargs: Mapping[str, Any] | None, context: Any) -> Any:
        """Go on after a deferral; a trigger that took too long is a sensor's timeout."""
        try:
            return self._resume(next_method, next_kwargs, context)
        except (AirflowException, TaskDeferralError) as exc:
            if not isinstance(exc, AirflowSkipException):
                self._skip_if_soft(exc)
            raise

    def _resume(self, next_method: str, next_kwargs: Mapping[str, Any] | None, context: Any) -> Any:
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout as exc:
            raise AirflowSensorTimeout(*exc.args) from exc

    def _next_poke_interval(self, started_at: datetime | float, elapsed: Callable[[], float], pokes: int) -> float:
        if not self.exponential_backoff:
            return self.poke_interval
        if self.reschedule:
            pokes = self._pokes_so_far(started_at, elapsed())
        interval = min(self.timeout - int(elapsed()), self._backoff(started_at, pokes))
        return interval if self.max_wait is None else min(self.max_wait.total_seconds(), interval)

    def _pokes_so_far(self, started_at: datetime | float, elapsed: float) -> int:
        """How many pokes fit into that time: a rescheduled sensor does not remember them."""
        pokes, total = 0, 0.0
        while total <= elapsed:
            pokes += 1
            total += self._backoff(started_at, pokes)
        return pokes

    def _backoff(self, started_at: datetime | float, pokes: int) -> float:
        """Seconds before the next poke: doubling, and spread by a hash, so that sensors do not poke all at once."""
        least = max(int(self.poke_interval * 2 ** (pokes - 2)), 1)
        text = f"{self.dag_id}#{self.task_id}#{started_at}#{pokes}"
        spread = int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16) % least
        return min(least + spread, FOREVER_SECONDS)


SensorT = TypeVar("SensorT", bound=type[BaseSensorOperator])


def poke_mode_only(cls: SensorT) -> SensorT:
    """Class decorator for sensors that keep state between pokes: only mode `poke` can be set."""

    def get_mode(_self: BaseSensorOperator) -> str:
        return "poke"

    def set_mode(_self: BaseSensorOperator, value: str) -> None:
        if value != "poke":
            raise ValueError(f"Cannot set mode to {value!r}. Only 'poke' is acceptable")

    if not issubclass(cls, BaseSensorOperator):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
        raise ValueError(f"poke_mode_only decorates sensors, not {cls!r}")
    cast("Any", cls).mode = property(get_mode, set_mode)
    return cls


def _default_timeout() -> float:
    from tradewind.sdk.configuration import conf

    return conf.getfloat("sensors", "default_timeout", fallback=DEFAULT_TIMEOUT_SECONDS)


def _seconds(name: str, value: timedelta | float) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, int | float) and seconds >= 0:  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
        return float(seconds)
    raise ValueError(f"Operator arg `{name}` must be timedelta object or a non-negative number, not {value!r}")
