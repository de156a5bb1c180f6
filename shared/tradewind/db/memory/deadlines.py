"""When runs should be over, on the in-memory store."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter

from tradewind.core.dag_requests import NewDagRequest, RequestKind
from tradewind.core.deadlines import RunDeadlines, RunWithoutDeadlines
from tradewind.core.states import DagRunState
from tradewind.db.memory.run_creation import ACTIVE, insert_dag_requests
from tradewind.db.memory.tables import MemoryStoreBase

RUNS_AVERAGED = 100


class MemoryDeadlineStore(MemoryStoreBase):
    """The part of `RunCreationStore` that is about deadlines."""

    async def runs_without_deadlines(self, limit: int) -> Sequence[RunWithoutDeadlines]:
        wanted = [dag_id for dag_id, dag in self.tables.dags.items() if dag.has_deadlines]
        runs = [
            run
            for run in self.tables.dag_runs.values()
            if run.dag_id in wanted and run.state in ACTIVE and run.deadlines_set_at is None
        ]
        return [
            RunWithoutDeadlines(
                dag_run_id=run.id,
                dag_version_id=run.dag_version_id,
                queued_at=run.queued_at,
                logical_date=run.logical_date,
                durations=self._durations(run.dag_id),
            )
            for run in runs[:limit]
        ]

    async def variable_values(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        return {key: self.tables.variables[key] for key in keys if key in self.tables.variables}

    async def set_deadlines(self, deadlines: Sequence[RunDeadlines], now: datetime) -> None:
        for each in deadlines:
            run = self.tables.dag_runs[each.dag_run_id]
            if run.deadlines_set_at is None:
                run.deadlines_set_at = now
                self.tables.deadlines.update({(run.id, place): at for place, at in each.due})

    async def miss_deadlines(self, now: datetime, limit: int) -> int:
        over = sorted(((at, key) for key, at in self.tables.deadlines.items() if at <= now), key=itemgetter(0))[:limit]
        missed: list[NewDagRequest] = []
        for at, (dag_run_id, place) in sorted(over, key=itemgetter(1)):
            del self.tables.deadlines[dag_run_id, place]
            run = self.tables.dag_runs[dag_run_id]
            if run.state is DagRunState.SUCCESS and run.end_date is not None and run.end_date <= at:
                continue
            reason = f"{place} {at.astimezone(UTC).isoformat(timespec='microseconds')}"
            kind = RequestKind.DEADLINE
            missed.append(NewDagRequest(dag_id=run.dag_id, kind=kind, dag_run_id=run.id, reason=reason))
        insert_dag_requests(self.tables, missed)
        return len(missed)

    def _durations(self, dag_id: str) -> tuple[float, ...]:
        ended = [
            (
                (run.logical_date is None, run.logical_date or run.run_after),
                (run.end_date - run.start_date).total_seconds(),
            )
            for run in self.tables.dag_runs.values()
            if run.dag_id == dag_id and run.start_date is not None and run.end_date is not None
        ]
        latest = sorted(ended, key=itemgetter(0), reverse=True)[:RUNS_AVERAGED]
        return tuple(seconds for _, seconds in latest)
