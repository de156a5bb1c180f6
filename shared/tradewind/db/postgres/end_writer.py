"""Writes the ends of attempts: reported by workers, or made because a worker is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tradewind.core.dag_requests import NewDagRequest
from tradewind.core.ends import AttemptEnd, end_of_attempt, unheard_request
from tradewind.core.rows import AttemptEndRecord, EndedTaskInstance, EndEffectsRecord, TaskInstanceRow
from tradewind.core.states import WAITING_STATES, EndCause, Outcome, TaskInstanceState
from tradewind.db.assets.events import GivenEvent, event_body
from tradewind.db.lost_attempts import LAST_CHUNK, lost_worker_log
from tradewind.db.pool import Row, Session
from tradewind.db.postgres.dag_requests import insert_dag_requests
from tradewind.db.postgres.row_mapping import storable_text, task_instance_row
from tradewind.db.specs import SpecCache, load_spec
from tradewind.db.statements import statement

NO_EFFECTS: Final = EndEffectsRecord()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAttempt:
    """A task instance as it was read before its end is written."""

    row: TaskInstanceRow
    owner: UUID | None
    dag_version_id: UUID
    cause: EndCause | None
    worker_id: str | None
    incarnation: UUID | None


def read_attempt(row: Row) -> ReadAttempt:
    """From a row of `load_reported_attempts` or `lock_…`."""
    return ReadAttempt(
        row=task_instance_row(row),
        owner=row["owner"],
        dag_version_id=row["dag_version_id"],
        cause=None if row["cause"] is None else EndCause(row["cause"]),
        worker_id=row["worker_id"],
        incarnation=row["incarnation"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndWrite:
    """One attempt's end, decided: what the row was, what it becomes, and what comes along."""

    read: ReadAttempt
    end: AttemptEnd
    record: AttemptEndRecord | None
    """None: nobody reported it, its worker is gone."""
    now: datetime
    request: NewDagRequest | None = None
    """To tell those whom the task's process could not tell."""

    @property
    def cause(self) -> EndCause:
        return EndCause.WORKER_LOST if self.record is None else self.record.cause

    @property
    def ended(self) -> EndedTaskInstance:
        """What the run's owner is told."""
        return EndedTaskInstance(
            id=self.read.row.id,
            owner=self.read.owner,
            attempt_id=self.read.row.attempt_id,
            state=self.end.state,
            next_action_at=self.end.next_action_at,
            map_length=self.effects.map_length,
            skipped=self.effects.skipped,
        )

    @property
    def pushes(self) -> bool:
        """Whether anything but its log counts: of what was told to stop for another try, nothing does."""
        return self.record is not None and self.read.row.state is not TaskInstanceState.RESTARTING

    @property
    def asset_events(self) -> Sequence[GivenEvent]:
        """What it says of assets; only success says anything. Raises `InvalidValue`."""
        given = self.effects.asset_events if self.end.state is TaskInstanceState.SUCCESS else ()
        return [GivenEvent(body=event_body(text), source=self.read.row.id) for text in given]

    @property
    def effects(self) -> EndEffectsRecord:
        """What else changes by it."""
        found = self.record.effects if self.record is not None and self.pushes else None
        return NO_EFFECTS if found is None else found


async def load_specs(session: Session, specs: SpecCache, dag_version_ids: Sequence[UUID]) -> None:
    """Bring the specs of these versions into the cache."""
    missing = specs.missing(dag_version_ids)
    if missing:
        for row in await session.fetch(statement("load_dag_specs"), missing):
            specs.put(row["id"], load_spec(row["spec"]))


class EndWriter:
    """Decides ends by `core.ends` and the task's spec, and writes them set-based."""

    def __init__(self, specs: SpecCache) -> None:
        self._specs = specs

    async def load_specs(self, session: Session, dag_version_ids: Sequence[UUID]) -> None:
        """Bring the specs of these versions into the cache."""
        await load_specs(session, self._specs, dag_version_ids)

    def decide(self, read: ReadAttempt, record: AttemptEndRecord | None, now: datetime) -> EndWrite:
        """The end of this attempt as reported, or (None) lost with its worker."""
        task = self._specs.task(read.dag_version_id, read.row.id.task_id)
        outcome, cause = (Outcome.FAILED, EndCause.WORKER_LOST) if record is None else (record.outcome, record.cause)
        effects = None if record is None else record.effects
        end = end_of_attempt(read.row, task, outcome, cause, now, effects)
        request = None
        if task.notices and (record is None or record.is_silent):
            detail, ended_at = (None, now) if record is None else (record.detail, record.ended_at)
            dag_id = self._specs.dag_id(read.dag_version_id)
            request = unheard_request(dag_id, read.row, task, end, detail, ended_at)
        return EndWrite(read=read, end=end, record=record, now=now, request=request)

    async def write(self, session: Session, writes: Sequence[EndWrite], now: datetime) -> bool:
        """All or none, in one statement; False = an attempt was no longer as it was read, and nothing is written."""
        if not writes:
            return True
        values = (
            *(*_end_columns(writes), *_xcom_columns(writes), *_log_columns(writes)),
            *(*_effect_columns(writes), *_skip_columns(writes), *_deferral_columns(writes)),
        )
        return bool(await session.fetch_value(statement("record_ends"), now, *values))

    async def lose(self, session: Session, rows: Sequence[Row], now: datetime) -> list[EndedTaskInstance]:
        """End these attempts, whose rows are locked, as lost with their worker."""
        reads = [read_attempt(row) for row in rows]
        await self.load_specs(session, [read.dag_version_id for read in reads])
        writes = [self.decide(read, None, now) for read in reads]
        is_written = await self.write(session, writes, now)
        assert is_written, "rows were locked, and yet they changed"
        await insert_dag_requests(session, [write.request for write in writes if write.request is not None], now)
        return [write.ended for write in writes]


def _end_columns(writes: Sequence[EndWrite]) -> tuple[list[object], ...]:
    """Parameters $2 to $20 of record_ends.sql."""
    rows = [_end_values(write) for write in writes]
    return tuple(list(column) for column in zip(*rows, strict=True))


def _end_values(write: EndWrite) -> tuple[object, ...]:
    row, end, record = write.read.row, write.end, write.record
    described = (None, write.now, None, None, None, None, write.read.worker_id, write.read.incarnation)
    if record is not None:
        described = (
            storable_text(record.detail),
            record.ended_at,
            record.started_at,
            record.rendered_fields,
            record.pid,
            storable_text(record.hostname),
            record.worker_id,
            record.incarnation,
        )
    return (
        *(*row.id, row.attempt_id, row.state, end.state, end.next_action_at),
        *(end.lost_attempts, end.dispatch_failures, write.cause),
        *described,
        end.copy_to_history,
    )


def _xcom_columns(writes: Sequence[EndWrite]) -> tuple[list[object], ...]:
    """Parameters $21 to $25; of a key pushed twice the last value counts."""
    values = {
        (*write.read.row.id, storable_text(key)): value
        for write in writes
        if write.record is not None and write.pushes
        for key, value in write.record.xcoms
    }
    rows = [(*key, value) for key, value in values.items()]
    return tuple(list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [], [])


def _log_columns(writes: Sequence[EndWrite]) -> tuple[list[object], ...]:
    """Parameters $26 to $32."""
    rows = [
        (*write.read.row.id, write.read.row.try_number, write.read.row.attempt_id, *chunk)
        for write in writes
        if (chunk := _last_chunk(write))[1]
    ]
    return tuple(list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [], [], [], [])


def _last_chunk(write: EndWrite) -> tuple[int, bytes]:
    """Number and records of what the log ends with."""
    if write.record is not None:
        return write.record.log_sequence, write.record.log
    return LAST_CHUNK, lost_worker_log(write.read.worker_id, write.now)


def _effect_columns(writes: Sequence[EndWrite]) -> tuple[list[object], ...]:
    """Parameters $33 to $37."""
    rows = [_effect_values(write) for write in writes]
    return tuple(list(column) for column in zip(*rows, strict=True))


def _effect_values(write: EndWrite) -> tuple[object, ...]:
    effects, state = write.effects, write.end.state
    goes_on = state in WAITING_STATES or (write.read.row.is_resuming and state is TaskInstanceState.SCHEDULED)
    deferral = effects.deferral if state in WAITING_STATES else None
    return (
        effects.map_length if state is TaskInstanceState.SUCCESS else None,
        storable_text(effects.rendered_map_index),
        goes_on,
        None if deferral is None else storable_text(deferral.next_method),
        None if deferral is None else deferral.next_kwargs,
    )


def _skip_columns(writes: Sequence[EndWrite]) -> tuple[list[object], ...]:
    """Parameters $38 to $40."""
    rows = [(write.read.row.id.dag_run_id, *skipped) for write in writes for skipped in write.effects.skipped]
    return tuple(list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])


def _deferral_columns(writes: Sequence[EndWrite]) -> tuple[list[object], ...]:
    """Parameters $41 to $49."""
    rows = [
        (
            *(*write.read.row.id, write.read.row.attempt_id, storable_text(deferral.classpath), deferral.kwargs),
            *(storable_text(deferral.queue), deferral.timeout_at, write.effects.human_input),
        )
        for write in writes
        if (deferral := write.effects.deferral) is not None and write.end.state in WAITING_STATES
    ]
    return tuple(list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [], [], [], [], [], [])
