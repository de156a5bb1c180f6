"""Goes on only in the latest run of a schedule."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tradewind.sdk import timezone
from tradewind.sdk.operators.branch import BaseBranchOperator

if TYPE_CHECKING:
    pass


class LatestOnlyOperator(BaseBranchOperator):
    """Has what is directly behind it skipped unless the run is the schedule's latest. Runs made by hand go on, and so
    do those of a schedule whose intervals have no length."""

    ui_color = "#e9ffdb"

    def choose_branch(self, context: Any) -> str | Iterable[str]:
        """All that is directly behind it, or nothing."""
        dag_run = context["dag_run"]
        behind = sorted(self.get_direct_relative_ids(upstream=False))
        if str(dag_run.run_type) == "manual":
            self.log.info("Manually triggered DAG run: allowing execution to proceed.")
            return behind
        start = dag_run.data_interval_start or dag_run.logical_date or dag_run.run_after
        end = dag_run.data_interval_end or dag_run.logical_date or dag_run.run_after
        if start == end:
            self.log.info("The data interval has no length: allowing execution to proceed.")
            return behind
        now = timezone.utcnow()
        following = self.dag.timetable.following_interval_end(start, end)
        self.log.info("Checking latest only: after %s, until %s, now %s", end, following, now)
        if following is not None and not end < now <= following:
            self.log.info("Not the latest run: what is behind is skipped.")
            return []
        self.log.info("Latest run: allowing execution to proceed.")
        return behind
