"""Operators that choose which of the tasks behind them go on."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tradewind.sdk.operators.skipping import SkipMixin

if TYPE_CHECKING:
    pass


class BranchMixIn(SkipMixin):
    """Has everything behind the operator skipped but the chosen branches."""

    def do_branch(self, context: Any, branches_to_execute: str | Iterable[str] | None) -> Any:
        """Follow tasks or task groups, named by id; a group stands for the tasks that it begins with."""
        if isinstance(branches_to_execute, Iterator):
            branches_to_execute = list(branches_to_execute)  # it is the return value, too
        followed = self._expand_task_group_roots(branches_to_execute)
        self.skip_all_except(context["ti"], followed)
        return branches_to_execute

    def _expand_task_group_roots(self, branches: str | Iterable[str] | None) -> Iterable[str] | None:
        if branches is None:
            return None
        if isinstance(branches, str) or not isinstance(branches, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - checked further on
            branches = [branches]
        return [task_id for branch in branches for task_id in self._roots_of(branch)]

    def _roots_of(self, branch: Any) -> list[str]:
        group = self.dag.task_group_dict.get(branch) if isinstance(branch, str) else None
        if group is None or group.group_id is None:
            return [branch]
        return [root.task_id for root in group.roots]


class BaseBranchOperator(BranchMixIn):
    """For operators that choose a branch: override `choose_branch`."""

    inherits_from_skipmixin = True

    def choose_branch(self, context: Any) -> str | Iterable[str] | None:
        """The id or ids of the tasks or task groups to go on with; None = none of them."""
        raise NotImplementedError

    def execute(self, context: Any) -> Any:
        """Choose, and have the others skipped."""
        return self.do_branch(context, self.choose_branch(context))
