"""A branch by the time of day or date."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from tradewind.sdk import timezone
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.operators.branch import BaseBranchOperator

if TYPE_CHECKING:
    pass

Target = datetime | time | None


class BranchDateTimeOperator(BaseBranchOperator):
    """Follows one branch between `target_lower` and `target_upper`, the other outside. Times of day are of the day
    that is looked at; an upper one before the lower one is of the day after. Without zone they are of the DAG's."""

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        target_lower: Target,
        target_upper: Target,
        use_task_logical_date: bool = False,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)  # pyright: ignore[reportArgumentType] - the author's
        if target_lower is None and target_upper is None:
            raise AirflowException(f"Task {self.task_id!r} needs a target_lower or a target_upper, or both")
        self.target_lower, self.target_upper = target_lower, target_upper
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.use_task_logical_date = use_task_logical_date

    def choose_branch(self, context: Any) -> str | Iterable[str]:
        """By now, or by the run's logical date."""
        now = context.get("logical_date") or context["dag_run"].run_after if self.use_task_logical_date else None
        moment: datetime = now or timezone.utcnow()
        lower, upper = target_times_as_dates(moment, self.target_lower, self.target_upper)
        lower, upper = (self._aware(lower), self._aware(upper))
        is_outside = (upper is not None and upper < moment) or (lower is not None and lower > moment)
        return self.follow_task_ids_if_false if is_outside else self.follow_task_ids_if_true

    def _aware(self, moment: datetime | None) -> datetime | None:
        return moment.replace(tzinfo=self.dag.timezone) if moment is not None and moment.tzinfo is None else moment


def target_times_as_dates(base_date: datetime, lower: Target, upper: Target) -> tuple[datetime | None, datetime | None]:
    """Both as datetimes: a time of day is of the base's day, an upper one before the lower of the day after."""
    first, second = _on(base_date, lower), _on(base_date, upper)
    either_is_time = isinstance(lower, time) or isinstance(upper, time)
    if either_is_time and first is not None and second is not None and second < first:
        second += timedelta(days=1)
    return first, second


def _on(base: datetime, target: Target) -> datetime | None:
    return datetime.combine(base, target) if isinstance(target, time) else target
