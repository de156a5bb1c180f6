"""The store ports: what each service may ask of the one truth.

Two adapters pass one behavioural suite (`tests/integration/test_store.py`): `PostgresStore`, which services run on,
and `MemoryStore`, which the simulation runs on. Every method is one transaction. Every method may raise
`StoreUnavailable`; nothing was written then, or it was and doing it again changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from tradewind.core.assets import AssetRuns
from tradewind.core.by_hand.values import HandQueueing, HandRule
from tradewind.core.dag_requests import DagRequest
from tradewind.core.deadlines import RunDeadlines, RunWithoutDeadlines
from tradewind.core.errors import AdapterError
from tradewind.core.gates import Past, PastQuestion
from tradewind.core.partitions.asked import MappedEvent
from tradewind.core.revisions import Revised, RevisionRule
from tradewind.core.rows import (
    AttemptEndRecord,
    AttemptHolder,
    BeatAnswer,
    Capacity,
    Claim,
    ClaimAnswer,
    CommitResult,
    DagFileParse,
    DagFileRow,
    DecisionBatch,
    EndAnswer,
    EndedTaskInstance,
    LimitedTask,
    LoadedRun,
    TaskInstanceId,
    WorkerBeat,
)
from tradewind.core.spec import DagSpec
from tradewind.core.timetables.due import CreatedRuns, DueDag, NextRunTimes, RunCreation
from tradewind.core.timetables.values import NextRun
from tradewind.core.triggers import DueTrigger, TriggerAnswer, TriggerOutcome, WaitingTrigger


class StoreUnavailable(AdapterError):
    """The database cannot be reached, or broke the transaction off (deadlock, serialisation, shutdown)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class SchedulerStore(Protocol):
    """What the scheduler asks."""

    async def renew_scheduler(self, scheduler_id: UUID, now: datetime) -> bool:
        """Register or renew this scheduler's lease; False = it has been taken for dead: own nothing, take a new id."""
        ...

    async def retire_scheduler(self, scheduler_id: UUID) -> None:
        """Graceful end: give up all runs at once (`owner` becomes null) and remove the lease."""
        ...

    async def expire_schedulers(self, now: datetime, lease: timedelta) -> Sequence[UUID]:
        """Remove schedulers whose lease (measured on the lease clock) ran out; their runs lose their owner."""
        ...

    async def start_dag_runs(
        self, scheduler_id: UUID, dag_ids: Sequence[str] | None, now: datetime, limit: int
    ) -> Sequence[int]:
        """Queued runs of these DAGs (None: of all) become `running`, owned by this scheduler, oldest first, as far as
        each DAG's `max_active_runs` allows and only where the DAG is not paused. One transaction, DAG rows locked
        first. Returns the runs' ids; none for a scheduler without a lease (`renew_scheduler` comes first)."""
        ...

    async def adopt_dag_runs(self, scheduler_id: UUID, limit: int) -> Sequence[int]:
        """Running runs that have no owner become this scheduler's, with a higher epoch. Returns their ids; none for a
        scheduler without a lease."""
        ...

    async def owned_dag_runs(self, scheduler_id: UUID) -> Sequence[int]:
        """Running runs that this scheduler owns. Asked now and then, and after a lost reply to `start_dag_runs` or
        `adopt_dag_runs`, whose runs would be nobody's otherwise."""
        ...

    async def load_dag_runs(self, scheduler_id: UUID, dag_run_ids: Sequence[int]) -> Sequence[LoadedRun]:
        """Those of the runs that this scheduler owns and that are running, each with its task instances."""
        ...

    async def load_dag_specs(self, dag_version_ids: Sequence[UUID]) -> Mapping[UUID, DagSpec]: ...

    async def load_capacity(self) -> Capacity: ...

    async def commit_decisions(self, batch: DecisionBatch) -> CommitResult:
        """Apply a batch whole or not at all. Lock order: the `failing` DAGs, the `limited` tasks (advisory), dag_run
        (checked: owner, epoch, revision, running), task instances, pools in key order, parallelism. Entering `queued`
        sets queued_at and published_at to `batch.now` and publish_count to 1; `scheduled` sets scheduled_at; an end by
        the scheduler (skipped, upstream_failed, success of an empty operator) sets start_date (if unset) and end_date.
        A DAG whose latest runs have all failed, as many as its limit, is paused."""
        ...

    async def count_active(self, tasks: Sequence[tuple[str, str]]) -> Sequence[int]:
        """How many instances of each (dag_id, task_id) are active over all runs, in the order asked."""
        ...

    async def load_past(self, questions: Sequence[PastQuestion]) -> Sequence[Past]:
        """What became of tasks in the run before theirs, in the order asked."""
        ...

    async def pending_dag_runs(self, scheduler_id: UUID, older_than: datetime) -> Sequence[int]:
        """Sweep: owned runs that hold an end recorded before this time which nobody decided upon."""
        ...

    async def take_unclaimed(
        self,
        scheduler_id: UUID,
        now: datetime,
        first_after: timedelta,
        limit: int,
        *,
        claimed_within: timedelta | None = None,
    ) -> Sequence[TaskInstanceId]:
        """Sweep: queued task instances of owned runs whose message was published longer ago than `first_after`
        doubled per publication (at most 30 min); their published_at becomes `now`, publish_count + 1.
        Left out are those that only wait their turn: an attempt that runs was claimed from the same queue within
        `claimed_within`, and was published no later. None = all are taken for lost."""
        ...

    async def expire_workers(self, now: datetime, lease: timedelta) -> Sequence[EndedTaskInstance]:
        """Reap workers whose lease (on the lease clock) ran out: lock and tombstone the worker's row, then end each of
        its running attempts by `core.ends` as WORKER_LOST, in one transaction per call."""
        ...

    async def attempt_holders(self, attempt_ids: Sequence[UUID]) -> Sequence[AttemptHolder]:
        """Which workers hold these attempts, ended or not; those that were never claimed, or have made way for
        another attempt, are left out."""
        ...

    async def recount_slots(self) -> Mapping[str, int]:
        """Recount `used` of every pool and of parallelism under lock; returns the drift found (what is held less what
        was recorded) by name, 0 left out."""
        ...


class RunCreationStore(Protocol):
    """What the scheduler asks to make runs by time."""

    async def due_dags(self, now: datetime, limit: int) -> Sequence[DueDag]:
        """DAGs whose next run is due, those due longest first: not paused, stale or with import errors, and with fewer
        active runs (backfills do not count) than their `max_active_runs`."""
        ...

    async def next_run_times(self, now: datetime) -> NextRunTimes:
        """When the next run of any such DAG is due after `now`, and whether one is due already."""
        ...

    async def create_scheduled_runs(self, creations: Sequence[RunCreation], now: datetime) -> CreatedRuns:
        """One transaction: compare each DAG's next run and version with what was seen, set the next run, insert the
        runs, `queued`. A DAG that is not as it was seen is left as it is; a run that exists already is passed over."""
        ...

    async def runs_without_deadlines(self, limit: int) -> Sequence[RunWithoutDeadlines]:
        """Queued and running runs of DAGs that have deadlines, of which it is not known when they are due."""
        ...

    async def variable_values(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """The values of these variables, encrypted as they are kept; unknown ones are left out."""
        ...

    async def set_deadlines(self, deadlines: Sequence[RunDeadlines], now: datetime) -> None:
        """Say when these runs are due, once; asking again changes nothing."""
        ...

    async def miss_deadlines(self, now: datetime, limit: int) -> int:
        """Deadlines that are over: of runs that were not, request their callbacks; forget them all. Returns how many
        were missed. A run that ended well before its deadline has met it."""
        ...

    async def complete_backfills(self, now: datetime) -> Sequence[int]:
        """Mark backfills complete of which no run is queued or running; returns their ids."""
        ...


class DagRequestStore(Protocol):
    """What the dag processor asks to have authors' code answer outside of any task."""

    async def take_dag_requests(self, now: datetime, lease: timedelta, limit: int) -> Sequence[DagRequest]:
        """Requests that nobody holds, those that have waited longest first; nobody else gets them during the lease."""
        ...

    async def set_next_run(self, request: DagRequest, run: NextRun | None) -> bool:
        """Answer a `NEXT_RUN` request: set the DAG's next run, remove the request. False = it began anew meanwhile, or
        is gone: nothing was written."""
        ...

    async def answer_partition_request(self, request: DagRequest, answers: Mapping[int, MappedEvent]) -> bool:
        """Answer a `MAP_PARTITIONS` request: put what was said with the events (by id) that are in the DAG's queue
        still, which counts as not looked at; remove the request. False = it is gone: nothing was written."""
        ...

    async def set_run_weights(self, request: DagRequest, weights: Mapping[str, tuple[int, ...]]) -> int | None:
        """Answer a `RUN_WEIGHTS` request: keep the weights with the run, whose revision is raised, and show them with
        its task instances; remove the request. Returns the run; None if it is over, or the request gone."""
        ...

    async def finish_dag_request(self, request: DagRequest) -> None:
        """Remove the request, unless it began anew."""
        ...

    async def postpone_dag_request(self, request: DagRequest, until: datetime) -> None:
        """Let nobody take the request before then, unless it began anew."""
        ...


class CollectorStore(Protocol):
    """What the collector asks."""

    async def grant_claims(self, claims: Sequence[Claim], now: datetime) -> Sequence[ClaimAnswer]:
        """queued → running where the attempt is current and the worker's incarnation alive (registered by a beat and
        not tombstoned; otherwise EXPIRED); answers in order. XComs of earlier attempts are removed. The identical
        (attempt, incarnation, nonce) is granted again with the same answer."""
        ...

    async def record_ends(self, ends: Sequence[AttemptEndRecord], now: datetime) -> Sequence[EndAnswer]:
        """running (or restarting; or queued, if it could not even be claimed: NOT_STARTED) → what
        `core.ends.end_of_attempt` says, with XComs, log tail, rendered fields and `end_pending`, in one transaction.
        A finished try is copied to the history when it will be tried again.
        Replays answer DONE; an attempt that is not current answers SUPERSEDED and writes nothing."""
        ...

    async def record_beats(self, beats: Sequence[WorkerBeat], now: datetime) -> Sequence[BeatAnswer]:
        """Register workers and renew their leases. An attempt of the list that is not running under this worker is
        answered in `kill`. A running attempt of this worker, claimed more than a lease ago and missing from two
        heartbeats in a row, ends WORKER_LOST."""
        ...

    async def advance_lease_clock(self, collector_id: UUID, now: datetime, lease: timedelta) -> bool:
        """Elect and tick: one collector adds the seconds since its last tick, at most 1; after a gap over 3 s it
        starts a full lease of silence in which nothing ages. True = this collector is the elected one."""
        ...


class AssetStore(Protocol):
    """What the scheduler asks about runs that assets make."""

    async def asset_dag_ids(self, older_than: datetime, after: str, limit: int) -> Sequence[str]:
        """Sweep: DAGs, in order from behind `after` on, that may get runs and in whose queue an event waits since
        before this time."""
        ...

    async def create_asset_runs(self, dag_id: str, now: datetime) -> AssetRuns:
        """Look at a DAG's queue, in one transaction with the DAG locked: if its condition is met and it has fewer
        active runs than it may, a run uses up the queue; a partitioned DAG gets a run for each partition that is
        complete. A queue of a DAG that waits for no assets is emptied. Nothing happens for a DAG that is paused, stale,
        has import errors or does not exist."""
        ...


class DagStore(Protocol):
    """What the dag processor asks."""

    async def write_dag_files(self, parses: Sequence[DagFileParse], now: datetime) -> Sequence[str]:
        """A batch of parses, in one transaction: per file as `write_dag_file`, or with a stacktrace as
        `write_import_error` (with both, the specs are written, the error is recorded, and DAGs that are not in the
        specs are left as they were), and the file's dependencies are kept. Files are written in the order given.
        Returns the ids of the DAGs that changed. This is what the dag processor calls."""
        ...

    async def load_dag_files(self) -> Sequence[DagFileRow]:
        """Every file ever parsed and not retired, by relative_fileloc."""
        ...

    async def record_service_heartbeat(self, service: str, instance: UUID, now: datetime) -> None:
        """Upsert the instance's row of `service_heartbeat`, and remove rows of this service over a day old."""
        ...

    async def write_dag_file(
        self, relative_fileloc: str, file_digest: str, specs: Sequence[DagSpec], now: datetime
    ) -> Sequence[str]:
        """A good parse: upsert the file's DAGs (new ones paused unless the spec says otherwise), add a version where
        the structure changed, remove the file's import error, mark DAGs that left the file as stale. Returns the
        ids of the DAGs that changed."""
        ...

    async def write_import_error(self, relative_fileloc: str, file_digest: str, stacktrace: str, now: datetime) -> None:
        """A failed parse: record it; the file's DAGs keep their last good version."""
        ...

    async def retire_dag_files(self, present: Sequence[str], now: datetime) -> Sequence[str]:
        """After a complete listing: DAGs and import errors of files that are gone become stale or go. Returns the ids
        of DAGs made stale."""
        ...

    async def load_file_digests(self) -> Mapping[str, str]:
        """relative_fileloc → digest of the content that was last parsed, good or bad."""
        ...


class TriggererStore(Protocol):
    """What the triggerer asks."""

    async def renew_triggerer(self, triggerer_id: UUID, hostname: str, capacity: int, now: datetime) -> bool:
        """Register or renew this triggerer's lease. True = it was registered: it is new, or was taken for dead and
        owns nothing any more."""
        ...

    async def retire_triggerer(self, triggerer_id: UUID) -> None:
        """Graceful end: its triggers become anybody's at once."""
        ...

    async def expire_triggerers(self, lease: timedelta) -> Sequence[UUID]:
        """Remove triggerers whose lease (measured on the lease clock) ran out; their triggers become anybody's."""
        ...

    async def take_triggers(
        self, triggerer_id: UUID, limit: int, queues: Sequence[str] | None = None
    ) -> Sequence[WaitingTrigger]:
        """At most `limit` triggers that nobody runs become this triggerer's, oldest first: those of these queues, or
        (None) those of no queue. None without a lease (`renew_triggerer` comes first)."""
        ...

    async def keep_triggers(self, triggerer_id: UUID) -> Sequence[int]:
        """Ids of all triggers that are this triggerer's. Those whose task instance waits no more, because a person or
        a rule ended it, are removed first."""
        ...

    async def release_triggers(self, triggerer_id: UUID, trigger_ids: Sequence[int]) -> None:
        """Those of these triggers that are this triggerer's become anybody's."""
        ...

    async def due_triggers(self, triggerer_id: UUID, now: datetime, limit: int) -> Sequence[DueTrigger]:
        """Waits whose timeout is over, of tasks and of people, the longest due first: this triggerer's own, and those
        that nobody runs."""
        ...

    async def fire_triggers(self, outcomes: Sequence[TriggerOutcome], now: datetime) -> Sequence[TriggerAnswer]:
        """deferred or awaiting_input → as the outcome says, with `end_pending`, XComs and log, in one transaction;
        the trigger's row goes. Answers in order; of two outcomes of one trigger the first counts. Left alone (`RETRY`)
        while the run's owner has not decided upon the deferral; a trigger that nobody waits for is `SUPERSEDED`, and
        its row goes."""
        ...


class PeopleStore(Protocol):
    """What people do to runs. Selecting, deleting and showing are the API's own questions."""

    async def read_dag_runs(self, dag_run_ids: Sequence[int]) -> Sequence[LoadedRun]:
        """The runs, in whatever state, with all their task instances: what a rule would be asked about."""
        ...

    async def revise_dag_runs(self, dag_run_ids: Sequence[int], rule: RevisionRule, now: datetime) -> Revised:
        """Lock the runs and their task instances, ask the rule, write what it says; an error of the rule writes
        nothing. Lock order: dag_run, task instances, pools in key order, parallelism. The revision of each revised
        run is raised, triggers and slots of what is voided go, kept tries are copied to the history."""
        ...


class HandStore(Protocol):
    """Running one task instance by hand."""

    async def queue_by_hand(
        self, dag_run_id: int, limited: LimitedTask | None, rule: HandRule, now: datetime
    ) -> HandQueueing:
        """Lock the run and its task instances, ask the rule, queue the attempt that it names: slots are taken in the
        same transaction, the run's revision is raised, and one that had ended goes on. Raises what the rule raises, and
        `NoRoom` if pool, `parallelism` or the limit over all runs have filled up meanwhile; nothing is written then."""
        ...
