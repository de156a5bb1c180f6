"""The triggerer's port on Postgres."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from tradewind.core.rows import EndedTaskInstance, TaskInstanceId, Verdict
from tradewind.core.spec import TaskSpec
from tradewind.core.triggers import (
    TRIGGER_LOG_SEQUENCE,
    DueTrigger,
    HumanAnswer,
    TriggerAnswer,
    TriggerOutcome,
    WaitingTrigger,
)
from tradewind.db.pool import Database, Row
from tradewind.db.postgres.end_writer import load_specs
from tradewind.db.postgres.row_mapping import first_integers, first_uuids, storable_text
from tradewind.db.specs import SpecCache
from tradewind.db.statements import statement


class PostgresTriggererStore:
    """`TriggererStore`: each method is one statement, which is its own transaction."""

    def __init__(self, database: Database, specs: SpecCache | None = None) -> None:
        self._database = database
        self._specs = SpecCache() if specs is None else specs

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
        await load_specs(self._database, self._specs, [row["dag_version_id"] for row in rows])
        return [_waiting_trigger(row, self._specs.task(row["dag_version_id"], row["task_id"])) for row in rows]

    async def due_triggers(self, triggerer_id: UUID, now: datetime, limit: int) -> Sequence[DueTrigger]:
        rows = await self._database.fetch(statement("list_due_triggers"), now, limit, triggerer_id)
        return [_due_trigger(row) for row in rows]

    async def fire_triggers(self, outcomes: Sequence[TriggerOutcome], now: datetime) -> Sequence[TriggerAnswer]:
        distinct = {outcome.trigger_id: outcome for outcome in reversed(outcomes)}
        asked = list(distinct.values())
        values = (*_outcome_columns(asked), *_xcom_columns(asked), TRIGGER_LOG_SEQUENCE, *_answer_columns(asked))
        rows = await self._database.fetch(statement("fire_triggers"), now, *values)
        found = {row["id"]: _answer(row, distinct[row["id"]]) for row in rows}
        return [
            found.get(outcome.trigger_id) or TriggerAnswer(trigger_id=outcome.trigger_id, verdict=Verdict.SUPERSEDED)
            for outcome in outcomes
        ]


def _waiting_trigger(row: Row, task: TaskSpec) -> WaitingTrigger:
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
        is_ended_by_worker=task.is_ended_by_worker,
        bundle_name=row["bundle_name"],
        bundle_digest=row["bundle_digest"],
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
        return TriggerAnswer(trigger_id=row["id"], verdict=Verdict.RETRY, is_answered=row["is_answered"])
    told = EndedTaskInstance(
        id=TaskInstanceId(row["dag_run_id"], row["task_id"], row["map_index"]),
        owner=row["owner"],
        attempt_id=row["attempt_id"],
        state=outcome.state,
    )
    return TriggerAnswer(trigger_id=row["id"], verdict=Verdict.DONE, ended=told, is_answered=row["is_answered"])


def _answer_columns(outcomes: Sequence[TriggerOutcome]) -> tuple[list[str | None], ...]:
    """Parameters $12 to $14 of fire_triggers.sql."""
    answers = [outcome.answer for outcome in outcomes]
    return (
        [None if answer is None else answer.chosen_options.decode() for answer in answers],
        [None if answer is None else answer.params_input.decode() for answer in answers],
        [None if answer is None or answer.responded_by is None else answer.responded_by.decode() for answer in answers],
    )


def _due_trigger(row: Row) -> DueTrigger:
    answer = None
    if row["responded_at"] is not None:
        by = row["responded_by"]
        answer = HumanAnswer(
            chosen_options=row["chosen_options"].encode(),
            params_input=row["params_input"].encode(),
            responded_by=None if by is None else by.encode(),
        )
    return DueTrigger(
        id=row["id"],
        next_kwargs=row["next_kwargs"] or b"{}",
        human_input=row["human_input"],
        answer=answer,
        answered_at=row["responded_at"],
    )
