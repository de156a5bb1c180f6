"""A branch by the day of the week."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradewind.sdk import timezone
from tradewind.sdk.operators.branch import BaseBranchOperator
from tradewind.sdk.weekday import WeekDay

if TYPE_CHECKING:
    pass


class BranchDayOfWeekOperator(BaseBranchOperator):
    """Follows one branch on the given days, the other on others; days are those of the DAG's time zone."""

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        week_day: str | WeekDay | Iterable[str | WeekDay],
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.week_day, self.use_task_logical_date = week_day, use_task_logical_date
        self._week_days = WeekDay.validate_week_day(week_day)

    def choose_branch(self, context: Any) -> str | Iterable[str]:
        """By today, or by the run's logical date."""
        moment: datetime
        if self.use_task_logical_date:
            moment = context.get("logical_date") or context["dag_run"].run_after
        else:
            moment = timezone.utcnow().astimezone(self.dag.timezone)
        is_one = moment.isoweekday() in self._week_days
        return self.follow_task_ids_if_true if is_one else self.follow_task_ids_if_false
