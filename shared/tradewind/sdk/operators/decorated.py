"""The operators behind `@task.branch`, `@task.bash` and the like."""

from typing import Any, Final

from tradewind.sdk.module_loading import refuse_async_callable
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.operators.python import (
    BranchPythonOperator,
    ShortCircuitOperator,
    accepted_kwargs,
)
from tradewind.sdk.operators.virtualenv import (
    BranchExternalPythonOperator,
    BranchPythonVirtualenvOperator,
    ExternalPythonOperator,
    PythonVirtualenvOperator,
)
from tradewind.sdk.sensors.python import PythonSensor
from tradewind.sdk.task_decorator import DecoratedOperator, TaskKind


class BranchDecoratedOperator(DecoratedOperator, BranchPythonOperator):
    """`@task.branch`."""

    named_task_type = "_BranchPythonDecoratedOperator"
    custom_operator_name = "@task.branch"


class ShortCircuitDecoratedOperator(DecoratedOperator, ShortCircuitOperator):
    """`@task.short_circuit`."""

    named_task_type = "_ShortCircuitDecoratedOperator"
    custom_operator_name = "@task.short_circuit"


class SensorDecoratedOperator(DecoratedOperator, PythonSensor):
    """`@task.sensor`."""

    template_fields = ("op_args", "op_kwargs")
    named_task_type = "DecoratedSensorOperator"
    custom_operator_name = "@task.sensor"


class VirtualenvDecoratedOperator(DecoratedOperator, PythonVirtualenvOperator):
    """`@task.virtualenv`."""

    named_task_type = "_PythonVirtualenvDecoratedOperator"
    custom_operator_name = "@task.virtualenv"


class ExternalPythonDecoratedOperator(DecoratedOperator, ExternalPythonOperator):
    """`@task.external_python`."""

    named_task_type = "_PythonExternalDecoratedOperator"
    custom_operator_name = "@task.external_python"


class BranchVirtualenvDecoratedOperator(DecoratedOperator, BranchPythonVirtualenvOperator):
    """`@task.branch_virtualenv`."""

    named_task_type = "_BranchPythonVirtualenvDecoratedOperator"
    custom_operator_name = "@task.branch_virtualenv"


class BranchExternalPythonDecoratedOperator(DecoratedOperator, BranchExternalPythonOperator):
    """`@task.branch_external_python`."""

    named_task_type = "_BranchExternalPythonDecoratedOperator"
    custom_operator_name = "@task.branch_external_python"


class _CallableBashOperator(BashOperator):
    """Runs the Bash command that a function returns."""

    template_fields = ("op_args", "op_kwargs", *BashOperator.template_fields)

    def __init__(self, *, python_callable: Any, op_args: Any = (), op_kwargs: Any = None, **kwargs: Any) -> None:
        kwargs.pop("bash_command", None)
        super().__init__(bash_command="", **kwargs)
        self.python_callable = python_callable
        self.op_args: Any = op_args
        self.op_kwargs: Any = op_kwargs or {}

    def execute(self, context: Any) -> Any:
        """Ask the function, render what it says, run it. Raises `TypeError` for a coroutine function."""
        refuse_async_callable(self.python_callable, "@task.bash")
        arguments = accepted_kwargs(self.python_callable, self.op_args, {**context, **self.op_kwargs})
        command = self.python_callable(*self.op_args, **arguments)
        if not isinstance(command, str) or not command.strip():
            raise TypeError("The returned value from the TaskFlow callable must be a non-empty string.")
        self.bash_command = command
        self.render_template_fields(context)
        return super().execute(context)


class BashDecoratedOperator(DecoratedOperator, _CallableBashOperator):
    """`@task.bash`."""

    named_task_type = "_BashDecoratedOperator"
    custom_operator_name = "@task.bash"


bash_task: Final = TaskKind("bash")
branch_external_python_task: Final = TaskKind("branch_external_python")
branch_task: Final = TaskKind("branch")
branch_virtualenv_task: Final = TaskKind("branch_virtualenv")
external_python_task: Final = TaskKind("external_python")
python_task: Final = TaskKind("python")
sensor_task: Final = TaskKind("sensor")
short_circuit_task: Final = TaskKind("short_circuit")
virtualenv_task: Final = TaskKind("virtualenv")
