"""What people do to runs, on the in-memory store."""

from collections.abc import Sequence
from datetime import datetime

from tradewind.core.revisions import Revised, RevisedTaskInstance, RevisionRule, RunRevision
from tradewind.core.rows import AttemptHolder, LoadedRun, NewTaskInstance
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.transitions import Actor
from tradewind.db.memory.tables import MemoryStoreBase, TaskInstanceTableRow, core_dag_run, core_row


class MemoryPeopleStore(MemoryStoreBase):
    """`PeopleStore` on dictionaries."""

    async def read_dag_runs(self, dag_run_ids: Sequence[int]) -> Sequence[LoadedRun]:
        return self._read(dag_run_ids)

    async def revise_dag_runs(self, dag_run_ids: Sequence[int], rule: RevisionRule, now: datetime) -> Revised:
        runs = self._read(dag_run_ids)
        revisions = tuple(sorted(rule(runs), key=lambda revision: revision.dag_run_id))
        holders: list[AttemptHolder] = []
        freed: dict[str, None] = {}
        for revision in revisions:
            self._revise_run(revision, now)
            for row in revision.task_instances:
                holders += self._holders(row)
                freed.update(dict.fromkeys(self._revise(row, now)))
        dag_ids = {run.run.id: run.run.dag_id for run in runs}
        return Revised(
            revisions=revisions,
            holders=tuple(holders),
            freed_pools=tuple(sorted(freed)),
            dag_ids=tuple(dict.fromkeys(dag_ids[revision.dag_run_id] for revision in revisions)),
        )

    def _read(self, dag_run_ids: Sequence[int]) -> list[LoadedRun]:
        runs = self.tables.dag_runs
        return [
            LoadedRun(
                run=core_dag_run(runs[id_], self.tables.dags.get(runs[id_].dag_id)),
                task_instances=tuple(core_row(row) for row in self._rows(id_)),
            )
            for id_ in sorted(dict.fromkeys(dag_run_ids))
            if id_ in runs
        ]

    def _revise_run(self, revision: RunRevision, now: datetime) -> None:
        run = self.tables.dag_runs[revision.dag_run_id]
        run.revision += 1
        run.clear_number += revision.counts_as_clear
        run.dag_version_id = revision.dag_version_id or run.dag_version_id
        if revision.takes_latest_bundle:
            run.bundle_version = self.tables.pinned_bundle_version(run.dag_id)
        if revision.counts_as_clear or revision.state is DagRunState.QUEUED:
            run.queued_at = now
        if revision.state is not None:
            self._set_run_state(run, revision.state, now, Actor.API)
            run.end_date = now
        if revision.state is DagRunState.QUEUED:
            run.start_date = run.end_date = run.timeout_at = run.deadlines_set_at = None
        for new in revision.created:
            row = TaskInstanceTableRow(id=new.id, new=new, pool=new.pool, max_tries=new.max_tries)
            self.tables.task_instances.setdefault(new.id.dag_run_id, {})[new.id] = row

    def _holders(self, revised: RevisedTaskInstance) -> list[AttemptHolder]:
        row = self._existing(revised)
        stops = revised.voids or revised.state is TaskInstanceState.RESTARTING
        if not stops or not row.is_open or row.attempt_id is None or row.worker_id is None:
            return []
        return [AttemptHolder(attempt_id=row.attempt_id, worker_id=row.worker_id)]

    def _revise(self, revised: RevisedTaskInstance, now: datetime) -> list[str]:
        """Returns the pool that slots were given back to, if any."""
        row = self._existing(revised)
        if revised.copies_try and row.attempt_id is not None and not self._is_kept(row):
            self.tables.history.append((row.id, row.try_number, row.attempt_id))
        self._set_state(row, revised.state, now, Actor.API)
        row.max_tries, row.skip_requested = revised.max_tries, revised.skip_requested
        row.end_pending = revised.end_pending
        if revised.end_pending:
            row.recorded_at = now
        if revised.finishes:
            row.start_date, row.end_date = row.start_date or now, row.end_date or now
        freed = self._void(row) if revised.voids else []
        if revised.voids and not revised.finishes:
            row.by_hand = None
        if revised.voids and not revised.finishes and row.id.map_index >= 0:
            self._unpush(row)
        if revised.task is not None:
            self._refresh(row, revised.task)
        return freed

    def _is_kept(self, row: TaskInstanceTableRow) -> bool:
        """Of a try that was ended by rule or by a person since, the first end is kept."""
        return any((id_, try_number) == (row.id, row.try_number) for id_, try_number, _ in self.tables.history)

    def _void(self, row: TaskInstanceTableRow) -> list[str]:
        slots, pool = row.held_slots + row.kept_slots, self.tables.pools.get(row.pool)
        if slots and pool is not None:
            pool.used = max(pool.used - slots, 0)
        cap = self.tables.parallelism
        cap.used = max(cap.used - (row.held_slots > 0), 0)
        row.held_slots = row.kept_slots = 0
        row.next_action_at = None
        row.is_resuming, row.task_reschedule_count = False, 0
        row.next_method = row.next_kwargs = row.first_start_date = None
        if row.attempt_id is not None:
            self.tables.triggers.pop(row.attempt_id, None)
        return [row.pool] if slots else []

    def _unpush(self, row: TaskInstanceTableRow) -> None:
        """A map may come out shorter the next time: what is collected of it then must not hold values of this time."""
        for key in [key for key in self.tables.xcoms if key[0] == row.id]:
            del self.tables.xcoms[key]

    def _refresh(self, row: TaskInstanceTableRow, task: NewTaskInstance) -> None:
        row.new, row.pool = task, task.pool

    def _existing(self, revised: RevisedTaskInstance) -> TaskInstanceTableRow:
        row = self._row(revised.id)
        assert row is not None, f"{revised.id} was revised and is not there"
        return row
