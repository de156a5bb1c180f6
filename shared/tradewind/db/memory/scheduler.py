"""The scheduler's port on the in-memory store."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final
from uuid import UUID

from tradewind.core.gates import ACTIVE_STATES, PAST_SUCCESS_STATES, Past, PastQuestion
from tradewind.core.rows import (
    AttemptHolder,
    Capacity,
    CommitResult,
    Committed,
    DecisionBatch,
    EndedTaskInstance,
    FailingDag,
    LoadedRun,
    SlotsRefused,
    StaleRuns,
    StartedDeferral,
    TaskInstanceId,
)
from tradewind.core.spec import DagSpec
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.transitions import Actor
from tradewind.db.decisions import RowChange, row_changes
from tradewind.db.limits import (
    TOMBSTONES_KEPT,
    WORKERS_EXPIRED_MAX,
    republish_after,
)
from tradewind.db.memory.run_creation import insert_dag_requests
from tradewind.db.memory.tables import (
    DagRunTableRow,
    MemoryStoreBase,
    SchedulerTableRow,
    SlotsTableRow,
    TaskInstanceTableRow,
    core_dag_run,
    core_row,
)

_ACTIVE_RUNS: Final = (DagRunState.RUNNING, DagRunState.QUEUED)


class MemorySchedulerStore(MemoryStoreBase):
    """`SchedulerStore` on dictionaries; every method is atomic because none awaits."""

    async def renew_scheduler(self, scheduler_id: UUID, now: datetime) -> bool:
        row = self.tables.schedulers.setdefault(scheduler_id, SchedulerTableRow(renewed_at_tick=0.0))
        if row.expired_at is None:
            row.renewed_at_tick = self.tables.lease_clock.tick
        return row.expired_at is None

    async def retire_scheduler(self, scheduler_id: UUID) -> None:
        self._disown(scheduler_id)
        self.tables.schedulers.pop(scheduler_id, None)

    async def expire_schedulers(self, now: datetime, lease: timedelta) -> Sequence[UUID]:
        clock = self.tables.lease_clock
        expired = [
            scheduler_id
            for scheduler_id, row in sorted(self.tables.schedulers.items())
            if row.expired_at is None and clock.has_run_out(row.renewed_at_tick, lease.total_seconds())
        ]
        for scheduler_id in expired:
            self.tables.schedulers[scheduler_id].expired_at = now
            self._disown(scheduler_id)
        for scheduler_id, row in list(self.tables.schedulers.items()):
            if row.expired_at is not None and row.expired_at < now - TOMBSTONES_KEPT:
                del self.tables.schedulers[scheduler_id]
        return expired

    def _disown(self, scheduler_id: UUID) -> None:
        for run in self.tables.dag_runs.values():
            if run.state is DagRunState.RUNNING and run.owner == scheduler_id:
                run.owner = None

    async def start_dag_runs(
        self, scheduler_id: UUID, dag_ids: Sequence[str] | None, now: datetime, limit: int
    ) -> Sequence[int]:
        queued = [
            run
            for run in self.tables.dag_runs.values()
            if self._has_lease(scheduler_id)
            and run.state is DagRunState.QUEUED
            and run.run_after <= now
            and (dag_ids is None or run.dag_id in dag_ids)
            and self._may_start(run)
        ]
        started: list[int] = []
        for run in sorted(queued, key=lambda run: (self._ordinal(run), run.run_after, run.id)):
            if len(started) < limit and self._has_place(run):
                self._set_run_state(run, DagRunState.RUNNING, now, Actor.SCHEDULER)
                run.owner, run.owner_epoch = scheduler_id, run.owner_epoch + 1
                run.start_date = run.start_date or now
                run.end_date = None
                run.timeout_at = _timeout_at(run.start_date, self.tables.dags[run.dag_id].dagrun_timeout_seconds)
                started.append(run.id)
        return started

    def _has_lease(self, scheduler_id: UUID) -> bool:
        row = self.tables.schedulers.get(scheduler_id)
        return row is not None and row.expired_at is None

    def _may_start(self, run: DagRunTableRow) -> bool:
        dag = self.tables.dags.get(run.dag_id)
        return dag is not None and not dag.is_paused and not dag.is_stale

    def _ordinal(self, run: DagRunTableRow) -> int:
        return 0 if run.backfill_id is None else self.tables.backfills[run.backfill_id].ordinals[run.id]

    def _has_place(self, run: DagRunTableRow) -> bool:
        if run.backfill_id is None:
            return self._running(run.dag_id) < self.tables.dags[run.dag_id].max_active_runs
        backfill = self.tables.backfills[run.backfill_id]
        if backfill.is_paused and backfill.completed_at is None:
            return False
        return self._running(run.dag_id, run.backfill_id) < backfill.max_active_runs

    def _running(self, dag_id: str, backfill_id: int | None = None) -> int:
        runs = [run for run in self.tables.dag_runs.values() if run.dag_id == dag_id and run.backfill_id == backfill_id]
        return sum(run.state is DagRunState.RUNNING for run in runs)

    async def adopt_dag_runs(self, scheduler_id: UUID, limit: int) -> Sequence[int]:
        if not self._has_lease(scheduler_id):
            return []
        free = [run for run in self.tables.dag_runs.values() if run.state is DagRunState.RUNNING and run.owner is None]
        for run in free[:limit]:
            run.owner, run.owner_epoch = scheduler_id, run.owner_epoch + 1
        return [run.id for run in free[:limit]]

    async def owned_dag_runs(self, scheduler_id: UUID) -> Sequence[int]:
        return [run.id for run in self._owned(scheduler_id)]

    async def load_dag_runs(self, scheduler_id: UUID, dag_run_ids: Sequence[int]) -> Sequence[LoadedRun]:
        return [
            LoadedRun(
                run=core_dag_run(run, self.tables.dags.get(run.dag_id)),
                task_instances=tuple(core_row(row) for row in self._rows(run.id)),
            )
            for run in self._owned(scheduler_id, dag_run_ids)
        ]

    def _owned(self, scheduler_id: UUID, dag_run_ids: Sequence[int] | None = None) -> list[DagRunTableRow]:
        runs = self.tables.dag_runs
        numbers = runs if dag_run_ids is None else sorted(dict.fromkeys(dag_run_ids))
        return [
            runs[number]
            for number in numbers
            if number in runs and runs[number].owner == scheduler_id and runs[number].state is DagRunState.RUNNING
        ]

    async def load_dag_specs(self, dag_version_ids: Sequence[UUID]) -> Mapping[UUID, DagSpec]:
        versions = self.tables.dag_versions
        return {id_: versions[id_].spec for id_ in dict.fromkeys(dag_version_ids) if id_ in versions}

    async def load_capacity(self) -> Capacity:
        return self._capacity()

    async def commit_decisions(self, batch: DecisionBatch) -> CommitResult:
        changes = row_changes(batch)
        stale = self._stale_runs(batch) or self._stale_rows(changes)
        if stale:
            return StaleRuns(stale)
        deltas, parallelism = self._slot_deltas(changes)
        if not self._have_room(deltas, parallelism) or not self._have_task_room(batch):
            return SlotsRefused(self._capacity())
        if any(change.created is not None and self._row(change.id) is not None for change in changes):
            return StaleRuns(tuple(sorted(change.dag_run_id for change in batch.runs)))
        for id_ in batch.replaced:
            self.tables.task_instances[id_.dag_run_id].pop(id_, None)
        self._apply_rows(changes, batch)
        for pool, delta in deltas.items():
            if pool in self.tables.pools:
                self.tables.pools[pool].used += delta
        self.tables.parallelism.used += parallelism
        for change in batch.runs:
            run = self.tables.dag_runs[change.dag_run_id]
            if change.state is not None:
                self._set_run_state(run, change.state, batch.now, Actor.SCHEDULER)
                run.end_date = change.end_date
        insert_dag_requests(self.tables, batch.requests)
        paused = tuple(dag.dag_id for dag in batch.failing if self._pause_failing(dag))
        return Committed(self._capacity() if deltas or parallelism else None, paused)

    def _apply_rows(self, changes: Sequence[RowChange], batch: DecisionBatch) -> None:
        for change in changes:
            self._apply(change, batch.now)
        for each in batch.deferrals:
            self._start_deferred(each, batch.now)

    def _start_deferred(self, started: StartedDeferral, now: datetime) -> None:
        row = self._row(started.id)
        assert row is not None
        row.is_resuming, row.start_date, row.first_start_date, row.end_date = True, now, now, None
        row.next_method, row.next_kwargs = started.deferral.next_method, started.deferral.next_kwargs
        for key in [key for key in self.tables.xcoms if key[0] == row.id]:
            del self.tables.xcoms[key]
        self._add_trigger(row, started.attempt_id, started.deferral)

    def _have_task_room(self, batch: DecisionBatch) -> bool:
        return all(task.added + self._count_active(task.dag_id, task.task_id) <= task.size for task in batch.limited)

    def _count_active(self, dag_id: str, task_id: str) -> int:
        runs = [run.id for run in self.tables.dag_runs.values() if run.dag_id == dag_id and run.state in _ACTIVE_RUNS]
        return sum(
            row.id.task_id == task_id and row.state in ACTIVE_STATES for run_id in runs for row in self._rows(run_id)
        )

    def _pause_failing(self, dag: FailingDag) -> bool:
        """Pause the DAG if its latest runs have all failed; False = they have not, or it is paused already."""
        runs = [run for run in self.tables.dag_runs.values() if run.dag_id == dag.dag_id]
        latest = sorted(runs, key=lambda run: (run.run_after, run.id))[-dag.limit :]
        row = self.tables.dags[dag.dag_id]
        if row.is_paused or len(latest) < dag.limit or any(run.state is not DagRunState.FAILED for run in latest):
            return False
        row.is_paused = True
        return True

    async def count_active(self, tasks: Sequence[tuple[str, str]]) -> Sequence[int]:
        return [self._count_active(dag_id, task_id) for dag_id, task_id in tasks]

    async def load_past(self, questions: Sequence[PastQuestion]) -> Sequence[Past]:
        return [self._past(question) for question in questions]

    def _past(self, question: PastQuestion) -> Past:
        run = self.tables.dag_runs.get(question.dag_run_id)
        if run is None:
            return Past()
        before = sorted(self._runs_before(run), key=itemgetter(0), reverse=True)
        previous = next((o for _, o in before if not question.only_scheduled or o.run_type != "manual"), None)
        rows = [] if previous is None else self._rows(previous.id)
        of_task = [row for row in rows if row.id.task_id == question.task_id]
        below = [row for row in rows if row.id.task_id in question.downstream_task_ids]
        return Past(
            run_id=previous and previous.run_id,
            logical_date=previous and previous.logical_date,
            found=len(of_task),
            unsuccessful=sum(row.state not in PAST_SUCCESS_STATES for row in of_task),
            unsuccessful_downstream=sum(row.state not in PAST_SUCCESS_STATES for row in below),
            has_any_before=any(row.id.task_id == question.task_id for _, o in before for row in self._rows(o.id)),
            is_first_of_backfill=run.backfill_id is not None
            and all(o.backfill_id != run.backfill_id for _, o in before),
        )

    def _runs_before(self, run: DagRunTableRow) -> list[tuple[datetime, DagRunTableRow]]:
        return [
            (other.logical_date, other)
            for other in self.tables.dag_runs.values()
            if other.dag_id == run.dag_id
            and run.logical_date is not None
            and other.logical_date is not None
            and other.logical_date < run.logical_date
        ]

    def _stale_runs(self, batch: DecisionBatch) -> tuple[int, ...]:
        stale: list[int] = []
        for change in batch.runs:
            run = self.tables.dag_runs.get(change.dag_run_id)
            expected = (batch.scheduler_id, change.expected_epoch, change.expected_revision, DagRunState.RUNNING)
            if run is None or (run.owner, run.owner_epoch, run.revision, run.state) != expected:
                stale.append(change.dag_run_id)
        return tuple(sorted(dict.fromkeys(stale)))

    def _stale_rows(self, changes: Sequence[RowChange]) -> tuple[int, ...]:
        stale = [change.id.dag_run_id for change in changes if not self._is_as_expected(change)]
        return tuple(sorted(dict.fromkeys(stale)))

    def _is_as_expected(self, change: RowChange) -> bool:
        if change.created is not None:
            return True  # looked for last: Postgres finds it when it inserts
        row = self._row(change.id)
        return (
            row is not None
            and row.attempt_id == change.expected_attempt_id
            and change.expected_state in (None, row.state)
            and (change.acknowledged is None or row.end_pending or row.kept_slots > 0)
        )

    def _slot_deltas(self, changes: Sequence[RowChange]) -> tuple[dict[str, int], int]:
        """Net change of each pool's and of parallelism's `used`; pools that do not change are left out."""
        pools: dict[str, int] = {}
        parallelism = 0
        for change in changes:
            row = None if change.created else self._row(change.id)
            before, kept, pool = (0, 0, "") if row is None else (row.held_slots, row.kept_slots, row.pool)
            after = before if change.holds_after is None else change.holds_after
            after_pool = pool if change.final is None else change.final.pool
            if before or kept:
                pools[pool] = pools.get(pool, 0) - before - kept
            if after or change.kept_after:
                pools[after_pool] = pools.get(after_pool, 0) + after + change.kept_after
            parallelism += (after > 0) - (before > 0)
        return {pool: pools[pool] for pool in sorted(pools) if pools[pool]}, parallelism

    def _have_room(self, deltas: Mapping[str, int], parallelism: int) -> bool:
        for pool, delta in deltas.items():
            row = self.tables.pools.get(pool)
            if delta > 0 and (row is None or (row.slots >= 0 and row.used + delta > row.slots)):
                return False
        cap = self.tables.parallelism
        return parallelism <= 0 or cap.slots == 0 or cap.used + parallelism <= cap.slots

    def _apply(self, change: RowChange, now: datetime) -> None:
        row = self._row(change.id)
        if change.created is not None:
            new = change.created
            row = TaskInstanceTableRow(id=new.id, new=new, pool=new.pool, max_tries=new.max_tries)
            self.tables.task_instances.setdefault(new.id.dag_run_id, {})[new.id] = row
        assert row is not None
        if change.acknowledged is not None:
            row.end_pending = False
        if change.enters_queued:
            row.forget_attempt()
            row.queued_at = row.published_at = now
            row.publish_count = 1
        if change.enters_scheduled:
            row.scheduled_at = now
        if change.resets_losses:
            row.forget_try()
        self._apply_final(row, change, now)

    def _apply_final(self, row: TaskInstanceTableRow, change: RowChange, now: datetime) -> None:
        row.kept_slots = change.kept_after
        if change.holds_after is not None:
            row.held_slots = change.holds_after
        if change.final is None:
            return
        for step in change.changes:
            self._set_attempt(row, step.attempt_id)
            self._set_state(row, step.state, now, Actor.SCHEDULER)
        row.try_number, row.pool = change.final.try_number, change.final.pool
        row.next_action_at = change.final.next_action_at
        if change.finishes:
            row.start_date = row.start_date or now
            row.end_date = now

    def _set_attempt(self, row: TaskInstanceTableRow, attempt_id: UUID | None) -> None:
        if row.attempt_id != attempt_id:
            if row.attempt_id is not None:
                self.tables.attempts.pop(row.attempt_id, None)
            if attempt_id is not None:
                self.tables.attempts[attempt_id] = row.id
            row.attempt_id = attempt_id

    async def pending_dag_runs(self, scheduler_id: UUID, older_than: datetime) -> Sequence[int]:
        return [
            run.id
            for run in self._owned(scheduler_id)
            if any(
                row.end_pending and row.recorded_at is not None and row.recorded_at < older_than
                for row in self.tables.task_instances.get(run.id, {}).values()
            )
        ]

    async def take_unclaimed(
        self,
        scheduler_id: UUID,
        now: datetime,
        first_after: timedelta,
        limit: int,
        *,
        claimed_within: timedelta | None = None,
    ) -> Sequence[TaskInstanceId]:
        draining = self._draining(None if claimed_within is None else now - claimed_within)
        due = [
            row
            for run in self._owned(scheduler_id)
            for row in self._rows(run.id)
            if row.state is TaskInstanceState.QUEUED
            and row.published_at is not None
            and row.published_at < now - republish_after(first_after, row.publish_count)
            and not (row.new.queue in draining and draining[row.new.queue] <= row.published_at)
        ]
        due.sort(key=lambda row: (-row.new.priority_weight, row.id))
        for row in due[:limit]:
            row.published_at = now
            row.publish_count += 1
        return [row.id for row in due[:limit]]

    def _draining(self, since: datetime | None) -> Mapping[str, datetime]:
        """Queues from which a running attempt was claimed since then → when the first of these was published."""
        found: dict[str, datetime] = {}
        for row in self._all_rows():
            is_recent = since is not None and row.start_date is not None and row.start_date >= since
            if is_recent and row.published_at is not None and row.is_open:
                found[row.new.queue] = min(row.published_at, found.get(row.new.queue, row.published_at))
        return found

    async def expire_workers(self, now: datetime, lease: timedelta) -> Sequence[EndedTaskInstance]:
        clock = self.tables.lease_clock
        expired = [
            key
            for key, row in sorted(self.tables.workers.items())
            if row.expired_at is None and clock.has_run_out(row.renewed_at_tick, lease.total_seconds())
        ][:WORKERS_EXPIRED_MAX]
        for key in expired:
            self.tables.workers[key].expired_at = now
        for key, row in list(self.tables.workers.items()):
            if row.expired_at is not None and row.expired_at < now - TOMBSTONES_KEPT:
                del self.tables.workers[key]
        incarnations = [incarnation for _, incarnation in expired]
        lost = [row for row in self._all_rows() if row.is_open and row.incarnation in incarnations]
        return [self._lose(row, now, Actor.SCHEDULER) for row in sorted(lost, key=lambda row: row.id)]

    async def attempt_holders(self, attempt_ids: Sequence[UUID]) -> Sequence[AttemptHolder]:
        found = ((attempt_id, self.tables.attempts.get(attempt_id)) for attempt_id in sorted(attempt_ids))
        rows = ((attempt_id, self._row(id_)) for attempt_id, id_ in found if id_ is not None)
        return [
            AttemptHolder(attempt_id=attempt_id, worker_id=row.worker_id)
            for attempt_id, row in rows
            if row is not None and row.worker_id is not None
        ]

    async def recount_slots(self) -> Mapping[str, int]:
        held: dict[str, int] = {}
        running = 0
        for row in self._all_rows():
            held[row.pool] = held.get(row.pool, 0) + row.held_slots + row.kept_slots
            running += row.held_slots > 0
        limits: dict[str, tuple[SlotsTableRow, int]] = {
            pool: (row, held.get(pool, 0)) for pool, row in sorted(self.tables.pools.items())
        }
        drift = {name: true - row.used for name, (row, true) in limits.items() if true != row.used}
        if running != self.tables.parallelism.used:
            drift["parallelism"] = running - self.tables.parallelism.used
        for row, true in limits.values():
            row.used = true
        self.tables.parallelism.used = running
        return drift


def _timeout_at(start_date: datetime | None, seconds: float | None) -> datetime | None:
    return None if start_date is None or seconds is None else start_date + timedelta(seconds=seconds)
