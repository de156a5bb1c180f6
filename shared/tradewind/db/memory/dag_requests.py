"""Requests to authors' code, on the in-memory store."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tradewind.core.dag_requests import DagRequest, RequestedRun, RequestKind
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.timetables.values import NextRun
from tradewind.db.memory.run_creation import last_automated_interval
from tradewind.db.memory.tables import DagRequestTableRow, DagRunTableRow, MemoryStoreBase


class MemoryDagRequestStore(MemoryStoreBase):
    """`DagRequestStore` on dictionaries."""

    async def take_dag_requests(self, now: datetime, lease: timedelta, limit: int) -> Sequence[DagRequest]:
        free = [row for row in self.tables.dag_requests.values() if row.leased_until is None or row.leased_until <= now]
        waiting_since = sorted(free, key=lambda row: (row.leased_until is not None, row.leased_until or now, row.id))
        taken = sorted(waiting_since[:limit], key=lambda row: row.id)
        for row in taken:
            row.leased_until = now + lease
            row.attempts += 1
        return [self._request(row) for row in taken if row.new.dag_id in self.tables.dags]

    async def set_next_run(self, request: DagRequest, run: NextRun | None) -> bool:
        if not self._is_current(request):
            return False
        del self.tables.dag_requests[request.id]
        self.tables.dags[request.dag_id].next_run = run
        return True

    async def set_run_weights(self, request: DagRequest, weights: Mapping[str, tuple[int, ...]]) -> int | None:
        if not self._is_current(request):
            return None
        dag_run_id = self.tables.dag_requests.pop(request.id).new.dag_run_id
        assert dag_run_id is not None
        run = self.tables.dag_runs[dag_run_id]
        if run.state not in (DagRunState.QUEUED, DagRunState.RUNNING):
            return None
        run.try_weights, run.revision = dict(weights), run.revision + 1
        for row in self._rows(dag_run_id):
            if said := weights.get(row.id.task_id):
                weight = said[min(max(row.try_number, 1), len(said)) - 1]
                row.new = replace(row.new, priority_weight=weight)
        return dag_run_id

    async def finish_dag_request(self, request: DagRequest) -> None:
        if self._is_current(request):
            del self.tables.dag_requests[request.id]

    async def postpone_dag_request(self, request: DagRequest, until: datetime) -> None:
        if self._is_current(request):
            self.tables.dag_requests[request.id].leased_until = until

    def _is_current(self, request: DagRequest) -> bool:
        row = self.tables.dag_requests.get(request.id)
        return row is not None and row.generation == request.generation

    def _request(self, row: DagRequestTableRow) -> DagRequest:
        new, run = row.new, None
        if new.dag_run_id is not None:
            run = self._requested_run(self.tables.dag_runs[new.dag_run_id])
        is_next = new.kind is RequestKind.NEXT_RUN
        return DagRequest(
            id=row.id,
            generation=row.generation,
            attempts=row.attempts,
            dag_id=new.dag_id,
            kind=new.kind,
            relative_fileloc=self.tables.dags[new.dag_id].relative_fileloc,
            reason=new.reason,
            last=last_automated_interval(self.tables, new.dag_id) if is_next else None,
            run=run,
        )

    def _requested_run(self, run: DagRunTableRow) -> RequestedRun:
        has_failed = run.state is DagRunState.FAILED
        rows = sorted(
            self._rows(run.id),
            key=lambda row: (
                not (has_failed and row.state is TaskInstanceState.FAILED),
                row.end_date is None,
                -(row.end_date or run.queued_at).timestamp(),
                row.id,
            ),
        )
        tasks = [(row.id.task_id, row.id.map_index, row.state.value, row.try_number) for row in rows[:1]]
        return RequestedRun(
            run_id=run.run_id,
            run_type=run.run_type,
            state=run.state.value,
            logical_date=run.logical_date,
            data_interval_start=run.data_interval_start,
            data_interval_end=run.data_interval_end,
            run_after=run.run_after,
            queued_at=run.queued_at,
            start_date=run.start_date,
            end_date=run.end_date,
            triggered_by=run.triggered_by,
            triggering_user_name=None,
            conf=run.conf,
            last_task=tasks[0] if tasks else None,
        )
