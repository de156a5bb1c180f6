"""What is active at the moment: the DAG and group being written, the context being executed.

`with DAG(…):` is ambient by its nature, so this is the one place of the SDK that keeps state; it is held in context
variables, which an importing thread or an event loop's task does not share with another.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from tradewind.sdk.exceptions import AirflowException

if TYPE_CHECKING:
    from tradewind.sdk.context import Context
    from tradewind.sdk.dags import DAG
    from tradewind.sdk.setup_teardown import Scopes
    from tradewind.sdk.task_groups import TaskGroup

_dags: ContextVar[tuple["DAG", ...]] = ContextVar("tradewind_dags", default=())
_task_groups: ContextVar[tuple["TaskGroup", ...]] = ContextVar("tradewind_task_groups", default=())
_scopes: ContextVar["Scopes | None"] = ContextVar("tradewind_setup_scopes", default=None)
_contexts: ContextVar[tuple["Context", ...]] = ContextVar("tradewind_contexts", default=())
_outside: ContextVar[bool] = ContextVar("tradewind_outside_of_dags", default=False)
_registered: ContextVar[list["DAG"] | None] = ContextVar("tradewind_registered_dags", default=None)


def current_dag() -> "DAG | None":
    """The DAG of the innermost `with` block."""
    dags = _dags.get()
    return dags[-1] if dags else None


def push_dag(dag: "DAG") -> None:
    """Enter a DAG's `with` block."""
    _dags.set((*_dags.get(), dag))


def pop_dag() -> None:
    """Leave the innermost `with` block; the DAG is registered with the file being loaded, if it wants to be."""
    *rest, dag = _dags.get()
    _dags.set(tuple(rest))
    registered = _registered.get()
    if registered is not None and dag.auto_register and all(known is not dag for known in registered):
        registered.append(dag)


def current_task_group(dag: "DAG") -> "TaskGroup":
    """The innermost active group of this DAG; its root group if none is."""
    groups = _task_groups.get()
    return groups[-1] if groups and groups[-1].dag is dag else dag.task_group


def push_task_group(group: "TaskGroup") -> None:
    """Enter a group's `with` block."""
    _task_groups.set((*_task_groups.get(), group))


def pop_task_group() -> None:
    """Leave the innermost group."""
    _task_groups.set(_task_groups.get()[:-1])


def current_scope() -> "Scopes | None":
    """The blocks of setups and teardowns that are open, if any."""
    return _scopes.get()


def open_scope(scopes: "Scopes") -> None:
    """A block of a setup or teardown begins."""
    _scopes.set(scopes)


def close_scope() -> None:
    """The outermost such block has ended."""
    _scopes.set(None)


class DagContext:
    """The DAG that is being written, for those who ask as in Airflow."""

    @classmethod
    def get_current(cls) -> "DAG | None":
        """That of the innermost `with` block."""
        return current_dag()

    get_current_dag = get_current


class TaskGroupContext:
    """The group that is being written, for those who ask as in Airflow."""

    @classmethod
    def get_current(cls, dag: "DAG | None" = None) -> "TaskGroup | None":
        """The innermost of the DAG given, or of the one that is being written; None outside of DAGs."""
        owner = dag or current_dag()
        return None if owner is None else current_task_group(owner)


@contextmanager
def outside_of_dags() -> Generator[None]:
    """Operators made meanwhile belong to no DAG, whatever is being written around, and make no edges."""
    tokens = (_dags.set(()), _task_groups.set(()), _outside.set(True))
    try:
        yield
    finally:
        _dags.reset(tokens[0])
        _task_groups.reset(tokens[1])
        _outside.reset(tokens[2])


def is_outside_of_dags() -> bool:
    """Whether an operator is being made that is one instance of a mapped task."""
    return _outside.get()


@contextmanager
def registering_dags() -> Generator[list["DAG"]]:
    """Collect the DAGs whose `with` block ends meanwhile, in that order. Nothing that was active before is seen."""
    tokens = (_registered.set(registered := []), _dags.set(()), _task_groups.set(()), _scopes.set(None))
    try:
        yield registered
    finally:
        _registered.reset(tokens[0])
        _dags.reset(tokens[1])
        _task_groups.reset(tokens[2])
        _scopes.reset(tokens[3])


@contextmanager
def executing(context: "Context") -> Generator[None]:
    """Make this the context that `get_current_context` returns."""
    token = _contexts.set((*_contexts.get(), context))
    try:
        yield
    finally:
        _contexts.reset(token)


def current_context() -> "Context":
    """The context of the task that is being executed; raises `AirflowException` outside of one."""
    contexts = _contexts.get()
    if not contexts:
        raise AirflowException("there is no current context: get_current_context() works only while a task executes")
    return contexts[-1]
