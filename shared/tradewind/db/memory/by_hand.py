"""Queueing one task instance by hand, on the in-memory store."""

from dataclasses import replace
from datetime import datetime, timedelta

from tradewind.core.by_hand.values import HandQueueing, HandRule, NoRoom
from tradewind.core.gates import ACTIVE_STATES
from tradewind.core.rows import LimitedTask
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.transitions import Actor
from tradewind.db.memory.people import MemoryPeopleStore
from tradewind.db.memory.tables import TaskInstanceTableRow


class MemoryHandStore(MemoryPeopleStore):
    """`HandStore` on dictionaries: everything is asked before anything is written."""

    async def queue_by_hand(
        self, dag_run_id: int, limited: LimitedTask | None, rule: HandRule, now: datetime
    ) -> HandQueueing:
        runs = await self.read_dag_runs([dag_run_id])
        queueing = rule(runs[0] if runs else None)
        if queueing.is_replay:
            return queueing
        row = self._row(queueing.id)
        assert row is not None, f"{queueing.id} was queued and is not there"
        if limited is not None and self._active(limited) + limited.added > limited.size:
            raise NoRoom.of_limit(limited)
        if not self._fits(row, queueing):
            raise NoRoom.of_pool(queueing.pool)
        self._resume(queueing, now)
        if queueing.reset is not None:
            self._revise(queueing.reset, now)
        self._take(row, queueing)
        self._queue(row, queueing, now)
        return queueing

    def _active(self, limited: LimitedTask) -> int:
        return sum(
            row.id.task_id == limited.task_id
            and row.state in ACTIVE_STATES
            and self.tables.dag_runs[row.id.dag_run_id].dag_id == limited.dag_id
            for row in self._all_rows()
        )

    def _fits(self, row: TaskInstanceTableRow, queueing: HandQueueing) -> bool:
        pool, cap = self.tables.pools.get(queueing.pool), self.tables.parallelism
        if pool is None or not queueing.must_fit:
            return pool is not None
        own = row.held_slots + row.kept_slots if row.pool == queueing.pool else 0
        added, places = queueing.slots - own, int(not row.held_slots)
        has_slots = pool.slots < 0 or added <= 0 or pool.used + added <= pool.slots
        return has_slots and (not cap.slots or not places or cap.used < cap.slots)

    def _resume(self, queueing: HandQueueing, now: datetime) -> None:
        run = self.tables.dag_runs[queueing.id.dag_run_id]
        run.revision += 1
        if not queueing.resumes_run:
            return
        self._set_run_state(run, DagRunState.RUNNING, now, Actor.API)
        dag = self.tables.dags.get(run.dag_id)
        seconds = None if dag is None else dag.dagrun_timeout_seconds
        run.owner = run.end_date = None
        run.timeout_at = None if seconds is None else now + timedelta(seconds=seconds)

    def _take(self, row: TaskInstanceTableRow, queueing: HandQueueing) -> None:
        before, after, cap = self.tables.pools.get(row.pool), self.tables.pools[queueing.pool], self.tables.parallelism
        if before is not None:
            before.used = max(before.used - row.held_slots - row.kept_slots, 0)
        after.used += queueing.slots
        cap.used += not row.held_slots
        row.held_slots, row.kept_slots, row.pool = queueing.slots, 0, queueing.pool

    def _queue(self, row: TaskInstanceTableRow, queueing: HandQueueing, now: datetime) -> None:
        row.forget_attempt()
        if queueing.begins_try:
            row.forget_try()
            row.scheduled_at = now
        if row.attempt_id is not None:
            self.tables.attempts.pop(row.attempt_id, None)
        self.tables.attempts[queueing.attempt_id] = row.id
        row.attempt_id, row.try_number = queueing.attempt_id, queueing.try_number
        self._set_state(row, TaskInstanceState.QUEUED, now, Actor.API)
        row.scheduled_at, row.queued_at, row.published_at, row.publish_count = row.scheduled_at or now, now, now, 1
        row.end_pending = row.skip_requested = False
        row.next_action_at, row.by_hand = None, queueing.flags
        row.new = replace(row.new, queue=queueing.queue, executor=queueing.executor, pool=queueing.pool)
