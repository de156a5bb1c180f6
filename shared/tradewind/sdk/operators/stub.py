"""`@task.stub`: a task that another runtime executes; here it is only known."""

import ast
from collections.abc import Callable
from typing import Any, Final

from tradewind.sdk.operators.of_functions import DecoratedOperator
from tradewind.sdk.task_decorator import TaskKind


class StubDecoratedOperator(DecoratedOperator):
    """A place in the DAG. The function must be empty; a worker of another language, listening to the task's queue,
    does the work."""

    named_task_type = "_StubOperator"
    custom_operator_name = "@task.stub"
    is_stub: bool = True

    def __init__(self, *, python_callable: Callable[..., Any], task_id: str, **kwargs: Any) -> None:
        super().__init__(python_callable=python_callable, task_id=task_id, **kwargs)
        if self.retry_policy is not None:
            raise ValueError(
                f"@task.stub {self.task_id!r} does not support `retry_policy`, which runs in Python; use `retries`"
            )
        _check_empty(self.get_python_source(), self.task_id)

    def execute(self, context: Any) -> None:
        """Never here; raises RuntimeError."""
        raise RuntimeError(
            f"@task.stub {self.task_id!r} should not be executed by a Python worker; queue {self.queue!r} is for others"
        )


def _check_empty(source: str, task_id: str) -> None:
    match ast.parse(source).body:
        case [ast.FunctionDef(body=body)]:
            filled = next((statement for statement in body if not _is_empty(statement)), None)
        case _:
            raise RuntimeError(f"@task.stub {task_id!r} must be a single sync function")
    if filled is not None:
        raise ValueError(
            f"@task.stub {task_id!r} must be an empty function (`pass` or `...` only), not: {ast.unparse(filled)}"
        )


def _is_empty(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass():
            return True
        case ast.Expr(value=ast.Constant(value=value)):
            return isinstance(value, str) or value is ...
        case _:
            return False


stub: Final = TaskKind("stub")
