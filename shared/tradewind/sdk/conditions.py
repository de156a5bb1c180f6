"""`@task.run_if` and `@task.skip_if`, which a task asks before it begins; and `@result`, which marks a DAG's result."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

from tradewind.sdk.exceptions import AirflowSkipException
from tradewind.sdk.task_decorator import TaskDecorator

DecoratorT = TypeVar("DecoratorT", bound=TaskDecorator[..., Any])
Condition = Callable[[Any], bool | tuple[bool, str | None]]
"""Asked with the context; may say why as well."""

MESSAGE: Final = "Task was skipped due to condition."


def run_if(condition: Condition, skip_message: str | None = None) -> Callable[[DecoratorT], DecoratorT]:
    """Have the task's tries skipped unless the condition holds. Stands above `@task`."""
    return _asking("run_if", condition, skip_message, runs_if=True)


def skip_if(condition: Condition, skip_message: str | None = None) -> Callable[[DecoratorT], DecoratorT]:
    """Have the task's tries skipped if the condition holds. Stands above `@task`."""
    return _asking("skip_if", condition, skip_message, runs_if=False)


def result(task: DecoratorT) -> DecoratorT:
    """Mark a decorated function's task as the one whose value is the DAG's result. Raises TypeError for another."""
    if not isinstance(task, TaskDecorator):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
        raise TypeError("@result must be used on top of a @task-decorated function")
    task.marks["returns_dag_result"] = True
    return task


def _asking(
    name: str, condition: Condition, skip_message: str | None, *, runs_if: bool
) -> Callable[[DecoratorT], DecoratorT]:
    def decorator(task: DecoratorT) -> DecoratorT:
        if not isinstance(task, TaskDecorator):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            raise TypeError(f"{name} can only be used with task. decorate with @task before @{name}.")
        before: Callable[[Any], None] | None = task.options.get("pre_execute")
        task.options["pre_execute"] = _hook(condition, skip_message or MESSAGE, before, runs_if=runs_if)
        return task

    return decorator


def _hook(
    condition: Condition, message: str, before: Callable[[Any], None] | None, *, runs_if: bool
) -> Callable[[Any], None]:
    @wraps(condition)
    def pre_execute(context: Any) -> None:
        if before is not None:
            before(context)
        said = condition(context)
        holds, why = said if isinstance(said, tuple) else (said, None)
        if bool(holds) is not runs_if:
            raise AirflowSkipException(why or message)

    return pre_execute
