"""The collector's port on the in-memory store."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from tradewind.core.rows import (
    AttemptEndRecord,
    BeatAnswer,
    Claim,
    ClaimAnswer,
    EndAnswer,
    EndedTaskInstance,
    GrantedRun,
    TaskInstanceId,
    Verdict,
    WorkerBeat,
)
from tradewind.core.states import EndCause, Outcome, TaskInstanceState
from tradewind.core.transitions import Actor
from tradewind.db.assets.events import GivenEvent, event_body
from tradewind.db.assets.memory_writing import write_events
from tradewind.db.bundles.memory import bundle_digest
from tradewind.db.limits import CLOCK_GAP_SECONDS, CLOCK_STEP_MAX_SECONDS, LOST_AFTER_BEATS
from tradewind.db.memory.tables import (
    MemoryStoreBase,
    TaskInstanceTableRow,
    WorkerTableRow,
)


class MemoryCollectorStore(MemoryStoreBase):
    """`CollectorStore` on dictionaries."""

    async def grant_claims(self, claims: Sequence[Claim], now: datetime) -> Sequence[ClaimAnswer]:
        return [self._grant(claim, now) for claim in claims]

    def _grant(self, claim: Claim, now: datetime) -> ClaimAnswer:
        worker = self.tables.workers.get((claim.worker_id, claim.incarnation))
        if worker is None or worker.expired_at is not None:
            return ClaimAnswer(attempt_id=claim.attempt_id, verdict=Verdict.EXPIRED)
        row = self._named_row(claim.dag_id, claim.run_id, claim.task_id, claim.map_index)
        if row is None or row.attempt_id != claim.attempt_id or not self._is_grantable(row, claim):
            return ClaimAnswer(attempt_id=claim.attempt_id, verdict=Verdict.SUPERSEDED)
        if row.state is TaskInstanceState.QUEUED:
            if row.next_method is None:
                self._forget_xcoms(row.id)
            self._set_state(row, TaskInstanceState.RUNNING, now, Actor.COLLECTOR)
            row.start_date, row.claimed_at_tick = now, self.tables.lease_clock.tick
            row.first_start_date = row.first_start_date or now
            row.worker_id, row.incarnation, row.nonce = claim.worker_id, claim.incarnation, claim.nonce
        return ClaimAnswer(attempt_id=claim.attempt_id, verdict=Verdict.DONE, run=self._granted_run(row))

    def _is_grantable(self, row: TaskInstanceTableRow, claim: Claim) -> bool:
        if row.state is TaskInstanceState.QUEUED:
            return True
        same = (row.worker_id, row.incarnation, row.nonce) == (claim.worker_id, claim.incarnation, claim.nonce)
        return row.state is TaskInstanceState.RUNNING and same

    def _forget_xcoms(self, id_: TaskInstanceId) -> None:
        for key in [key for key in self.tables.xcoms if key[0] == id_]:
            del self.tables.xcoms[key]

    def _granted_run(self, row: TaskInstanceTableRow) -> GrantedRun:
        run = self.tables.dag_runs[row.id.dag_run_id]
        version = self.tables.dag_versions[run.dag_version_id]
        assert row.start_date is not None
        return GrantedRun(
            try_number=row.try_number,
            max_tries=row.max_tries,
            relative_fileloc=version.relative_fileloc,
            file_digest=version.file_digest,
            run_type=run.run_type,
            logical_date=run.logical_date,
            data_interval_start=run.data_interval_start,
            data_interval_end=run.data_interval_end,
            run_after=run.run_after,
            dag_run_start_date=run.start_date,
            dag_run_queued_at=run.queued_at,
            triggered_by=run.triggered_by,
            conf=run.conf,
            start_date=row.start_date,
            next_method=row.next_method,
            next_kwargs=row.next_kwargs,
            task_reschedule_count=row.task_reschedule_count,
            first_start_date=row.first_start_date,
            partition_key=run.partition_key,
            partition_date=run.partition_date,
            bundle_name=version.bundle_name,
            bundle_version=run.bundle_version,
            bundle_digest=bundle_digest(self.tables, run, version),
        )

    def _named_row(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> TaskInstanceTableRow | None:
        number = self.tables.run_numbers.get((dag_id, run_id))
        return None if number is None else self._row(TaskInstanceId(number, task_id, map_index))

    async def record_ends(self, ends: Sequence[AttemptEndRecord], now: datetime) -> Sequence[EndAnswer]:
        return [self._record(end, now) for end in ends]

    def _record(self, end: AttemptEndRecord, now: datetime) -> EndAnswer:
        row = self._named_row(end.dag_id, end.run_id, end.task_id, end.map_index)
        if row is None or row.attempt_id != end.attempt_id or not self._may_end(row, end):
            return EndAnswer(attempt_id=end.attempt_id, verdict=Verdict.SUPERSEDED)
        dag_ids: tuple[str, ...] = ()
        if row.is_open or row.state is TaskInstanceState.QUEUED:
            bodies = [event_body(text) for text in (() if end.effects is None else end.effects.asset_events)]
            self._write_end(row, end, now)
            if row.state is TaskInstanceState.SUCCESS:
                events = [GivenEvent(body=body, source=row.id) for body in bodies]
                dag_ids = write_events(self.tables, events, now).dag_ids
        return EndAnswer(
            attempt_id=end.attempt_id,
            verdict=Verdict.DONE,
            id=row.id,
            owner=self.tables.dag_runs[row.id.dag_run_id].owner,
            state=row.state,
            next_action_at=row.next_action_at,
            map_length=row.map_length,
            skipped=() if end.effects is None or row.state is TaskInstanceState.NONE else end.effects.skipped,
            asset_dag_ids=dag_ids,
        )

    def _may_end(self, row: TaskInstanceTableRow, end: AttemptEndRecord) -> bool:
        """An open attempt of this worker, one that it could not even claim, or the replay of an end of its own."""
        if row.state is TaskInstanceState.QUEUED:
            return end.cause is EndCause.NOT_STARTED and end.outcome is not Outcome.SUCCESS
        return row.incarnation == end.incarnation and (row.is_open or row.cause not in (None, EndCause.WORKER_LOST))

    def _write_end(self, row: TaskInstanceTableRow, end: AttemptEndRecord, now: datetime) -> None:
        # Of what was told to stop for another try, nothing counts but the log.
        counts = row.state is not TaskInstanceState.RESTARTING
        for key, value in end.xcoms if counts else ():
            self.tables.xcoms[row.id, key] = value
        if end.log:
            self.tables.logs.setdefault((end.attempt_id, end.log_sequence), end.log)
        row.detail, row.code_started_at, row.rendered_fields = end.detail, end.started_at, end.rendered_fields
        row.worker_id, row.incarnation = end.worker_id, end.incarnation
        effects = end.effects if counts else None
        self._end(row, end.outcome, end.cause, end.ended_at, now, Actor.COLLECTOR, effects, is_silent=end.is_silent)

    async def record_beats(self, beats: Sequence[WorkerBeat], now: datetime) -> Sequence[BeatAnswer]:
        return [self._beat(beat, now) for beat in beats]

    def _beat(self, beat: WorkerBeat, now: datetime) -> BeatAnswer:
        key = (beat.worker_id, beat.incarnation)
        worker = self.tables.workers.get(key)
        if worker is not None and worker.expired_at is not None:
            return BeatAnswer(worker_id=beat.worker_id, incarnation=beat.incarnation, verdict=Verdict.EXPIRED)
        held = sorted((row for row in self._all_rows() if row.incarnation == beat.incarnation and row.is_open), key=_id)
        if beat.leaving:
            if not held:
                self.tables.workers.pop(key, None)
            return BeatAnswer(worker_id=beat.worker_id, incarnation=beat.incarnation, verdict=Verdict.DONE)
        ended: list[EndedTaskInstance] = []
        if worker is None or beat.sequence > worker.sequence:
            tick = self.tables.lease_clock.tick
            drains = worker is not None and worker.drains
            self.tables.workers[key] = WorkerTableRow(sequence=beat.sequence, renewed_at_tick=tick, drains=drains)
            ended = self._lost_grants(beat, held, now)
        running = {row.attempt_id: True for row in held if row.state is TaskInstanceState.RUNNING}
        return BeatAnswer(
            worker_id=beat.worker_id,
            incarnation=beat.incarnation,
            verdict=Verdict.DONE,
            kill=tuple(attempt_id for attempt_id in beat.attempt_ids if attempt_id not in running),
            ended=tuple(ended),
            drain=self.tables.workers[key].drains,
        )

    def _lost_grants(
        self, beat: WorkerBeat, held: Sequence[TaskInstanceTableRow], now: datetime
    ) -> list[EndedTaskInstance]:
        clock = self.tables.lease_clock
        ended: list[EndedTaskInstance] = []
        for row in held:
            assert row.claimed_at_tick is not None
            if row.attempt_id in beat.attempt_ids:
                row.missing_beats = 0
            elif clock.tick - row.claimed_at_tick > clock.lease_seconds:
                row.missing_beats += 1
                if row.missing_beats >= LOST_AFTER_BEATS:
                    ended.append(self._lose(row, now, Actor.COLLECTOR))
        return ended

    async def advance_lease_clock(self, collector_id: UUID, now: datetime, lease: timedelta) -> bool:
        clock = self.tables.lease_clock
        since = None if clock.ticked_at is None else (now - clock.ticked_at).total_seconds()
        is_gap = since is None or abs(since) > CLOCK_GAP_SECONDS
        if clock.holder != collector_id and not is_gap:
            return False
        if is_gap:
            clock.silent_until_tick = clock.tick + lease.total_seconds()
        else:
            assert since is not None
            clock.tick += min(max(since, 0.0), CLOCK_STEP_MAX_SECONDS)
        clock.holder, clock.ticked_at, clock.lease_seconds = collector_id, now, lease.total_seconds()
        return True

    async def append_log(self, attempt_id: UUID, sequence: int, lines: bytes, now: datetime) -> bool:
        """Store one chunk of the running attempt's log; doing it again changes nothing. False = not current."""
        id_ = self.tables.attempts.get(attempt_id)
        row = None if id_ is None else self._row(id_)
        if row is None or not row.is_open:
            return False
        self.tables.logs.setdefault((attempt_id, sequence), lines)
        return True


def _id(row: TaskInstanceTableRow) -> TaskInstanceId:
    return row.id
