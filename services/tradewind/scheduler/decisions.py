"""The loop that decides: everything that has arrived, over any number of runs, is one transaction and one publication.

A turn starts queued runs, reads the runs that are not in memory, asks the core what follows, allocates slots and
commits. Where the store answers that runs have changed meanwhile, those are read and decided again; where a limit has
less room than thought, slots are allocated again. Both are bounded: what is still contended then is left to the sweep.
After a failure nothing in memory about the runs concerned is trusted: they are read again by the next turn.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from tradewind.core.batches import RunChanges, apply, decision_batch, run_changes
from tradewind.core.clock import Clock, IdFactory
from tradewind.core.decide import decide, decide_loaded
from tradewind.core.decisions import NOTHING, RunDecision
from tradewind.core.errors import AdapterError
from tradewind.core.gates import Outside
from tradewind.core.rows import Committed, EndAcknowledged, SlotsRefused, StaleRuns, TaskInstanceId
from tradewind.core.slots import Pick
from tradewind.core.snapshot import RunSnapshot
from tradewind.db.store import SchedulerStore, StoreUnavailable
from tradewind.scheduler.allocation import Allocator
from tradewind.scheduler.dispatch import DispatchOutbox, queued_task_instance
from tradewind.scheduler.inbox import Inbox, Work
from tradewind.scheduler.kill_notice import KillNotice
from tradewind.scheduler.past import PastRuns, waiting_for_past
from tradewind.scheduler.request_notice import RequestNotice
from tradewind.scheduler.run_cache import RunCache
from tradewind.scheduler.settings import SchedulerLimits
from tradewind.scheduler.slots_freed import SlotsFreedNotice
from tradewind.scheduler.timers import Timers
from tradewind.service.backoff import Backoff, Jitter
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.messages import QueuedTaskInstance


@dataclass(slots=True)
class Turned:
    """What one turn did."""

    started_runs: int = 0
    queued: int = 0
    ended_runs: int = 0
    contended: int = 0
    """Commits that the store refused, and that were decided again."""


class DecisionLoop:
    """The only writer of this scheduler's memory."""

    def __init__(
        self,
        *,
        scheduler_id: UUID,
        inbox: Inbox,
        store: SchedulerStore,
        cache: RunCache,
        allocator: Allocator,
        timers: Timers,
        outbox: DispatchOutbox,
        freed: SlotsFreedNotice,
        kills: KillNotice,
        requests: RequestNotice,
        past: PastRuns,
        limits: SchedulerLimits,
        clock: Clock,
        new_id: IdFactory,
        jitter: Jitter,
        telemetry: "DecisionTelemetry",
    ) -> None:
        self._scheduler_id = scheduler_id
        self._inbox = inbox
        self._store = store
        self._cache = cache
        self._allocator = allocator
        self._timers = timers
        self._outbox = outbox
        self._freed = freed
        self._kills = kills
        self._requests = requests
        self._past = past
        self._limits = limits
        self._clock = clock
        self._new_id = new_id
        self._jitter = jitter
        self._telemetry = telemetry
        self._evicted: dict[int, bool] = {}
        """Owned runs that are not in memory; True = with tasks that wait for room, of which no event will tell."""
        self.is_unsure = False
        """Runs may have become ours without our knowing: a reply of the store was lost. The sweep looks."""
        self._log = get_logger(loop="decisions", scheduler_id=str(scheduler_id))

    async def run(self, stop: asyncio.Event) -> None:
        """Decide until `stop`; the turn under way is finished first."""
        failures, backoff = 0, Backoff()
        while True:
            await self._inbox.wait(self._timers.seconds_to_next(self._clock()))
            if stop.is_set():
                return
            try:
                await self.run_once(self._clock())
                failures = 0
            except StoreUnavailable as exc:
                failures += 1
                self._log.warning("store.unavailable", error=str(exc), failures=failures)
                if await pause(stop, backoff.delay_seconds(failures, self._jitter())):
                    return

    async def run_once(self, now: datetime) -> Turned:
        """Do everything that has arrived or is due; raises `StoreUnavailable`, and the work is kept then."""
        work = self._inbox.take()
        for dag_run_id, positions in self._timers.take_due(now).items():
            work.due.setdefault(dag_run_id, []).extend(positions)
        turned = Turned()
        try:
            with self._telemetry.turns.turn():
                await self._do(work, now, turned)
        except StoreUnavailable:
            self._inbox.restore(work)
            raise
        await self._settle(work)
        self._telemetry.show(turned, waiting=len(self._allocator), timers=len(self._timers))
        return turned

    def take_evicted(self, limit: int) -> Sequence[int]:
        """Runs with waiting tasks that had no room in memory: the sweep lets some of them be read again."""
        return [dag_run_id for dag_run_id, is_waiting in self._evicted.items() if is_waiting][:limit]

    async def _do(self, work: Work, now: datetime, turned: Turned) -> None:
        await self._start_runs(work, now, turned)
        if work.refresh_capacity:
            self._allocator.learn(None)
        decisions = await self._decide(work, now)
        for dag_run_id in work.unpublished:
            self._republish(dag_run_id)
        for ti_id in work.unclaimed:
            self._republish(ti_id.dag_run_id, ti_id)
        if decisions or len(self._allocator):
            await self._commit(decisions, now, work, turned)
        self._evict()

    async def _start_runs(self, work: Work, now: datetime, turned: Turned) -> None:
        if work.dag_ids:
            started = await self._start(tuple(work.dag_ids), now, work)
            if len(started) == self._limits.runs_per_batch:
                self._inbox.start(tuple(work.dag_ids))
            work.dag_ids.clear()
            turned.started_runs += len(started)
        if work.start_any:
            started = await self._start(None, now, work)
            if len(started) == self._limits.runs_per_batch:
                self._inbox.start_any()
            work.start_any = False
            turned.started_runs += len(started)
            self._telemetry.missed_runs.inc(len(started))

    async def _start(self, dag_ids: Sequence[str] | None, now: datetime, work: Work) -> Sequence[int]:
        try:
            started = await self._store.start_dag_runs(self._scheduler_id, dag_ids, now, self._limits.runs_per_batch)
        except StoreUnavailable:
            self.is_unsure = True
            raise
        work.reload.update(dict.fromkeys(started))
        return started

    async def _decide(self, work: Work, now: datetime) -> dict[int, RunDecision]:
        heard = dict.fromkeys((*work.ends, *work.due, *(ti_id.dag_run_id for ti_id in work.unclaimed)))
        known = {run_id: found for run_id in heard if (found := self._cache.get(run_id)) and run_id not in work.reload}
        unheard_of = [run_id for run_id in work.owned if run_id not in self._cache and run_id not in self._evicted]
        work.unpublished.update(dict.fromkeys(unheard_of))
        unknown = (run_id for run_id in heard if run_id not in known)
        await self._allocator.refresh_capacity()
        decisions = await self._load((*work.reload, *unknown, *unheard_of), now)
        known |= {
            dag_run_id: found for dag_run_id in self._past.waiting(work) if (found := self._cache.get(dag_run_id))
        }
        known = {dag_run_id: snapshot for dag_run_id, snapshot in known.items() if dag_run_id not in decisions}
        asked = await self._ask(list(known.values()), partial(self._decide_known, work, now))
        return decisions | asked

    def _decide_known(self, work: Work, now: datetime, snapshot: RunSnapshot, outside: Outside) -> RunDecision:
        due = [*work.due.get(snapshot.run.id, ()), *waiting_for_past(snapshot)]
        return decide(snapshot, work.ends.get(snapshot.run.id, ()), due, now, outside)

    async def _ask(
        self, snapshots: Sequence[RunSnapshot], rule: Callable[[RunSnapshot, Outside], RunDecision]
    ) -> dict[int, RunDecision]:
        """Decide these runs; those that depend on their past once more, when the store has said what became of it."""
        pools = self._allocator.deferring_pools
        decisions = {snapshot.run.id: rule(snapshot, Outside(deferring_pools=pools)) for snapshot in snapshots}
        asking = [(snapshot, decisions[snapshot.run.id]) for snapshot in snapshots]
        # More than one round: a task that its past lets through may, if nothing would run, let another ask.
        while asking := [(snapshot, decision) for snapshot, decision in asking if decision.asks_past]:
            answers = await self._past.ask(asking)
            for snapshot, decision in asking:
                past = {**decision.past, **answers[snapshot.run.id]}
                decisions[snapshot.run.id] = rule(snapshot, Outside(past=past, deferring_pools=pools))
            asking = [(snapshot, decisions[snapshot.run.id]) for snapshot, _ in asking]
        return decisions

    async def _load(self, dag_run_ids: Sequence[int], now: datetime) -> dict[int, RunDecision]:
        """Read runs and decide them whole. A run that is not returned is not ours to decide any more."""
        if not dag_run_ids:
            return {}
        wanted = tuple(dict.fromkeys(dag_run_ids))
        for dag_run_id in wanted:
            self._allocator.forget(dag_run_id)
        snapshots = await self._cache.load(wanted)
        for dag_run_id in wanted:
            self._evicted.pop(dag_run_id, None)
        return await self._ask(snapshots, lambda snapshot, outside: decide_loaded(snapshot, now, outside))

    async def _commit(self, decisions: dict[int, RunDecision], now: datetime, work: Work, turned: Turned) -> None:
        touched = dict.fromkeys(decisions)
        try:
            self._enter(decisions)
            for attempt in range(1, self._limits.commit_attempts + 1):
                await self._allocator.refresh()
                is_last = attempt == self._limits.commit_attempts
                picks = () if is_last else self._allocator.allocate(_acknowledged(decisions))
                touched.update(dict.fromkeys(pick.ready.dag_run_id for pick in picks))
                if await self._commit_once(decisions, picks, now, turned):
                    return
            # Others were faster each time: let them; the sweep reads these runs again.
            for dag_run_id in touched:
                self._forget(dag_run_id, is_waiting=True)
        except StoreUnavailable:
            self._allocator.learn(None)
            for dag_run_id in touched:
                self._forget(dag_run_id, is_waiting=True)
            work.reload.update(touched)
            work.unpublished.update(touched)
            raise

    async def _commit_once(
        self, decisions: dict[int, RunDecision], picks: Sequence[Pick], now: datetime, turned: Turned
    ) -> bool:
        changes = self._changes(decisions, picks)
        writing = [change for change in changes if change.writes]
        if not writing:
            self._apply(changes, Committed(), turned)
            return True
        batch = decision_batch(self._scheduler_id, now, writing)
        match await self._store.commit_decisions(batch):
            case Committed() as committed:
                self._apply(changes, committed, turned)
                await self._past.tell(writing)
                await self._past.tell_paused(committed.paused_dag_ids)
                await self._kills.send(writing)
                await self._requests.send(len(batch.requests))
                await self._freed.send(writing, committed.capacity)
                return True
            case SlotsRefused(capacity=capacity):
                self._allocator.put_back(picks)
                self._allocator.learn(capacity)
            case StaleRuns(dag_run_ids=stale):
                self._allocator.put_back(picks)
                await self._read_again(stale, decisions, now)
        turned.contended += 1
        return False

    async def _read_again(self, stale: Sequence[int], decisions: dict[int, RunDecision], now: datetime) -> None:
        for dag_run_id in stale:
            decisions.pop(dag_run_id, None)
        loaded = await self._load(stale, now)
        self._enter(loaded)
        decisions.update(loaded)

    def _enter(self, decisions: Mapping[int, RunDecision]) -> None:
        for dag_run_id, decision in decisions.items():
            self._allocator.enter(self._cache.use(dag_run_id), decision)

    def _changes(self, decisions: Mapping[int, RunDecision], picks: Sequence[Pick]) -> Sequence[RunChanges]:
        queued: dict[int, dict[int, UUID]] = {dag_run_id: {} for dag_run_id in decisions}
        for pick in picks:
            queued.setdefault(pick.ready.dag_run_id, {})[pick.ready.position] = self._new_id()
        return [
            self._run_changes(dag_run_id, decisions.get(dag_run_id, NOTHING), positions)
            for dag_run_id, positions in queued.items()
        ]

    def _run_changes(self, dag_run_id: int, decision: RunDecision, queued: Mapping[int, UUID]) -> RunChanges:
        deferred = {each.position: self._new_id() for each in decision.deferred}
        return run_changes(self._cache.use(dag_run_id), decision, queued, deferred)

    def _apply(self, changes: Sequence[RunChanges], committed: Committed, turned: Turned) -> None:
        if committed.capacity is not None:
            self._allocator.learn(committed.capacity)
        messages: list[QueuedTaskInstance] = []
        for change in changes:
            apply(change)
            messages.extend(_messages(change))
            for timer in change.decision.timers:
                self._timers.set(change.snapshot.run.id, timer.position, timer.at)
            self._allocator.sync(change.snapshot)
            self._past.note(change.snapshot)
            if change.decision.state is not None:
                self._end_run(change, turned)
        self._outbox.add(messages)
        turned.queued += len(messages)

    def _end_run(self, change: RunChanges, turned: Turned) -> None:
        run, state = change.snapshot.run, change.decision.state
        self._forget(run.id, is_waiting=False)
        self._evicted.pop(run.id, None)
        self._inbox.start((run.dag_id,))
        turned.ended_runs += 1
        self._log.info("dag_run.ended", dag_id=run.dag_id, run_id=run.run_id, state=str(state))

    def _forget(self, dag_run_id: int, *, is_waiting: bool) -> None:
        self._cache.drop(dag_run_id)
        is_waiting = self._past.forget(dag_run_id) or is_waiting
        self._allocator.forget(dag_run_id)
        self._evicted[dag_run_id] = is_waiting

    def _evict(self) -> None:
        for dag_run_id in self._cache.shrink():
            self._forget(dag_run_id, is_waiting=self._allocator.has_waiting(dag_run_id))

    def _republish(self, dag_run_id: int, id_: TaskInstanceId | None = None) -> None:
        snapshot = self._cache.get(dag_run_id)
        if snapshot is None:
            return
        position = None if id_ is None else snapshot.find(id_)
        wanted = range(len(snapshot.states)) if id_ is None else [] if position is None else [position]
        items = [item for each in wanted if (item := queued_task_instance(snapshot, each)) is not None]
        if id_ is not None and not items:
            self._inbox.reload([dag_run_id])  # a person queued it, and nobody told us
        self._outbox.add(items)

    async def _settle(self, work: Work) -> None:
        for batch in work.batches:
            try:
                await batch.ack()
            except AdapterError as exc:
                self._log.warning("bus.unavailable", sending="ack", error=str(exc))


def _acknowledged(decisions: Mapping[int, RunDecision]) -> Sequence[EndAcknowledged]:
    return [ack for decision in decisions.values() for ack in decision.acknowledged]


def _messages(change: RunChanges) -> Sequence[QueuedTaskInstance]:
    found = (queued_task_instance(change.snapshot, position) for position in change.queued)
    return [item for item in found if item is not None]


class DecisionTelemetry:
    """What the decision loop shows of itself."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.turns = telemetry.loop("decisions")
        self.missed_runs = telemetry.counter("missed_runs_total", "Queued DAG runs that a sweep found")
        self._queued = telemetry.counter("queued_total", "Attempts queued")
        self._started = telemetry.counter("started_runs_total", "DAG runs started")
        self._ended = telemetry.counter("ended_runs_total", "DAG runs ended")
        self._contended = telemetry.counter("contended_total", "Commits refused and decided again")
        self._waiting = telemetry.gauge("waiting_tasks", "Ready task instances that wait for room")
        self._timers = telemetry.gauge("timers", "Task instances that wait for a time")

    def show(self, turned: Turned, *, waiting: int, timers: int) -> None:
        self._queued.inc(turned.queued)
        self._started.inc(turned.started_runs)
        self._ended.inc(turned.ended_runs)
        self._contended.inc(turned.contended)
        self._waiting.set(waiting)
        self._timers.set(timers)
