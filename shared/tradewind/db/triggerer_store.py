"""The triggerer's port on Postgres."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from tradewind.core.rows import EndedTaskInstance, TaskInstanceId, Verdict
from tradewind.core.triggers import (
    TRIGGER_LOG_SEQUENCE,
    DueTrigger,
    TriggerAnswer,
    TriggerOutcome,
    WaitingTrigger,
)
from tradewind.db.pool import Database, Row
from tradewind.db.row_mapping import first_integers, first_uuids, storable_text
from tradewind.db.statements import statement


class PostgresTriggererStore:
    """`TriggererStore`: each method is one statement, which is its own transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def renew_triggerer(self, triggerer_id: UUID, hostname: str, capacity: int, now: datetime) -> bool:
        values = (triggerer_id, storable_text(hostname), capacity, now)
        return bool(await self._database.fetch_value(statement("renew_triggerer"), *values))

    async def retire_triggerer(self, triggerer_id: UUID) -> None:
        await self._database.fetch(statement("delete_triggerer"), triggerer_id)

    async def expire_triggerers(self, lease: timedelta) -> Sequence[UUID]:
        rows = await self._database.fetch(statement("expire_triggerers"), lease.total_seconds())
        return sorted(first_uuids(rows))

    async def keep_triggers(self, triggerer_id: UUID) -> Sequence[int]:
        return first_integers(await self._database.fetch(statement("keep_triggers"), triggerer_id))

    async def release_triggers(self, triggerer_id: UUID, trigger_ids: Sequence[int]) -> None:
        await self._database.fetch(statement("release_triggers"), triggerer_id, list(trigger_ids))

    async def take_triggers(
        self, triggerer_id: UUID, limit: int, queues: Sequence[str] | None = None
    ) -> Sequence[WaitingTrigger]:
        wanted = None if queues is None else list(queues)
        rows = await self._database.fetch(statement("take_triggers"), triggerer_id, limit, wanted)
        return [_waiting_trigger(row) for row in rows]

    async def due_triggers(self, triggerer_id: UUID, now: datetime, limit: int) -> Sequence[DueTrigger]:
        rows = await self._database.fetch(statement("list_due_triggers"), now, limit, triggerer_id)
        return [
            DueTrigger(id=row["id"], next_kwargs=row["next_kwargs"] or b"{}", human_input=row["human_input"])
            for row in rows
        ]

    async def fire_triggers(self, outcomes: Sequence[TriggerOutcome], now: datetime) -> Sequence[TriggerAnswer]:
        distinct = {outcome.trigger_id: outcome for outcome in reversed(outcomes)}
        values = (*_outcome_columns(list(distinct.values())), *_xcom_columns(list(distinct.values())))
        rows = await self._database.fetch(statement("fire_triggers"), now, *values, TRIGGER_LOG_SEQUENCE)
        found = {row["id"]: _answer(row, distinct[row["id"]]) for row in rows}
        return [
            found.get(outcome.trigger_id) or TriggerAnswer(trigger_id=outcome.trigger_id, verdict=Verdict.SUPERSEDED)
            for outcome in outcomes
        ]


def _waiting_trigger(row: Row) -> WaitingTrigger:
    return WaitingTrigger(
        id=row["id"],
        task_instance=TaskInstanceId(row["dag_run_id"], row["task_id"], row["map_index"]),
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        try_number=row["try_number"],
        attempt_id=row["attempt_id"],
        classpath=row["classpath"],
        kwargs=row["kwargs"],
        next_kwargs=row["next_kwargs"] or b"{}",
        relative_fileloc=row["relative_fileloc"],
    )


def _outcome_columns(outcomes: Sequence[TriggerOutcome]) -> tuple[list[object], ...]:
    """Parameters $2 to $7 of fire_triggers.sql."""
    rows: list[tuple[object, ...]] = [
        (
            *(outcome.trigger_id, outcome.state.value, storable_text(outcome.next_method), outcome.next_kwargs),
            *(storable_text(outcome.detail), outcome.log),
        )
        for outcome in outcomes
    ]
    return tuple(list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [], [], [])


def _xcom_columns(outcomes: Sequence[TriggerOutcome]) -> tuple[list[object], ...]:
    """Parameters $8 to $10; of a key pushed twice the last value counts."""
    values = {(outcome.trigger_id, storable_text(key)): value for outcome in outcomes for key, value in outcome.xcoms}
    rows = [(*key, value) for key, value in values.items()]
    return tuple(list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])


def _answer(row: Row, outcome: TriggerOutcome) -> TriggerAnswer:
    if not row["is_waiting"]:
        return TriggerAnswer(trigger_id=row["id"], verdict=Verdict.SUPERSEDED)
    if row["end_pending"]:
        return TriggerAnswer(trigger_id=row["id"], verdict=Verdict.RETRY)
    told = EndedTaskInstance(
        id=TaskInstanceId(row["dag_run_id"], row["task_id"], row["map_index"]),
        owner=row["owner"],
        attempt_id=row["attempt_id"],
        state=outcome.state,
    )
    return TriggerAnswer(trigger_id=row["id"], verdict=Verdict.DONE, ended=told)
