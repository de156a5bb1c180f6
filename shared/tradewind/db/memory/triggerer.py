"""The triggerer's port on the in-memory store."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from tradewind.core.rows import EndedTaskInstance, Verdict
from tradewind.core.states import TaskInstanceState
from tradewind.core.transitions import Actor
from tradewind.core.triggers import (
    TRIGGER_LOG_SEQUENCE,
    DueTrigger,
    TriggerAnswer,
    TriggerOutcome,
    WaitingTrigger,
)
from tradewind.db.bundles.memory import bundle_digest
from tradewind.db.memory.tables import MemoryStoreBase, TaskInstanceTableRow, TriggerTableRow

WAITING = (TaskInstanceState.DEFERRED, TaskInstanceState.AWAITING_INPUT)


class MemoryTriggererStore(MemoryStoreBase):
    """`TriggererStore` on dictionaries."""

    async def renew_triggerer(self, triggerer_id: UUID, hostname: str, capacity: int, now: datetime) -> bool:
        is_new = triggerer_id not in self.tables.triggerers
        self.tables.triggerers[triggerer_id] = self.tables.lease_clock.tick
        return is_new

    async def retire_triggerer(self, triggerer_id: UUID) -> None:
        self.tables.triggerers.pop(triggerer_id, None)
        self._release_triggers(triggerer_id)

    async def expire_triggerers(self, lease: timedelta) -> Sequence[UUID]:
        clock, seconds = self.tables.lease_clock, lease.total_seconds()
        expired = sorted(key for key, tick in self.tables.triggerers.items() if clock.has_run_out(tick, seconds))
        for triggerer_id in expired:
            await self.retire_triggerer(triggerer_id)
        return expired

    async def keep_triggers(self, triggerer_id: UUID) -> Sequence[int]:
        owned = {attempt: row for attempt, row in self._programs() if row.triggerer_id == triggerer_id}
        ended = {attempt: row for attempt, row in owned.items() if not self._is_deferred(attempt, row)}
        for attempt_id in ended:
            del self.tables.triggers[attempt_id]
        return sorted(row.number for attempt, row in owned.items() if attempt not in ended)

    async def release_triggers(self, triggerer_id: UUID, trigger_ids: Sequence[int]) -> None:
        for trigger in self.tables.triggers.values():
            if trigger.triggerer_id == triggerer_id and trigger.number in trigger_ids:
                trigger.triggerer_id = None

    async def take_triggers(
        self, triggerer_id: UUID, limit: int, queues: Sequence[str] | None = None
    ) -> Sequence[WaitingTrigger]:
        if triggerer_id not in self.tables.triggerers:
            return []
        free = [
            (attempt_id, trigger)
            for attempt_id, trigger in self._programs()
            if trigger.triggerer_id is None and _is_wanted(trigger.deferral.queue, queues)
        ]
        taken = sorted(free, key=lambda pair: pair[1].number)[:limit]
        for _, trigger in taken:
            trigger.triggerer_id = triggerer_id
        return [self._waiting(*pair) for pair in taken if self._is_deferred(*pair)]

    async def due_triggers(self, triggerer_id: UUID, now: datetime, limit: int) -> Sequence[DueTrigger]:
        due = [
            (timeout_at, trigger.number, attempt_id, trigger)
            for attempt_id, trigger in self.tables.triggers.items()
            if trigger.triggerer_id in (None, triggerer_id)
            and (timeout_at := trigger.deferral.timeout_at) is not None
            and timeout_at <= now
        ]
        return [
            self._due(attempt_id, trigger)
            for *_, attempt_id, trigger in sorted(due, key=lambda found: found[:2])[:limit]
            if self._row(trigger.id) is not None
        ]

    def _due(self, attempt_id: UUID, trigger: TriggerTableRow) -> DueTrigger:
        answer, answered_at = self.tables.answers.get(attempt_id, (None, None))
        return DueTrigger(
            id=trigger.number,
            next_kwargs=trigger.deferral.next_kwargs,
            human_input=trigger.human_input,
            answer=answer,
            answered_at=answered_at,
        )

    async def fire_triggers(self, outcomes: Sequence[TriggerOutcome], now: datetime) -> Sequence[TriggerAnswer]:
        first: dict[int, TriggerAnswer] = {}
        for outcome in outcomes:
            if outcome.trigger_id not in first:
                first[outcome.trigger_id] = self._fire(outcome, now)
        return [first[outcome.trigger_id] for outcome in outcomes]

    def _fire(self, outcome: TriggerOutcome, now: datetime) -> TriggerAnswer:
        superseded = TriggerAnswer(trigger_id=outcome.trigger_id, verdict=Verdict.SUPERSEDED)
        found = [pair for pair in self.tables.triggers.items() if pair[1].number == outcome.trigger_id]
        if not found:
            return superseded
        ((attempt_id, trigger),) = found
        row = self._row(trigger.id)
        if row is None or row.attempt_id != attempt_id or row.state not in WAITING:
            del self.tables.triggers[attempt_id]
            return superseded
        is_answered = self._keep_answer(attempt_id, trigger, outcome, now)
        if row.end_pending:
            if is_answered:
                trigger.deferral = replace(trigger.deferral, timeout_at=now)
            return TriggerAnswer(trigger_id=outcome.trigger_id, verdict=Verdict.RETRY, is_answered=is_answered)
        del self.tables.triggers[attempt_id]
        self._go_on(row, outcome, now)
        owner = self.tables.dag_runs[row.id.dag_run_id].owner
        told = EndedTaskInstance(id=row.id, owner=owner, attempt_id=attempt_id, state=row.state)
        return TriggerAnswer(trigger_id=outcome.trigger_id, verdict=Verdict.DONE, ended=told, is_answered=is_answered)

    def _keep_answer(self, attempt_id: UUID, trigger: TriggerTableRow, outcome: TriggerOutcome, now: datetime) -> bool:
        if outcome.answer is None or trigger.human_input is None or attempt_id in self.tables.answers:
            return False
        self.tables.answers[attempt_id] = (outcome.answer, now)
        return True

    def _go_on(self, row: TaskInstanceTableRow, outcome: TriggerOutcome, now: datetime) -> None:
        self._set_state(row, outcome.state, now, Actor.TRIGGERER)
        row.end_pending, row.recorded_at, row.next_action_at = True, now, None
        if outcome.state is TaskInstanceState.SCHEDULED:
            row.scheduled_at = now
        else:
            row.end_date = now
        row.detail = outcome.detail or row.detail
        row.next_method = outcome.next_method or row.next_method
        row.next_kwargs = outcome.next_kwargs or row.next_kwargs
        for key, value in outcome.xcoms:
            self.tables.xcoms[row.id, key] = value
        if outcome.log is not None and row.attempt_id is not None:
            self.tables.logs.setdefault((row.attempt_id, TRIGGER_LOG_SEQUENCE), outcome.log)

    def _programs(self) -> list[tuple[UUID, TriggerTableRow]]:
        """Triggers that are to be run, rather than answered by a person."""
        return [pair for pair in self.tables.triggers.items() if pair[1].deferral.classpath]

    def _release_triggers(self, triggerer_id: UUID) -> None:
        for trigger in self.tables.triggers.values():
            if trigger.triggerer_id == triggerer_id:
                trigger.triggerer_id = None

    def _is_deferred(self, attempt_id: UUID, trigger: TriggerTableRow) -> bool:
        row = self._row(trigger.id)
        return row is not None and row.state is TaskInstanceState.DEFERRED and row.attempt_id == attempt_id

    def _waiting(self, attempt_id: UUID, trigger: TriggerTableRow) -> WaitingTrigger:
        run, row = self.tables.dag_runs[trigger.id.dag_run_id], self._row(trigger.id)
        version = self.tables.dag_versions[run.dag_version_id]
        assert row is not None
        return WaitingTrigger(
            id=trigger.number,
            task_instance=trigger.id,
            dag_id=run.dag_id,
            run_id=run.run_id,
            try_number=row.try_number,
            attempt_id=attempt_id,
            classpath=trigger.deferral.classpath,
            kwargs=trigger.deferral.kwargs,
            next_kwargs=trigger.deferral.next_kwargs,
            relative_fileloc=version.relative_fileloc,
            is_ended_by_worker=self._task_spec(trigger.id).is_ended_by_worker,
            bundle_name=version.bundle_name,
            bundle_digest=bundle_digest(self.tables, run, version),
        )


def _is_wanted(queue: str | None, queues: Sequence[str] | None) -> bool:
    return queue is None if queues is None else queue in queues
