"""Sensors that wait for a moment or a time of day."""

from datetime import datetime, time, timedelta
from time import sleep
from typing import TYPE_CHECKING, Any, ClassVar

from tradewind.sdk import timezone
from tradewind.sdk.sensors.base import BaseSensorOperator
from tradewind.sdk.triggers.base import StartTriggerArgs
from tradewind.sdk.triggers.temporal import DateTimeTrigger, TimeDeltaTrigger, moment_of

if TYPE_CHECKING:
    from collections.abc import Sequence


DATE_TIME_TRIGGER = "airflow.providers.standard.triggers.temporal.DateTimeTrigger"


class DateTimeSensor(BaseSensorOperator):
    """Waits until `target_time`: a datetime, or its ISO text, which may be a template."""

    template_fields: "Sequence[str]" = ("target_time",)

    def __init__(self, *, target_time: str | datetime, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_time = target_time

    @property
    def moment(self) -> datetime:
        """The target as an aware datetime; raises TypeError, or ValueError for a text that is no date."""
        return moment_of(self.target_time)

    def poke(self, context: Any) -> bool:
        """Whether it has come."""
        self.log.info("Checking if the time (%s) has come", self.target_time)
        return timezone.utcnow() > self.moment


class DateTimeSensorAsync(DateTimeSensor):
    """Waits until `target_time` without a slot."""

    def __init__(
        self,
        *,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.start_from_trigger, self.end_from_trigger = start_from_trigger, end_from_trigger
        if start_from_trigger:
            arguments = {"target_time": self.target_time, "end_from_trigger": end_from_trigger}
            self.start_trigger_args = StartTriggerArgs(DATE_TIME_TRIGGER, "execute_complete", arguments)

    def execute(self, context: Any) -> Any:
        """Wait in the triggerer."""
        trigger = DateTimeTrigger(self.moment, end_from_trigger=self.end_from_trigger)
        self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """The moment has come."""


class TimeSensor(BaseSensorOperator):
    """Waits until a time of day, today, in the DAG's time zone."""

    def __init__(
        self,
        *,
        target_time: time,
        deferrable: bool | None = None,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        zone = self.dag.timezone
        self.target_datetime = timezone.as_utc(datetime.combine(datetime.now(zone), target_time, zone))
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        self.start_from_trigger, self.end_from_trigger = start_from_trigger, end_from_trigger
        if start_from_trigger:
            arguments = {"moment": self.target_datetime, "end_from_trigger": end_from_trigger}
            self.start_trigger_args = StartTriggerArgs(DATE_TIME_TRIGGER, "execute_complete", arguments)

    def execute(self, context: Any) -> Any:
        """Wait, in the slot or in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        trigger = DateTimeTrigger(self.target_datetime, end_from_trigger=self.end_from_trigger)
        return self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """The time has come."""

    def poke(self, context: Any) -> bool:
        """Whether it has come."""
        self.log.info("Checking if the time (%s) has come", self.target_datetime)
        return timezone.utcnow() > self.target_datetime


class TimeSensorAsync(TimeSensor):
    """The older name of a deferrable TimeSensor."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(deferrable=True, **kwargs)


class TimeDeltaSensor(BaseSensorOperator):
    """Waits until `delta` after the end of the run's data interval, or after `run_after` where it has none. A number
    is minutes."""

    template_fields: "Sequence[str]" = ("delta",)

    def __init__(
        self,
        *,
        delta: timedelta | int,
        deferrable: bool | None = None,
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.delta: Any = delta
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        self.end_from_trigger = end_from_trigger

    def poke(self, context: Any) -> bool:
        """Whether the time has passed."""
        target = self._target(context)
        self.log.info("Checking if the time (%s) has come", target)
        return timezone.utcnow() > target

    def execute(self, context: Any) -> Any:
        """Wait, in the slot or in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        target = self._target(context)
        if timezone.utcnow() > target:
            return True
        trigger = DateTimeTrigger(target, end_from_trigger=self.end_from_trigger)
        return self.defer(trigger=trigger, method_name="execute_complete", timeout=self.timeout)

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """The time has passed."""

    def _target(self, context: Any) -> datetime:
        base: datetime = context.get("data_interval_end") or context["dag_run"].run_after
        return base + as_delta(self.delta)


class TimeDeltaSensorAsync(TimeDeltaSensor):
    """The older name of a deferrable TimeDeltaSensor."""

    def __init__(self, *, delta: timedelta | int, end_from_trigger: bool = False, **kwargs: Any) -> None:
        super().__init__(delta=delta, deferrable=True, end_from_trigger=end_from_trigger, **kwargs)


class WaitSensor(BaseSensorOperator):
    """Waits for a time from the task's start. A number is minutes."""

    template_fields: "Sequence[str]" = ("time_to_wait",)
    valid_modes: ClassVar[tuple[str, ...]] = ("poke", "reschedule")

    def __init__(self, time_to_wait: timedelta | int, deferrable: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.time_to_wait: Any = time_to_wait
        self.deferrable = default_deferrable() if deferrable is None else deferrable

    def execute(self, context: Any) -> Any:
        """Wait, in the slot or in the triggerer."""
        wanted = as_delta(self.time_to_wait)
        if self.deferrable:
            self.defer(trigger=TimeDeltaTrigger(wanted, end_from_trigger=True), method_name="execute_complete")
        sleep(wanted.total_seconds())

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """The time has passed."""


def as_delta(value: Any) -> timedelta:
    """A timedelta; a number, or its text, is minutes."""
    return value if isinstance(value, timedelta) else timedelta(minutes=int(value))


def default_deferrable() -> bool:
    """The setting `operators.default_deferrable`."""
    from tradewind.sdk.configuration import conf

    return conf.getboolean("operators", "default_deferrable", fallback=False)
