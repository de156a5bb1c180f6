"""Making runs by time, on the in-memory store."""

from collections.abc import Sequence
from datetime import datetime

from tradewind.core.dag_requests import NewDagRequest, RequestKind, next_run_requests
from tradewind.core.states import DagRunState
from tradewind.core.timetables.due import CreatedRuns, DueDag, NextRunTimes, RunCreation, ScheduledRun
from tradewind.core.timetables.values import DataInterval, NextRun
from tradewind.db.memory.tables import DagRequestTableRow, DagRunTableRow, DagTableRow, MemoryStoreBase, MemoryTables

AUTOMATED = ("scheduled", "backfill")
ACTIVE = (DagRunState.QUEUED, DagRunState.RUNNING)


class MemoryRunCreationStore(MemoryStoreBase):
    """`RunCreationStore` on dictionaries."""

    async def due_dags(self, now: datetime, limit: int) -> Sequence[DueDag]:
        due = [
            DueDag(
                dag_id=dag.dag_id,
                dag_version_id=dag.dag_version_id,
                expected=run,
                last=last_automated_interval(self.tables, dag.dag_id),
                room=dag.max_active_runs - self._active_runs(dag.dag_id),
            )
            for run, dag in self._schedulable()
            if run.run_after <= now
        ]
        return [dag for dag in due if dag.room > 0][:limit]

    async def next_run_times(self, now: datetime) -> NextRunTimes:
        times = [run.run_after for run, _ in self._schedulable()]
        return NextRunTimes(
            next_at=min((at for at in times if at > now), default=None), is_due=any(at <= now for at in times)
        )

    async def create_scheduled_runs(self, creations: Sequence[RunCreation], now: datetime) -> CreatedRuns:
        seen = [creation for creation in creations if self._is_as_seen(creation)]
        runs: list[tuple[str, str]] = []
        for creation in sorted(seen, key=lambda creation: creation.dag_id):
            self.tables.dags[creation.dag_id].next_run = creation.following
            runs += [
                (creation.dag_id, scheduled.run_id)
                for scheduled in creation.runs
                if self._insert(creation, scheduled, now)
            ]
        dag_ids = tuple(sorted(creation.dag_id for creation in seen))
        asking = {creation.dag_id: None for creation in seen if creation.asks_next}
        insert_dag_requests(self.tables, next_run_requests(dag_ids, asking))
        return CreatedRuns(dag_ids=dag_ids, runs=tuple(runs))

    async def complete_backfills(self, now: datetime) -> Sequence[int]:
        active = {run.backfill_id: None for run in self.tables.dag_runs.values() if run.state in ACTIVE}
        done = [id_ for id_, row in self.tables.backfills.items() if row.completed_at is None and id_ not in active]
        for id_ in done:
            self.tables.backfills[id_].completed_at = now
        return done

    def _schedulable(self) -> list[tuple[NextRun, DagTableRow]]:
        """DAGs that have a next run and may have it, those due first first."""
        found = [
            (dag.next_run, dag)
            for dag in self.tables.dags.values()
            if dag.next_run is not None and not (dag.is_paused or dag.is_stale or dag.has_import_errors)
        ]
        return sorted(found, key=lambda entry: (entry[0].run_after, entry[1].dag_id))

    def _active_runs(self, dag_id: str) -> int:
        runs = self.tables.dag_runs.values()
        return sum(run.dag_id == dag_id and run.state in ACTIVE and run.backfill_id is None for run in runs)

    def _is_as_seen(self, creation: RunCreation) -> bool:
        seen = (creation.expected_run_after, creation.dag_version_id)
        return any(
            (run.run_after, dag.dag_version_id) == seen
            for run, dag in self._schedulable()
            if dag.dag_id == creation.dag_id
        )

    def _insert(self, creation: RunCreation, scheduled: ScheduledRun, now: datetime) -> bool:
        """False if there is such a run already."""
        dag_id, run = creation.dag_id, scheduled.run
        dates = [other.logical_date for other in self.tables.dag_runs.values() if other.dag_id == dag_id]
        is_taken = run.logical_date is not None and run.logical_date in dates
        if is_taken or (dag_id, scheduled.run_id) in self.tables.run_numbers:
            return False
        row = DagRunTableRow(
            id=len(self.tables.dag_runs) + 1,
            dag_id=dag_id,
            run_id=scheduled.run_id,
            run_type="scheduled",
            triggered_by="timetable",
            dag_version_id=creation.dag_version_id,
            bundle_version=self.tables.pinned_bundle_version(dag_id),
            run_after=run.run_after,
            queued_at=now,
            conf=b"{}",
            logical_date=run.logical_date,
            data_interval_start=None if run.data_interval is None else run.data_interval.start,
            data_interval_end=None if run.data_interval is None else run.data_interval.end,
            partition_key=None if scheduled.partition is None else scheduled.partition.key,
            partition_date=None if scheduled.partition is None else scheduled.partition.date,
        )
        self.tables.dag_runs[row.id] = row
        self.tables.run_numbers[dag_id, row.run_id] = row.id
        return True


def last_automated_interval(tables: MemoryTables, dag_id: str) -> DataInterval | None:
    """What the DAG's last scheduled or backfilled run was about; one about a partition, the moment when it was due."""
    runs = [run for run in tables.dag_runs.values() if run.dag_id == dag_id]
    partitioned = [run.run_after for run in runs if run.run_type == "scheduled" and run.partition_key is not None]
    intervals = [
        DataInterval(run.data_interval_start, run.data_interval_end)
        for run in tables.dag_runs.values()
        if run.dag_id == dag_id and run.run_type in AUTOMATED and run.data_interval_start and run.data_interval_end
    ]
    return max([*intervals, *(DataInterval(at, at) for at in partitioned)], default=None)


def insert_dag_requests(tables: MemoryTables, requests: Sequence[NewDagRequest]) -> None:
    """As the statement of this name."""
    for new in requests:
        same = next((row for row in tables.dag_requests.values() if _is_next_run_of(row, new)), None)
        if same is not None:
            same.generation, same.attempts, same.leased_until = same.generation + 1, 0, None
            continue
        tables.requests_made += 1
        tables.dag_requests[tables.requests_made] = DagRequestTableRow(id=tables.requests_made, new=new)


def _is_next_run_of(row: DagRequestTableRow, new: NewDagRequest) -> bool:
    return row.new.kind is new.kind is RequestKind.NEXT_RUN and row.new.dag_id == new.dag_id
