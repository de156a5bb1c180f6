"""What a worker holds and has done, attempt by attempt, in the words of Celery."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from tradewind.bus.port import Delivery
from tradewind.core.clock import Clock
from tradewind.core.rows import Verdict
from tradewind.core.states import EndCause, Outcome
from tradewind.task_runner.supervising.attempts import Settlement
from tradewind.wire.celery import TASK_NAME, CeleryTask
from tradewind.wire.messages import TaskFinished

_MAX_REPR_CHARACTERS: Final = 1024
_WAITING: Final = (Outcome.DEFERRED, Outcome.RESCHEDULED, Outcome.AWAITING_INPUT)


@dataclass(slots=True, kw_only=True)
class HeldTask:
    """An attempt between its message and its end."""

    task: CeleryTask
    queue: str
    priority: int
    redelivered: bool
    received_at: float
    """Seconds since 1970, as Celery has it."""
    started_at: float | None = None
    """When its claim was granted; None: it waits for that."""

    def info(self, worker_id: str, pid: int | None, *, safe: bool = False) -> dict[str, Any]:
        """As `celery inspect active` shows it; `safe`: the arguments as text."""
        args = [list(self.task.command)]
        return {
            "id": str(self.task.attempt_id),
            "name": TASK_NAME,
            "args": args_text(self.task) if safe else args,
            "kwargs": "{}" if safe else {},
            "type": TASK_NAME,
            "hostname": worker_id,
            "time_start": self.started_at,
            "acknowledged": self.started_at is not None,
            "delivery_info": {
                "exchange": "",
                "routing_key": self.queue,
                "priority": self.priority,
                "redelivered": self.redelivered,
            },
            "worker_pid": pid,
        }


def args_text(task: CeleryTask) -> str:
    """The arguments as Celery shows them to people."""
    text = f"({list(task.command)!r},)"
    return text if len(text) <= _MAX_REPR_CHARACTERS else text[: _MAX_REPR_CHARACTERS - 1] + "…"


class EventSink(Protocol):
    """Takes events of tasks."""

    @property
    def wants_tasks(self) -> bool:
        """Whether anybody wants to know."""
        ...

    def send(self, kind: str, **fields: Any) -> None:
        """Must not block."""
        ...


class Ledger:
    """Told by the intake of everything that happens to an attempt. It holds as much as the intake and the supervisor
    do: an entry goes when its message is given back or its end is answered."""

    def __init__(self, events: EventSink, clock: Clock) -> None:
        self._events = events
        self._clock = clock
        self.held: dict[UUID, HeldTask] = {}
        self.started_count = 0

    @property
    def active(self) -> list[HeldTask]:
        """What runs, or has ended and waits for its end's answer."""
        return [held for held in self.held.values() if held.started_at is not None]

    @property
    def reserved(self) -> list[HeldTask]:
        """What waits for a slot or for its grant."""
        return [held for held in self.held.values() if held.started_at is None]

    def find(self, attempt_ids: Iterable[UUID]) -> list[HeldTask]:
        """Those of them that are held."""
        return [self.held[attempt_id] for attempt_id in attempt_ids if attempt_id in self.held]

    def receive(self, task: CeleryTask, delivery: Delivery) -> None:
        """A message came; of an attempt that is held already it changes nothing."""
        if task.attempt_id in self.held:
            return
        self.held[task.attempt_id] = HeldTask(
            task=task,
            queue=delivery.queue,
            priority=delivery.message.priority,
            redelivered=delivery.redelivered,
            received_at=self._clock().timestamp(),
        )
        if self._events.wants_tasks:
            self._events.send("task-received", **_received(task))

    def settle(self, attempt_id: UUID, settlement: Settlement) -> None:
        """What became of an offer."""
        held = self.held.get(attempt_id)
        if held is None or settlement is Settlement.DUPLICATE:
            return
        if settlement is not Settlement.CLAIMED:
            del self.held[attempt_id]
            if self._events.wants_tasks:
                requeue = settlement is Settlement.HANDED_BACK
                self._events.send("task-rejected", uuid=str(attempt_id), requeue=requeue)
            return
        held.started_at = self._clock().timestamp()
        self.started_count += 1
        if self._events.wants_tasks:
            self._events.send("task-started", uuid=str(attempt_id))

    def end(self, finished: TaskFinished, verdict: str) -> None:
        """The collector has given its final verdict on an end."""
        held = self.held.pop(finished.attempt_id, None)
        if held is None or not self._events.wants_tasks:
            return
        runtime = self._clock().timestamp() - (held.started_at or held.received_at)
        kind, fields = _ended(finished, verdict, runtime)
        self._events.send(kind, uuid=str(finished.attempt_id), **fields)


def _received(task: CeleryTask) -> dict[str, Any]:
    attempt_id = str(task.attempt_id)
    return {
        "uuid": attempt_id,
        "name": TASK_NAME,
        "args": args_text(task),
        "kwargs": "{}",
        "root_id": attempt_id,
        "parent_id": None,
        "retries": max(0, task.key.try_number - 1),
        "eta": None,
        "expires": None,
    }


def _ended(finished: TaskFinished, verdict: str, runtime_seconds: float) -> tuple[str, dict[str, Any]]:
    """The kind of event that says this end best, and what it says."""
    if verdict != Verdict.DONE or finished.cause is EndCause.CANCELLED:
        return "task-revoked", {"terminated": True, "signum": None, "expired": False}
    if finished.outcome in (Outcome.SUCCESS, Outcome.SKIPPED):
        return "task-succeeded", {"result": f"'{finished.outcome}'", "runtime": runtime_seconds}
    if finished.outcome in _WAITING:
        return "task-retried", {"exception": f"'{finished.outcome}'", "traceback": None}
    text = finished.detail or str(finished.cause)
    return "task-failed", {"exception": text, "traceback": f"{finished.cause}: {text}"}
