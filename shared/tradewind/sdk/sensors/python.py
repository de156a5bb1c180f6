"""Sensors that ask a Python function, a Bash command, or the calendar."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tradewind.sdk import timezone
from tradewind.sdk.exceptions import AirflowFailException
from tradewind.sdk.module_loading import refuse_async_callable
from tradewind.sdk.operators.python import accepted_kwargs
from tradewind.sdk.sensors.base import BaseSensorOperator, PokeReturnValue
from tradewind.sdk.subprocess import SubprocessHook
from tradewind.sdk.weekday import WeekDay

if TYPE_CHECKING:
    pass


class PythonSensor(BaseSensorOperator):
    """Waits until a function returns something true; it gets the context keys that it names."""

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Iterable[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.python_callable = python_callable
        self.op_args: Any = list(op_args or [])
        self.op_kwargs: Any = op_kwargs or {}
        self.templates_dict = templates_dict

    def poke(self, context: Any) -> bool | PokeReturnValue:
        """Call the function. Raises `TypeError` for a coroutine function: a coroutine is true whatever it says."""
        refuse_async_callable(self.python_callable, "a sensor")
        values: dict[str, Any] = {**context, **self.op_kwargs, "templates_dict": self.templates_dict}
        arguments = accepted_kwargs(self.python_callable, self.op_args, values)
        self.log.info("Poking callable: %s", self.python_callable)
        found: Any = self.python_callable(*self.op_args, **arguments)
        return found if isinstance(found, PokeReturnValue) else bool(found)


class BashSensor(BaseSensorOperator):
    """Waits until a Bash command ends with 0; `retry_exit_code` means "not yet" and others fail, or, without it, any
    other code means "not yet"."""

    template_fields: Sequence[str] = ("bash_command", "env")

    def __init__(
        self,
        *,
        bash_command: str,
        env: dict[str, str] | None = None,
        output_encoding: str = "utf-8",
        retry_exit_code: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command, self.env, self.output_encoding = bash_command, env, output_encoding
        self.retry_exit_code = retry_exit_code
        self._hook = SubprocessHook()

    def poke(self, context: Any) -> bool:
        """Run the command."""
        bash = shutil.which("bash") or "bash"
        command = [bash, "-c", self.bash_command]
        code = self._hook.run_command(command, env=self.env, output_encoding=self.output_encoding).exit_code
        if code == 0:
            return True
        if self.retry_exit_code is not None and code != self.retry_exit_code:
            raise AirflowFailException(f"Command exited with return code {code}")
        return False

    def on_kill(self) -> None:
        """End the command."""
        self._hook.send_sigterm()


class DayOfWeekSensor(BaseSensorOperator):
    """Waits until it is one of the given days."""

    def __init__(
        self,
        *,
        week_day: str | WeekDay | Iterable[str | WeekDay],
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.week_day, self.use_task_logical_date = week_day, use_task_logical_date
        self._week_days = WeekDay.validate_week_day(week_day)

    def poke(self, context: Any) -> bool:
        """Whether it is, by today or by the run's logical date."""
        if self.use_task_logical_date:
            moment = context.get("logical_date") or context["dag_run"].run_after
            return moment.isoweekday() in self._week_days
        return timezone.utcnow().isoweekday() in self._week_days
