"""What a supervisor holds: attempts offered, being claimed, running, and ended but not yet answered.

An attempt is in one place at a time and moves forward only. Its slot is taken from the claim until its child has
ended; its end is kept, without a slot, until the collector has given a final answer. All of it is bounded by the
number of slots. A child that goes on after its attempt's end is in overtime: a slot of its own, whatever becomes of
the end.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Final
from uuid import UUID

from tradewind.core.rows import Verdict
from tradewind.core.states import EndCause
from tradewind.task_runner.launcher import RunningAttempt
from tradewind.wire.messages import EndEffects, Grant, TaskFinished, TaskInstanceKey

_UNLIMITED: Final = 1_000_000
_ENDS_MARGIN: Final = 16
_ENDS_MAX: Final = 10_000
_ENDS_MAX_BYTES: Final = 64 * 1024 * 1024


def _never(_key: TaskInstanceKey) -> bool:
    return False


class Settlement(StrEnum):
    """What becomes of an offer; whoever made it may forget its message after any but the last."""

    CLAIMED = "claimed"
    SUPERSEDED = "superseded"
    """Another attempt or worker is current."""
    DUPLICATE = "duplicate"
    """The same attempt was offered before and is held."""
    HANDED_BACK = "handed_back"
    """Not taken: somebody else may have it."""


def _ignore_end(finished: TaskFinished, verdict: str) -> None:
    """Nobody waits for this end."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Offer:
    """An attempt that may be run here, if it is granted."""

    key: TaskInstanceKey
    attempt_id: UUID
    relative_fileloc: str
    settle: Callable[[Settlement], None]
    """Called exactly once; must not block."""
    ended: Callable[[TaskFinished, str], None] = _ignore_end
    """Called with the end and the collector's final verdict on it; must not block."""
    mark_success: bool = False
    """It ends as success as soon as it is granted, without a child."""


@dataclass(slots=True, kw_only=True, eq=False)
class Attempt:
    """A granted attempt whose child has not ended."""

    offer: Offer
    incarnation: UUID
    grant: Grant
    child: RunningAttempt | None = None
    kill_cause: EndCause | None = None
    kill_grace_seconds: float = 0.0
    overtime_seconds: float = 0.0
    """How long its child may go on after its end."""
    is_void: bool = False
    """Its incarnation was given up: its end is nobody's business."""

    def kill(self, cause: EndCause, grace_seconds: float) -> None:
        """End its child. The first cause stands."""
        if self.kill_cause is None:
            self.kill_cause = cause
            self.kill_grace_seconds = grace_seconds
        if self.child is not None:
            self.child.kill(grace_seconds)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptEnd:
    """An end that waits for its final answer."""

    offer: Offer
    incarnation: UUID
    finished: TaskFinished

    @property
    def size_bytes(self) -> int:
        """Roughly what it takes in memory and in a message."""
        xcoms = sum(len(key) + len(value) for key, value in self.finished.xcoms)
        effects = 0 if self.finished.effects is None else _effects_bytes(self.finished.effects)
        return 512 + len(self.finished.log) + xcoms + len(self.finished.rendered_fields or b"") + effects


def _effects_bytes(effects: EndEffects) -> int:
    deferral = effects.deferral
    waiting = 0 if deferral is None else len(deferral.kwargs) + len(deferral.next_kwargs)
    return waiting + sum(map(len, effects.asset_events)) + len(effects.human_input or b"") + 64 * len(effects.skipped)


@dataclass(slots=True, kw_only=True)
class Roster:
    """All that one supervisor holds. Loops wait for its events."""

    incarnation: UUID
    concurrency: int
    """Slots; 0 = no limit."""
    hand_back_after_seconds: float = 1.0
    async_concurrency: int = 0
    """Further slots, for coroutine tasks that run side by side in one process."""
    is_for_lane: Callable[[TaskInstanceKey], bool] = _never
    """Whether a task is such a one, as far as is known."""
    registered: asyncio.Event = field(default_factory=asyncio.Event)
    """The collector knows this incarnation: claims may be made."""
    work: asyncio.Event = field(default_factory=asyncio.Event)
    """Something waits, and there is a slot for it."""
    room: asyncio.Event = field(default_factory=asyncio.Event)
    """A slot is free."""
    freed: asyncio.Event = field(default_factory=asyncio.Event)
    """A slot came free since somebody last looked."""
    saturated: asyncio.Event = field(default_factory=asyncio.Event)
    """Offers have waited for a slot for too long: others had better have them."""
    reports: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends wait to be sent."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Something ended or was answered; for whoever waits for emptiness."""
    waiting: dict[UUID, Offer] = field(default_factory=dict[UUID, Offer])
    claiming: dict[UUID, Offer] = field(default_factory=dict[UUID, Offer])
    doomed: dict[UUID, None] = field(default_factory=dict[UUID, None])
    """Of those being claimed, what is to be killed should the grant be on its way."""
    running: dict[UUID, Attempt] = field(default_factory=dict[UUID, Attempt])
    ending: dict[UUID, Attempt] = field(default_factory=dict[UUID, Attempt])
    """Their child has ended; the last of their log is under way."""
    overtime: dict[UUID, Attempt] = field(default_factory=dict[UUID, Attempt])
    """Their end is on its way or answered, their child still calls callbacks."""
    unsent: dict[UUID, KeptEnd] = field(default_factory=dict[UUID, KeptEnd])
    sent: dict[UUID, KeptEnd] = field(default_factory=dict[UUID, KeptEnd])
    is_closed: bool = False
    """No more offers are taken."""
    _in_lane: dict[UUID, None] = field(default_factory=dict[UUID, None])
    """Those that hold a slot for coroutine tasks."""
    _is_lane_short: bool = False
    """Such tasks were handed back for want of a slot."""
    _ends_bytes: int = 0
    _saturation_timer: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self._update()

    @property
    def free_slots(self) -> int:
        """How many more attempts may be claimed now."""
        slots = self.concurrency or _UNLIMITED
        return max(0, min(slots - self.busy_slots, self._ends_room))

    @property
    def busy_slots(self) -> int:
        """Slots in use, those of coroutine tasks not counted."""
        return len(self.claiming) + len(self.running) + len(self.overtime) - len(self._in_lane)

    @property
    def waiting_for_slots(self) -> int:
        """Attempts that wait for such a one."""
        if self.async_concurrency == 0:
            return len(self.waiting)
        return sum(not self.is_for_lane(offer.key) for offer in self.waiting.values())

    @property
    def waiting_for_lane(self) -> int:
        """Coroutine tasks that wait for theirs."""
        return len(self.waiting) - self.waiting_for_slots

    @property
    def free_lane_slots(self) -> int:
        """Likewise of coroutine tasks, besides those."""
        return max(0, min(self.async_concurrency - len(self._in_lane), self._ends_room))

    @property
    def _ends_room(self) -> int:
        if self._ends_bytes > _ENDS_MAX_BYTES:
            return 0
        slots = (self.concurrency or _UNLIMITED) + self.async_concurrency
        busy = len(self.claiming) + len(self.running) + len(self.overtime)
        return min(2 * slots + _ENDS_MARGIN, _ENDS_MAX) - busy - self.kept_ends

    @property
    def is_idle(self) -> bool:
        """Nothing is being claimed or run."""
        return not (self.claiming or self.running or self.overtime)

    @property
    def kept_ends(self) -> int:
        """Ends without a final answer."""
        return len(self.ending) + len(self.unsent) + len(self.sent)

    @property
    def held_attempts(self) -> tuple[UUID, ...]:
        """What a heartbeat names: granted to this incarnation and not finally answered."""
        attempts = {**self.running, **self.ending}
        granted = (attempt_id for attempt_id, attempt in attempts.items() if not attempt.is_void)
        return (*granted, *self.unsent, *self.sent)

    def add(self, offers: Iterable[Offer]) -> None:
        """Take offers in; those of attempts that are held already, or that come too late, are settled at once."""
        for offer in offers:
            if self._holds(offer.attempt_id):
                offer.settle(Settlement.DUPLICATE)
            elif self.is_closed:
                offer.settle(Settlement.HANDED_BACK)
            else:
                self.waiting[offer.attempt_id] = offer
        self._update()

    def take_claimable(self) -> list[Offer]:
        """Everything that waits, as far as there are slots; it is being claimed from now on."""
        others, for_lane = self._claimable()
        self._in_lane.update((offer.attempt_id, None) for offer in for_lane)
        taken = [*others, *for_lane]
        for offer in taken:
            self.claiming[offer.attempt_id] = self.waiting.pop(offer.attempt_id)
        self._update()
        return taken

    def _claimable(self) -> tuple[list[Offer], list[Offer]]:
        """What waits and has a slot: of processes, of the lane."""
        if self.async_concurrency == 0:
            return list(islice(self.waiting.values(), self.free_slots)), []
        others = (offer for offer in self.waiting.values() if not self.is_for_lane(offer.key))
        for_lane = (offer for offer in self.waiting.values() if self.is_for_lane(offer.key))
        return list(islice(others, self.free_slots)), list(islice(for_lane, self.free_lane_slots))

    def _has_claimable(self, free: int) -> bool:
        if self.async_concurrency == 0 or not self.waiting:
            return bool(self.waiting) and free > 0
        return any(self._claimable())

    def unclaim(self, offer: Offer) -> None:
        """It was not answered and is to be claimed anew."""
        del self.claiming[offer.attempt_id]
        self.doomed.pop(offer.attempt_id, None)
        self._in_lane.pop(offer.attempt_id, None)
        self.add((offer,))

    def start(self, offer: Offer, grant: Grant) -> Attempt:
        """It was granted to the present incarnation."""
        del self.claiming[offer.attempt_id]
        attempt = Attempt(offer=offer, incarnation=self.incarnation, grant=grant)
        self.running[offer.attempt_id] = attempt
        offer.settle(Settlement.CLAIMED)
        self._update()
        return attempt

    def refuse(self, offer: Offer) -> None:
        """It is another's."""
        del self.claiming[offer.attempt_id]
        self.doomed.pop(offer.attempt_id, None)
        self._in_lane.pop(offer.attempt_id, None)
        offer.settle(Settlement.SUPERSEDED)
        self.freed.set()
        self._update()

    def free_slot(self, attempt: Attempt) -> None:
        """Its child has ended; its end follows."""
        self.ending[attempt.offer.attempt_id] = self.running.pop(attempt.offer.attempt_id)
        self._in_lane.pop(attempt.offer.attempt_id, None)
        self.freed.set()
        self._update()

    def begin_overtime(self, attempt: Attempt, seconds: float) -> None:
        """Its end follows, its child goes on for so long at most."""
        attempt.overtime_seconds = seconds
        self.overtime[attempt.offer.attempt_id] = attempt
        self.ending[attempt.offer.attempt_id] = self.running.pop(attempt.offer.attempt_id)
        self._update()

    def end_overtime(self, attempt: Attempt) -> None:
        """Its child is gone."""
        del self.overtime[attempt.offer.attempt_id]
        self._in_lane.pop(attempt.offer.attempt_id, None)
        self.freed.set()
        self._update()

    def keep_end(self, attempt: Attempt, finished: TaskFinished) -> None:
        """Keep it until it is answered; the end of a void attempt is forgotten."""
        del self.ending[finished.attempt_id]
        if not attempt.is_void:
            end = KeptEnd(offer=attempt.offer, incarnation=attempt.incarnation, finished=finished)
            self.unsent[finished.attempt_id] = end
            self._ends_bytes += end.size_bytes
        self._update()

    def take_unsent(self, max_bytes: int, max_items: int) -> list[KeptEnd]:
        """Ends for one message, all of one incarnation; at least one if there is any."""
        taken: list[KeptEnd] = []
        size = 0
        for attempt_id in list(self.unsent)[:max_items]:
            end = self.unsent[attempt_id]
            size += end.size_bytes
            if taken and (size > max_bytes or end.incarnation != taken[0].incarnation):
                break
            self.sent[attempt_id] = self.unsent.pop(attempt_id)
            taken.append(end)
        self._update()
        return taken

    def replace_end(self, end: KeptEnd, finished: TaskFinished) -> KeptEnd:
        """Report this instead of what was sent in vain."""
        other = KeptEnd(offer=end.offer, incarnation=end.incarnation, finished=finished)
        self.sent[finished.attempt_id] = other
        self._ends_bytes += other.size_bytes - end.size_bytes
        return other

    def drop_end(self, end: KeptEnd) -> None:
        """It has its final answer, or will never have one."""
        if self.sent.pop(end.finished.attempt_id, None) is None:
            self.unsent.pop(end.finished.attempt_id, None)
        self._ends_bytes -= end.size_bytes
        self.freed.set()
        self._update()

    def hand_back(self, offers: Iterable[Offer]) -> int:
        """Settle those of them that still wait as handed back; returns how many."""
        waiting = [offer for offer in offers if self.waiting.get(offer.attempt_id) is offer]
        for offer in waiting:
            self._is_lane_short = self._is_lane_short or (self.async_concurrency > 0 and self.is_for_lane(offer.key))
            del self.waiting[offer.attempt_id]
            offer.settle(Settlement.HANDED_BACK)
        self._update()
        return len(waiting)

    def close(self) -> None:
        """Take no more, and hand back what waits."""
        self.is_closed = True
        self.hand_back(list(self.waiting.values()))

    def set_concurrency(self, concurrency: int) -> None:
        """Slots from now on; 0 = no limit. What runs beyond them runs to its end."""
        if concurrency > self.concurrency or concurrency == 0:
            self.freed.set()
        self.concurrency = concurrency
        self._update()

    def renew(self, incarnation: UUID) -> list[Attempt]:
        """Go on under another incarnation. What ran under the old one is void, its ends are forgotten: the store has
        ended them all. Returns the attempts whose children are to be killed."""
        self.incarnation = incarnation
        self.registered.clear()
        for end in [*self.unsent.values(), *self.sent.values()]:
            self.drop_end(end)
            end.offer.ended(end.finished, Verdict.SUPERSEDED)
        for attempt in [*self.running.values(), *self.ending.values()]:
            attempt.is_void = True
        return list(self.running.values())

    def _saturate(self) -> None:
        """What can be claimed now, because more is known of its task by now, is no reason."""
        self._update()
        if not self.work.is_set():
            self.saturated.set()

    def _holds(self, attempt_id: UUID) -> bool:
        places = (self.waiting, self.claiming, self.running, self.ending, self.overtime, self.unsent, self.sent)
        return any(attempt_id in place for place in places)

    def _update(self) -> None:
        free = self.free_slots
        _put(self.work, self._has_claimable(free))
        _put(self.reports, bool(self.unsent))
        self._is_lane_short = self._is_lane_short and self.free_lane_slots == 0
        _put(self.room, free > 0 and not self._is_lane_short)
        self.changed.set()
        if self.waiting and not self.work.is_set():
            if self._saturation_timer is None:
                loop = asyncio.get_running_loop()
                self._saturation_timer = loop.call_later(self.hand_back_after_seconds, self._saturate)
        else:
            self.saturated.clear()
            if self._saturation_timer is not None:
                self._saturation_timer.cancel()
                self._saturation_timer = None


def _put(event: asyncio.Event, value: bool) -> None:
    if value:
        event.set()
    else:
        event.clear()
