"""Which child runs which trigger. All share one, but for those whose code is of another version of a bundle: those of
one version share another. A trigger that blocks its loop, or ends its process, gets one of its own, and the others go
on.

A loop that is blocked cannot be told anything. So the trigger that blocks keeps the child, with all that it has done so
far, and the others are started anew in a fresh one; the blocked child is told to let go of them, which it does, if
ever it comes round again. Whose step it is that takes so long stands in the child's cell (`loop_cell`).
"""

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from msgspec import structs

from tradewind.core.states import TaskInstanceState
from tradewind.core.triggers import (
    TriggerOutcome,
    WaitingTrigger,
    WatchedEvent,
    ended,
    ended_by_worker,
    failed,
    resumed,
)
from tradewind.service.backoff import Backoff, Jitter
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.triggerer.child_process import TriggerChild
from tradewind.triggerer.loop_cell import NOBODY
from tradewind.triggerer.protocol import (
    ChildReady,
    ChildSetup,
    FromChild,
    Roots,
    RunTrigger,
    StopTrigger,
    TriggerFailed,
    TriggerFired,
    TriggerStopped,
)

STEADY_SECONDS: Final = 10.0
"""A child that lived for this long had started well."""
WATCHES_PER_BLOCK: Final = 8
IDLE_SECONDS: Final = 30.0
"""How long the process of a bundle's version waits for further triggers of it."""
STUCK_FACTOR: Final = 5
"""A loop that has not come round for this many times `block_seconds`, with no trigger to blame, is given up."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that is to run, and which waiting task it is for (None: a watcher)."""

    request: RunTrigger
    trigger: WaitingTrigger | None


_STATES: Final = {state.value: state for state in TaskInstanceState}


class Places(Protocol):
    """Where triggers are run."""

    @property
    def running(self) -> Sequence[int]:
        """Ids of the triggers that run."""
        ...

    @property
    def watching(self) -> Sequence[int]:
        """Ids of the watchers that run."""
        ...

    def start(self, request: RunTrigger, trigger: WaitingTrigger) -> None:
        """Run a trigger; one that runs already goes on."""
        ...

    def stop(self, trigger_id: int, *, by_person: bool) -> None:
        """End a trigger that nobody waits for."""
        ...


class Placement:
    """The children, and what each runs."""

    def __init__(
        self,
        *,
        setup: ChildSetup,
        report: Callable[[TriggerOutcome], None],
        report_watched: Callable[[WatchedEvent], None],
        block_seconds: float,
        isolated_max: int,
        jitter: Jitter,
        telemetry: Telemetry,
    ) -> None:
        self._setup = setup
        self._report = report
        self._report_watched = report_watched
        self._block_seconds = block_seconds
        self._isolated_max = isolated_max
        self._jitter = jitter
        self._entries: dict[int, Entry] = {}
        """What is to run, by the numbers of its starts."""
        self._running: dict[int, int] = {}
        """Trigger → number of its start."""
        self._watching: dict[int, int] = {}
        """Watcher → number of its start."""
        self._starts = 0
        self._shared = {setup.roots: TriggerChild(setup, self._hear)}
        """By the folders of their code; that of all others stays, one of a version ends when it has been idle."""
        self._idle_since: dict[Roots, float] = {}
        self._isolated: dict[int, TriggerChild] = {}
        self._group: asyncio.TaskGroup | None = None
        self._is_stopping = False
        self._backoff, self._failures = Backoff(cap_seconds=10.0), 0
        self._telemetry = PlacementTelemetry(telemetry, self)
        self._log = get_logger(loop="triggers")

    @property
    def running(self) -> Sequence[int]:
        """Ids of the triggers that run."""
        return tuple(self._running)

    @property
    def watching(self) -> Sequence[int]:
        """Ids of the watchers that run."""
        return tuple(self._watching)

    @property
    def isolated(self) -> int:
        """How many triggers have a process of their own."""
        return len(self._isolated)

    @property
    def is_ready(self) -> bool:
        """Whether triggers run at once when they are started."""
        return self._shared[self._setup.roots].is_ready

    @property
    def roots(self) -> Sequence[Roots]:
        """The code that processes run."""
        return tuple(child.setup.roots for child in (*self._shared.values(), *self._isolated.values()))

    def start(self, request: RunTrigger, trigger: WaitingTrigger, roots: Roots | None = None) -> None:
        """Run a trigger; one that runs already goes on. `roots`: where its code is, if not where all look for it."""
        if trigger.id not in self._running:
            self._running[trigger.id] = self._start(request, trigger, self._setup.roots if roots is None else roots)

    def stop(self, trigger_id: int, *, by_person: bool) -> None:
        """End a trigger that nobody waits for."""
        number = self._running.pop(trigger_id, None)
        if number is not None:
            self._stop(StopTrigger(number, by_person))

    def watch(self, watcher_id: int, request: RunTrigger) -> None:
        """Run a watcher, until it is stopped."""
        if watcher_id not in self._watching:
            self._watching[watcher_id] = self._start(request, None, self._setup.roots)

    def stop_watching(self, watcher_id: int) -> None:
        """End a watcher."""
        number = self._watching.pop(watcher_id, None)
        if number is not None:
            self._stop(StopTrigger(number))

    def _start(self, request: RunTrigger, trigger: WaitingTrigger | None, roots: Roots) -> int:
        self._starts += 1
        numbered = structs.replace(request, id=self._starts)
        self._entries[numbered.id] = Entry(numbered, trigger)
        if roots not in self._shared:
            self._shared[roots] = TriggerChild(structs.replace(self._setup, roots=roots), self._hear)
            self._launch(self._shared[roots])
        self._shared[roots].start(numbered)
        return numbered.id

    def _stop(self, request: StopTrigger) -> None:
        self._entries.pop(request.id, None)
        trigger_id, by_person = request.id, request.by_person
        own = self._isolated.get(trigger_id)
        if own is None:
            for child in self._shared.values():
                child.stop(request)
        elif by_person and own.read_cell().step_seconds < self._block_seconds:
            own.stop(request)  # and its process ends when it has said that it stopped
        else:
            own.triggers.pop(trigger_id, None)
            own.kill()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep children running and watch them, until `stop`."""
        async with asyncio.TaskGroup() as group:
            self._group, self._is_stopping = group, False
            for child in self._shared.values():
                self._launch(child)
            watch = group.create_task(self._watch(), name="trigger-watchdog")
            await stop.wait()
            self._is_stopping = True
            watch.cancel()
            for child in (*self._shared.values(), *self._isolated.values()):
                child.end()
        self._group = None

    def _launch(self, child: TriggerChild, delay_seconds: float = 0.0) -> None:
        if self._group is not None:
            self._group.create_task(self._live(child, delay_seconds), name="trigger-child")

    async def _live(self, child: TriggerChild, delay_seconds: float) -> None:
        await child.wait(delay_seconds)
        if self._is_stopping:
            child.cell.close()
            return
        began = asyncio.get_running_loop().time()
        exit_code = await child.run()
        if asyncio.get_running_loop().time() - began > STEADY_SECONDS:
            self._failures = 0
        if self._is_stopping:
            return
        if child is self._shared.get(child.setup.roots):
            self._replace_dead(child, exit_code)
        elif child.blocker is not None:
            self._let_go(child, child.blocker, exit_code)

    def _replace_dead(self, child: TriggerChild, exit_code: int) -> None:
        """The process of all is gone: whoever's step it was goes on alone, if it was anybody's."""
        self._telemetry.lost.inc()
        self._log.error("triggers.child_ended", exit_code=exit_code)
        self._failures += 1
        self._replace_shared(child, child.last_step, self._backoff.delay_seconds(self._failures, self._jitter()))
        culprit = child.triggers.get(child.last_step)
        if culprit is not None:
            self._isolate(culprit, child.setup, f"ended its process: {_exit_text(exit_code)}")

    def _replace_shared(self, child: TriggerChild, culprit: int, delay_seconds: float) -> None:
        """A fresh child for all triggers of this one, but for the culprit."""
        self._shared[child.setup.roots] = fresh = TriggerChild(child.setup, self._hear)
        for request in child.triggers.values():
            if request.id != culprit:
                fresh.start(request)
        self._launch(fresh, delay_seconds)

    def _isolate(self, request: RunTrigger, setup: ChildSetup, why: str) -> None:
        """Run it again, in a process of its own, if there may be one more."""
        if len(self._isolated) >= self._isolated_max:
            self._fail(request.id, why)
            return
        child = TriggerChild(setup, self._hear)
        child.blocker = request.id
        self._isolated[request.id] = child
        child.start(request)
        self._launch(child)

    def _let_go(self, child: TriggerChild, blocker: int, exit_code: int) -> None:
        """A trigger's own process has ended, by its end or before it."""
        if self._isolated.get(blocker) is child:
            del self._isolated[blocker]
        if blocker in child.triggers:
            self._fail(blocker, f"ended its process: {_exit_text(exit_code)}")

    def _fail(self, number: int, why: str) -> None:
        entry = self._entries.get(number)
        if entry is None:
            return
        if entry.trigger is None:
            # It stays ours, and stands still, until it changes or another triggerer takes it.
            self._log.error("watcher.given_up", watcher=entry.request.task_id, reason=why)
            return
        self._forget(number, entry.trigger)
        self._report(failed(entry.trigger.id, [f"The trigger {why}"]))

    def _forget(self, number: int, trigger: WaitingTrigger) -> None:
        self._entries.pop(number, None)
        self._running.pop(trigger.id, None)

    async def _watch(self) -> None:
        while True:
            # With nothing to run, only the loop itself might get stuck.
            await asyncio.sleep(self._block_seconds / (WATCHES_PER_BLOCK if self._entries else 1))
            for child in list(self._shared.values()):
                if child.is_ready:
                    self._look_at(child)
                self._retire_if_idle(child)

    def _look_at(self, child: TriggerChild) -> None:
        reading = child.read_cell()
        if reading.trigger_id != NOBODY and reading.step_seconds > self._block_seconds:
            self._part_with_blocker(child, reading.trigger_id, reading.step_seconds)
        elif reading.beat_age_seconds > STUCK_FACTOR * self._block_seconds:
            self._log.error("triggers.loop_stuck", seconds=round(reading.beat_age_seconds, 3))
            child.kill()

    def _retire_if_idle(self, child: TriggerChild) -> None:
        """The process of a version that has had nothing to run for a while ends."""
        roots, now = child.setup.roots, asyncio.get_running_loop().time()
        if child.triggers or roots == self._setup.roots:
            self._idle_since.pop(roots, None)
        elif now - self._idle_since.setdefault(roots, now) > IDLE_SECONDS:
            del self._idle_since[roots]
            self._shared.pop(roots).end()

    def _part_with_blocker(self, child: TriggerChild, trigger_id: int, seconds: float) -> None:
        """This trigger keeps the child that it blocks; all others get a fresh one."""
        self._telemetry.blocked.inc()
        blocker = child.triggers.get(trigger_id)
        names = {} if blocker is None else _names(blocker)
        self._log.error("trigger.blocked", seconds=round(seconds, 3), **names)
        is_one_too_many = len(self._isolated) >= self._isolated_max
        if blocker is None or is_one_too_many:
            # It was stopped, or has fired, and does not come to its end; or there is no room for one more such process.
            self._replace_shared(child, trigger_id, 0.0)
            child.blocker, child.triggers = trigger_id, {}
            child.kill()
            self._fail(
                trigger_id, f"blocked the event loop for {seconds:.1f} s, and {self._isolated_max} others do too"
            )
            return
        self._replace_shared(child, trigger_id, 0.0)
        child.blocker = trigger_id
        self._isolated[trigger_id] = child
        for other in list(child.triggers):
            if other != trigger_id:
                child.stop(StopTrigger(other))

    def _hear(self, child: TriggerChild, message: FromChild) -> None:
        if isinstance(message, ChildReady):
            return
        entry = self._entries.get(message.id) if message.id in child.triggers else None
        if entry is not None and entry.trigger is None and not isinstance(message, TriggerStopped):
            self._hear_watcher(message, entry.request)
            return
        if child.blocker == message.id:
            child.end()
        if entry is None:
            return  # it was stopped, or moved, meanwhile
        del child.triggers[message.id]
        if entry.trigger is None:
            self._fail(message.id, "cancelled itself")
        else:
            self._forget(message.id, entry.trigger)
            self._report(outcome_of(message, entry.trigger))

    def _hear_watcher(self, message: TriggerFired | TriggerFailed, watcher: RunTrigger) -> None:
        match message:
            case TriggerFired():
                self._report_watched(WatchedEvent(watcher_id=watcher.trigger_id, payload=message.event))
            case TriggerFailed():
                error = "\n".join(message.traceback)
                self._log.error("watcher.failed", watcher=watcher.task_id, classpath=watcher.classpath, error=error)


def outcome_of(message: TriggerFired | TriggerFailed | TriggerStopped, trigger: WaitingTrigger) -> TriggerOutcome:
    """What a waiting task instance does by what its trigger said."""
    match message:
        case TriggerFired():
            state, log = _STATES.get(message.state), message.log or None
            if state is TaskInstanceState.SCHEDULED:
                return resumed(trigger.id, trigger.next_kwargs, message.event, log)
            if state is None:
                return failed(trigger.id, [f"The trigger ended the task as {message.state!r}"], log)
            end = ended_by_worker if trigger.is_ended_by_worker else ended
            return end(trigger.id, state, message.xcoms, log)
        case TriggerFailed():
            return failed(trigger.id, message.traceback, message.log or None)
        case TriggerStopped():
            return failed(trigger.id, ["The trigger cancelled itself"])


def _names(request: RunTrigger) -> dict[str, object]:
    return {
        "trigger_id": request.trigger_id,
        "classpath": request.classpath,
        "dag_id": request.dag_id,
        "run_id": request.run_id,
        "task_id": request.task_id,
        "map_index": request.map_index,
    }


def _exit_text(exit_code: int) -> str:
    return f"exit code {exit_code}" if exit_code >= 0 else signal.Signals(-exit_code).name


class PlacementTelemetry:
    """What the children count."""

    def __init__(self, telemetry: Telemetry, placement: Placement) -> None:
        self.blocked = telemetry.counter("blocked_total", "Triggers that blocked the event loop of all")
        self.lost = telemetry.counter("children_lost_total", "Processes of triggers that ended by themselves")
        telemetry.gauge("running", "Triggers that run").set_function(lambda: len(placement.running))
        telemetry.gauge("isolated", "Triggers in processes of their own").set_function(lambda: placement.isolated)
