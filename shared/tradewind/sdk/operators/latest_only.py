"""Goes on only in the latest run of a schedule."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tradewind.sdk import timezone
from tradewind.sdk.operators.branch import BaseBranchOperator

if TYPE_CHECKING:
    pass


class LatestOnlyOperator(BaseBranchOperator):
    """Has what is directly behind it skipped unless the run is the schedule's latest: now lies after the start of its
    data interval, and not after the end of the next one. Runs made by hand go on, and so does a schedule's last one."""

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
        following = self.dag.timetable.following_interval_end(start, end)
        now = timezone.utcnow()
        self.log.info("Checking latest only: after %s, until %s, now %s", start, following, now)
        if following is not None and not start < now <= following:
            self.log.info("Not the latest run: what is behind is skipped.")
            return []
        self.log.info("Latest run: allowing execution to proceed.")
        return behind
