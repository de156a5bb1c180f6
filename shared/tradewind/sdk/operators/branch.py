"""Operators that choose which of the tasks behind them go on."""

from collections.abc import Iterable, Iterator
from typing import Any

from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.skipping import SkipMixin


class BranchMixIn(SkipMixin):
    """Has everything behind the operator skipped but the chosen branches."""

    def do_branch(self, context: Any, branches_to_execute: str | Iterable[str] | None) -> Any:
        """Follow tasks or task groups, named by id; a group stands for the tasks that it begins with."""
        if isinstance(branches_to_execute, Iterator):
            branches_to_execute = list(branches_to_execute)  # it is the return value, too
        ti = context["ti"]
        self.skip_all_except(ti, _expanded(ti.task.dag, branches_to_execute))
        return branches_to_execute


class BaseBranchOperator(BaseOperator, BranchMixIn):
    """For operators that choose a branch: override `choose_branch`."""

    inherits_from_skipmixin = True

    def choose_branch(self, context: Any) -> str | Iterable[str] | None:
        """The id or ids of the tasks or task groups to go on with; None = none of them."""
        raise NotImplementedError

    def execute(self, context: Any) -> Any:
        """Choose, and have the others skipped."""
        return self.do_branch(context, self.choose_branch(context))


def _expanded(dag: Any, branches: str | Iterable[str] | None) -> Iterable[str] | None:
    """Task ids, with those that a group begins with in its place."""
    if branches is None:
        return None
    if isinstance(branches, str) or not isinstance(branches, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - checked further on
        branches = [branches]
    return [task_id for branch in branches for task_id in _roots_of(dag, branch)]


def _roots_of(dag: Any, branch: Any) -> list[str]:
    group = dag.task_group_dict.get(branch) if isinstance(branch, str) else None
    return [branch] if group is None or group.group_id is None else [root.task_id for root in group.roots]
