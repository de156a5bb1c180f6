"""The collector's port on Postgres."""

import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tradewind.core.rows import (
    AttemptEndRecord,
    BeatAnswer,
    Claim,
    ClaimAnswer,
    EndAnswer,
    EndedTaskInstance,
    GrantedRun,
    Verdict,
    WorkerBeat,
)
from tradewind.core.states import EndCause, Outcome, TaskInstanceState
from tradewind.db.assets.events import write_events
from tradewind.db.limits import CLOCK_GAP_SECONDS, CLOCK_STEP_MAX_SECONDS, HEARTBEATS_KEPT, LOST_AFTER_BEATS
from tradewind.db.pool import Database, Row
from tradewind.db.postgres.dag_requests import insert_dag_requests
from tradewind.db.postgres.end_writer import EndWrite, EndWriter, ReadAttempt, read_attempt
from tradewind.db.postgres.row_mapping import first_uuids, storable_text
from tradewind.db.specs import SpecCache
from tradewind.db.statements import statement
from tradewind.db.store import StoreUnavailable

OPEN: Final = (TaskInstanceState.QUEUED, TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING)

END_RACES_MAX: Final = 5
"""How often the ends of a batch are decided anew because an attempt changed between reading and writing."""


class PostgresCollectorStore:
    """`CollectorStore`: each hot method is one or two statements, each its own transaction."""

    def __init__(self, database: Database, specs: SpecCache) -> None:
        self._database = database
        self._ends = EndWriter(specs)

    async def grant_claims(self, claims: Sequence[Claim], now: datetime) -> Sequence[ClaimAnswer]:
        answers: dict[int, ClaimAnswer] = {}
        for wave in _waves([claim.attempt_id for claim in claims]):
            granted = await self._grant([claims[place] for place in wave], now)
            answers.update(zip(wave, granted, strict=True))
        return [answers[place] for place in range(len(claims))]

    async def _grant(self, claims: Sequence[Claim], now: datetime) -> Sequence[ClaimAnswer]:
        """Claims of distinct attempts."""
        rows = [
            (
                *(claim.dag_id, claim.run_id, claim.task_id, claim.map_index, claim.attempt_id),
                *(claim.worker_id, claim.incarnation, claim.nonce),
            )
            for claim in claims
        ]
        found = await self._database.fetch(statement("grant_claims"), now, *_columns(rows))
        alive: list[UUID] = found[0]["alive"] or []
        granted = {row["attempt_id"]: _granted_run(row) for row in found if row["attempt_id"] is not None}
        return [_claim_answer(claim, granted.get(claim.attempt_id), alive) for claim in claims]

    async def record_ends(self, ends: Sequence[AttemptEndRecord], now: datetime) -> Sequence[EndAnswer]:
        answers: dict[int, EndAnswer] = {}
        for wave in _waves([end.attempt_id for end in ends]):
            recorded = await self._record([ends[place] for place in wave], now)
            answers.update(zip(wave, recorded, strict=True))
        return [answers[place] for place in range(len(ends))]

    async def _record(self, ends: Sequence[AttemptEndRecord], now: datetime) -> Sequence[EndAnswer]:
        """Ends of distinct attempts: read, decide, then write if nothing has changed meanwhile."""
        for _ in range(END_RACES_MAX):
            reads = await self._read_reported(ends)
            writes = self._decide(ends, reads, now)
            is_written, dag_ids = await self._write(list(writes.values()), now)
            if is_written:
                answers = [_end_answer(end, reads.get(end.attempt_id), writes.get(end.attempt_id)) for end in ends]
                return [replace(answers[0], asset_dag_ids=dag_ids), *answers[1:]] if dag_ids else answers
        raise StoreUnavailable(f"{len(ends)} ends kept changing while they were recorded")

    async def _write(self, writes: Sequence[EndWrite], now: datetime) -> tuple[bool, tuple[str, ...]]:
        """Ends, with the asset events and requests that they bring in the same transaction; and the DAGs that wait for
        these events."""
        events = [event for write in writes for event in write.asset_events]
        requests = [write.request for write in writes if write.request is not None]
        if not events and not requests:
            return await self._ends.write(self._database, writes, now), ()
        async with self._database.transaction() as session:
            if not await self._ends.write(session, writes, now):
                return False, ()
            await insert_dag_requests(session, requests, now)
            return True, (await write_events(session, events, now)).dag_ids if events else ()

    async def _read_reported(self, ends: Sequence[AttemptEndRecord]) -> Mapping[UUID, ReadAttempt]:
        rows = [(end.dag_id, end.run_id, end.task_id, end.map_index, end.attempt_id) for end in ends]
        found = await self._database.fetch(statement("load_reported_attempts"), *_columns(rows))
        reads = {row["reported_attempt_id"]: read_attempt(row) for row in found}
        await self._ends.load_specs(self._database, [read.dag_version_id for read in reads.values()])
        return reads

    def _decide(
        self, ends: Sequence[AttemptEndRecord], reads: Mapping[UUID, ReadAttempt], now: datetime
    ) -> dict[UUID, EndWrite]:
        return {
            end.attempt_id: self._ends.decide(read, end, now)
            for end in ends
            if (read := reads.get(end.attempt_id)) is not None and _may_end(read, end) and read.row.state in OPEN
        }

    async def record_beats(self, beats: Sequence[WorkerBeat], now: datetime) -> Sequence[BeatAnswer]:
        answers: dict[int, BeatAnswer] = {}
        for wave in _waves([beat.incarnation for beat in beats]):
            staying = [place for place in wave if not beats[place].leaving]
            leaving = [place for place in wave if beats[place].leaving]
            renewed = await self._renew([beats[place] for place in staying], now)
            answers.update(zip(staying, renewed, strict=True))
            answers.update(zip(leaving, await self._let_go([beats[place] for place in leaving]), strict=True))
        return [answers[place] for place in range(len(beats))]

    async def _let_go(self, beats: Sequence[WorkerBeat]) -> Sequence[BeatAnswer]:
        if not beats:
            return ()
        names = ([beat.worker_id for beat in beats], [beat.incarnation for beat in beats])
        await self._database.fetch(statement("delete_leaving_workers"), *names)
        expired = first_uuids(await self._database.fetch(statement("list_expired_workers"), *names))
        return [_beat_answer(beat, Verdict.EXPIRED if beat.incarnation in expired else Verdict.DONE) for beat in beats]

    async def _renew(self, beats: Sequence[WorkerBeat], now: datetime) -> Sequence[BeatAnswer]:
        if not beats:
            return ()
        found = await self._database.fetch(statement("record_beats"), now, *_columns([_beat_row(b) for b in beats]))
        held: dict[UUID, list[Row]] = {}
        for row in found:
            held.setdefault(row["incarnation"], []).append(row)
        lost = await self._mark_missing(beats, held, now)
        return [_staying_answer(beat, held[beat.incarnation], lost) for beat in beats]

    async def _mark_missing(
        self, beats: Sequence[WorkerBeat], held: Mapping[UUID, Sequence[Row]], now: datetime
    ) -> Mapping[UUID, EndedTaskInstance]:
        """Count beats that missed an attempt; end those that were missed too often. Returns the ended, by attempt."""
        marks = {
            row["attempt_id"]: missing
            for beat in beats
            for row in held[beat.incarnation]
            if (missing := _missing_beats(beat, row)) is not None
        }
        if not marks:
            return {}
        lost = [attempt_id for attempt_id, missing in marks.items() if missing >= LOST_AFTER_BEATS]
        async with self._database.transaction() as transaction:
            await transaction.fetch(statement("mark_missing_attempts"), list(marks), list(marks.values()))
            rows = await transaction.fetch(statement("lock_attempts"), lost) if lost else []
            ended = await self._ends.lose(transaction, rows, now)
        return {item.attempt_id: item for item in ended if item.attempt_id is not None}

    async def advance_lease_clock(self, collector_id: UUID, now: datetime, lease: timedelta) -> bool:
        clock = (collector_id, now, lease.total_seconds(), CLOCK_STEP_MAX_SECONDS, CLOCK_GAP_SECONDS)
        values = (*clock, socket.gethostname(), HEARTBEATS_KEPT)
        return await self._database.fetch_value(statement("advance_lease_clock"), *values) is not None


def _waves(keys: Sequence[UUID]) -> Iterable[list[int]]:
    """Places of the keys, in groups that hold no key twice; almost always there is one group."""
    left = list(range(len(keys)))
    while left:
        first: dict[UUID, int] = {}
        for place in left:
            first.setdefault(keys[place], place)
        wave = list(first.values())
        yield wave
        taken = dict.fromkeys(wave)
        left = [place for place in left if place not in taken]


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _claim_answer(claim: Claim, run: GrantedRun | None, alive: Sequence[UUID]) -> ClaimAnswer:
    if claim.incarnation not in alive:
        return ClaimAnswer(attempt_id=claim.attempt_id, verdict=Verdict.EXPIRED)
    verdict = Verdict.SUPERSEDED if run is None else Verdict.DONE
    return ClaimAnswer(attempt_id=claim.attempt_id, verdict=verdict, run=run)


def _granted_run(row: Row) -> GrantedRun:
    return GrantedRun(
        try_number=row["try_number"],
        max_tries=row["max_tries"],
        relative_fileloc=row["relative_fileloc"],
        file_digest=row["file_digest"],
        run_type=row["run_type"],
        logical_date=row["logical_date"],
        data_interval_start=row["data_interval_start"],
        data_interval_end=row["data_interval_end"],
        run_after=row["run_after"],
        dag_run_start_date=row["dag_run_start_date"],
        dag_run_queued_at=row["dag_run_queued_at"],
        triggered_by=row["triggered_by"],
        conf=row["conf"].encode(),
        start_date=row["start_date"],
        next_method=row["next_method"],
        next_kwargs=row["next_kwargs"],
        task_reschedule_count=row["task_reschedule_count"],
        first_start_date=row["first_start_date"],
        triggering_user_name=row["triggering_user_name"],
        partition_key=row["partition_key"],
        partition_date=row["partition_date"],
        bundle_name=row["bundle_name"],
        bundle_version=row["bundle_version"],
        bundle_digest=row["bundle_digest"],
    )


def _may_end(read: ReadAttempt, end: AttemptEndRecord) -> bool:
    """An open attempt of this worker, one that it could not even claim, or the replay of an end of its own."""
    if read.row.attempt_id != end.attempt_id:
        return False
    if read.row.state is TaskInstanceState.QUEUED:
        return end.cause is EndCause.NOT_STARTED and end.outcome is not Outcome.SUCCESS
    is_over = read.cause not in (None, EndCause.WORKER_LOST)
    return read.incarnation == end.incarnation and (read.row.state in OPEN or is_over)


def _end_answer(end: AttemptEndRecord, read: ReadAttempt | None, write: EndWrite | None) -> EndAnswer:
    if read is None or not _may_end(read, end):
        return EndAnswer(attempt_id=end.attempt_id, verdict=Verdict.SUPERSEDED)
    return EndAnswer(
        attempt_id=end.attempt_id,
        verdict=Verdict.DONE,
        id=read.row.id,
        owner=read.owner,
        state=read.row.state if write is None else write.end.state,
        next_action_at=read.row.next_action_at if write is None else write.end.next_action_at,
        map_length=read.row.map_length if write is None else write.effects.map_length,
        skipped=_replayed_skips(end, read) if write is None else write.effects.skipped,
    )


def _replayed_skips(end: AttemptEndRecord, read: ReadAttempt) -> tuple[tuple[str, int], ...]:
    """What the first report asked to be skipped; of an attempt that was stopped for another try, nothing counted."""
    if end.effects is None or read.row.state is TaskInstanceState.NONE:
        return ()
    return end.effects.skipped


def _beat_row(beat: WorkerBeat) -> tuple[object, ...]:
    return (
        *(beat.worker_id, beat.incarnation, storable_text(beat.hostname), beat.pid, beat.kind),
        *("\n".join(beat.queues), beat.concurrency, beat.sequence, len(beat.attempt_ids)),
        *("\n".join(beat.tags), "\n".join(beat.pools), beat.draining),
    )


def _beat_answer(
    beat: WorkerBeat, verdict: Verdict, kill: Sequence[UUID] = (), ended: Sequence[EndedTaskInstance] = ()
) -> BeatAnswer:
    return BeatAnswer(
        worker_id=beat.worker_id,
        incarnation=beat.incarnation,
        verdict=verdict,
        kill=tuple(kill),
        ended=tuple(ended),
    )


def _missing_beats(beat: WorkerBeat, row: Row) -> int | None:
    """What the row's `missing_beats` becomes; None = it stays."""
    if row["attempt_id"] is None or not row["is_renewed"]:
        return None
    if row["attempt_id"] in beat.attempt_ids:
        return 0 if row["missing_beats"] else None
    return row["missing_beats"] + 1 if row["is_overdue"] else None


def _staying_answer(beat: WorkerBeat, held: Sequence[Row], lost: Mapping[UUID, EndedTaskInstance]) -> BeatAnswer:
    if held[0]["is_expired"]:
        return _beat_answer(beat, Verdict.EXPIRED)
    running = {row["attempt_id"]: True for row in held if row["state"] == TaskInstanceState.RUNNING}
    kill = [attempt_id for attempt_id in beat.attempt_ids if attempt_id not in running]
    ended = [lost[row["attempt_id"]] for row in held if row["attempt_id"] in lost]
    return replace(_beat_answer(beat, Verdict.DONE, kill, ended), drain=held[0]["drains"])
