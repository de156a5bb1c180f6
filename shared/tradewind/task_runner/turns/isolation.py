"""How much a task shares with others of its DAG file: nothing, its process in turn, or an event loop."""

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tradewind.sdk.dag_file import LoadedDagFile
    from tradewind.sdk.operator import BaseOperator
    from tradewind.wire.messages import TaskInstanceKey

ISOLATION_KEY: Final = "isolation"
"""Of a task's `executor_config`."""


class Isolation(StrEnum):
    """What a worker offers, and what a task may demand."""

    FORK = "fork"
    """A process of its own, forked for this attempt."""
    REUSE = "reuse"
    """A process that has run, and will run, other attempts of the DAG file, one after another."""


def demands_fork(task: "BaseOperator") -> bool:
    """Whether the task's `executor_config` has `{"isolation": "fork"}`."""
    return task.executor_config.get(ISOLATION_KEY) == Isolation.FORK


def wants_process_of_its_own(loaded: "LoadedDagFile", key: "TaskInstanceKey") -> bool:
    """As `demands_fork`, of the task that the key names."""
    dag = loaded.dags.get(key.dag_id)
    task = dag.task_dict.get(key.task_id) if dag is not None else None
    return task is not None and demands_fork(task)


def suits_lane(task: "BaseOperator") -> bool:
    """Whether the task is a coroutine that its operator only runs in a loop, and does not demand a process."""
    from tradewind.sdk.async_operator import BaseAsyncOperator
    from tradewind.sdk.module_loading import is_async_callable
    from tradewind.sdk.operators.python import PythonOperator

    operator = getattr(task, "operator_class", type(task))
    if demands_fork(task) or not issubclass(operator, BaseAsyncOperator):
        return False
    function = getattr(task, "python_callable", None) or getattr(task, "partial_kwargs", {}).get("python_callable")
    if issubclass(operator, PythonOperator):
        return operator.execute is PythonOperator.execute and function is not None and is_async_callable(function)
    return operator.execute is BaseAsyncOperator.execute
