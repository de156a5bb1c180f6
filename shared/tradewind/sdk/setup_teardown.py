"""`with teardown:` and `@setup`, `@teardown`: what is made inside lies between the setups and the teardown."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, cast

from tradewind.sdk.active import close_scope, current_scope, open_scope
from tradewind.sdk.dag_decorator import GroupFactory
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.node import DAGNode
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.task_decorator import TaskDecorator, task
from tradewind.sdk.xcom_arg import XComArg

Tasks = tuple[DAGNode, ...]


class _Nested:
    """The tasks that the innermost scope stands for, over those of the scopes around it."""

    def __init__(self) -> None:
        self.tasks: Tasks = ()
        self._around: list[Tasks] = []

    def push(self, tasks: Tasks) -> None:
        if self.tasks and self.tasks != tasks:
            self._around.append(self.tasks)
        self.tasks = tasks

    def pop(self) -> tuple[Tasks, Tasks]:
        """The tasks of the scope that ends, and of the one around it."""
        inner, self.tasks = self.tasks, self._around.pop() if self._around else ()
        return inner, self.tasks


class Scopes:
    """The `with` blocks of setups and teardowns that are open, one in the other, as `with` gives it to the author.

    A task belongs to the innermost block if it is made, unmapped, before a block inside of that one has ended; any
    other one by `add_task`. Those without upstream come behind the setups, those without downstream before the
    teardowns; the setups of an inner block come behind those of the outer one, its teardowns before.
    """

    def __init__(self) -> None:
        self._is_open = False
        self._setups, self._teardowns = _Nested(), _Nested()
        self._their_teardowns, self._their_setups = _Nested(), _Nested()
        self._members: dict[Tasks, list[DAGNode]] = {}

    def add_task(self, task: Any) -> None:
        """Have a task that was made elsewhere in the innermost block. Raises AirflowException outside of it."""
        if not self._is_open:
            raise AirflowException("a task can be added to a setup's or teardown's block only inside of it")
        self.note(task.operator if isinstance(task, XComArg) else task)

    def note(self, task: DAGNode) -> None:
        """A task has been made."""
        if self._is_open and not (task.is_setup or task.is_teardown):
            for nested in (self._setups, self._teardowns):
                if nested.tasks:
                    self._members.setdefault(nested.tasks, []).append(task)

    def enter(self, tasks: Tasks) -> None:
        """A block begins: of a setup, a teardown, or many of one kind. Raises ValueError for anything else."""
        wrong = [task.task_id for task in tasks if not (task.is_setup or task.is_teardown)]
        if wrong:
            raise ValueError(f"Only setup/teardown tasks can be used as a context manager, not {', '.join(wrong)!r}")
        if any(task.is_setup != tasks[0].is_setup for task in tasks):
            names = ", ".join(task.task_id for task in tasks)
            raise ValueError(f"a block is of setups or of teardowns, not of both: {names!r}")
        if tasks[0].is_teardown:
            self._teardowns.push(tasks)
            self._their_setups.push(_nearest(tasks[0], tasks[0].upstream_list, "is_setup"))
        else:
            self._setups.push(tasks)
            self._their_teardowns.push(_nearest(tasks[0], tasks[0].downstream_list, "is_teardown"))
        self._is_open = True

    def leave(self) -> bool:
        """The innermost block ends: put what belongs to it in its place. Whether there is none around it."""
        if work := self._work(self._setups):
            _join(self._setups.tasks, [task for task in work if not task.upstream_list] or work[:1])
            last = [task for task in work if not task.downstream_list] or work[-1:]
            _join(self._teardowns.tasks or last, self._their_teardowns.tasks)
        if work := self._work(self._teardowns):
            _join([task for task in work if not task.downstream_list] or work[-1:], self._teardowns.tasks)
            first = [task for task in work if not task.upstream_list] or work[:1]
            _join(self._their_setups.tasks, self._setups.tasks or first)
        for nested in (self._setups, self._teardowns):
            self._members.pop(nested.tasks, None)
        for nested in (self._setups, self._their_setups):
            inner, outer = nested.pop()
            _join(outer, inner)
        for nested in (self._teardowns, self._their_teardowns):
            _join(*nested.pop())
        self._is_open = False
        return not (self._setups.tasks or self._teardowns.tasks)

    def _work(self, nested: _Nested) -> list[DAGNode]:
        members = self._members.get(nested.tasks, []) if nested.tasks else []
        return [task for task in members if not (task.is_setup or task.is_teardown)]


def _join(above: Iterable[DAGNode], below: Iterable[DAGNode]) -> None:
    upper = list(above)
    for each in below:
        each.set_upstream(upper)


def _nearest(start: DAGNode, first: Sequence[DAGNode], mark: str) -> Tasks:
    """The tasks with this mark that are the fewest edges away from `start`, `first` being next to it."""
    seen = {start.task_id: None}
    circle = list(first)
    while circle:
        found = tuple(each for each in circle if getattr(each, mark))
        if found:
            return found
        seen.update((each.task_id, None) for each in circle)
        around: dict[str, DAGNode] = {}
        for each in circle:
            neighbours = (*each.downstream_list, *each.upstream_list)
            around.update((one.task_id, one) for one in neighbours if one.task_id not in seen)
        circle = list(around.values())
    return ()


def enter_scope(*tasks: DAGNode) -> Scopes:
    """Tasks made from now on are in the block of these setups or teardowns. Raises ValueError for other tasks."""
    scopes = current_scope() or Scopes()
    scopes.enter(tasks)
    open_scope(scopes)
    return scopes


def leave_scope() -> None:
    """The innermost block ends."""
    scopes = current_scope()
    if scopes is not None and scopes.leave():
        close_scope()


class ContextWrapper(list[Any]):
    """Several setups, or several teardowns, to be used in one `with`."""

    def __init__(self, tasks: Iterable[BaseOperator | XComArg]) -> None:
        super().__init__(tasks)

    def __enter__(self) -> Scopes:
        return enter_scope(*(task.operator if isinstance(task, XComArg) else task for task in self))

    def __exit__(self, *_raised: Any) -> None:
        leave_scope()


context_wrapper = ContextWrapper


def setup(function: Callable[..., Any]) -> Any:
    """`@setup`, over a function or under `@task`: each task that it makes is a setup."""
    return _marked(function, is_setup=True)


def teardown(function: Callable[..., Any] | None = None, *, on_failure_fail_dagrun: bool = False) -> Any:
    """`@teardown`, likewise."""
    if function is None:
        return partial(_marked, is_teardown=True, on_failure_fail_dagrun=on_failure_fail_dagrun)
    return _marked(function, is_teardown=True, on_failure_fail_dagrun=on_failure_fail_dagrun)


def _marked(function: Any, **marks: bool) -> Any:
    if isinstance(function, GroupFactory):
        raise AirflowException("Task groups cannot be marked as setup or teardown.")
    is_decorated = isinstance(function, TaskDecorator)
    decorated = cast("TaskDecorator[..., Any]", function) if is_decorated else task(function)
    decorated.marks.update(marks)
    return decorated
