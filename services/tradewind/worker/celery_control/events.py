"""What a worker says unasked, while somebody wants to know: Celery events, for flower and its like.

Sending one is an entry in a list; what has piled up goes out in one piece, without confirms. While nobody has enabled
events there are none.
"""

import asyncio
import os
import platform
from collections import deque
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

import msgspec

from tradewind.core.clock import Clock
from tradewind.wire.envelope import Message
from tradewind.worker.celery_control.logical_clock import LogicalClock
from tradewind.worker.celery_control.mailbox import JSON

EVENTS: Final = "celeryev"
"""Topic exchange."""
HEARTBEAT_SECONDS: Final = 2.0
"""As Celery's; a worker of which nothing is heard for twice as long counts as gone."""

_WAITING_MAX: Final = 10_000
_TASKS_PER_MESSAGE: Final = 200
_encoder: Final = msgspec.json.Encoder()


class EventStream:
    """Events of one worker on their way to the broker; the oldest go first when it is away for long."""

    def __init__(self, *, worker_id: str, logical_clock: LogicalClock, clock: Clock, wanted: bool) -> None:
        self._worker_id = worker_id
        self._logical_clock = logical_clock
        self._clock = clock
        self._pid = os.getpid()
        self._software = {"sw_ident": "tradewind", "sw_ver": version("tradewind"), "sw_sys": platform.system()}
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_WAITING_MAX)
        self.wants_tasks = wanted
        self.arrived = asyncio.Event()
        """Something waits to be sent."""
        self.enabled = asyncio.Event()
        """Set while somebody wants to know."""
        if wanted:
            self.enabled.set()

    def enable(self) -> bool:
        """Somebody wants to know; False = that was so already."""
        changed = not self.wants_tasks
        self.wants_tasks = True
        self.enabled.set()
        return changed

    def disable(self) -> bool:
        """Nobody wants to know any more; False = nobody did."""
        changed = self.wants_tasks
        self.wants_tasks = False
        self.enabled.clear()
        return changed

    def send(self, kind: str, **fields: Any) -> None:
        """One event, dated now."""
        self._waiting.append(
            {
                "type": kind,
                "hostname": self._worker_id,
                "pid": self._pid,
                "clock": self._logical_clock.forward(),
                "timestamp": self._clock().timestamp(),
                **fields,
            }
        )
        self.arrived.set()

    def send_worker(self, kind: str, *, active: int, processed: int) -> None:
        """One event about the worker as a whole."""
        load = [round(load, 2) for load in os.getloadavg()]
        numbers = {"active": active, "processed": processed, "loadavg": load}
        self.send(kind, freq=HEARTBEAT_SECONDS, **numbers, **self._software)

    def take(self) -> list[tuple[str, Message]]:
        """Everything that waits, as messages with their routing keys: events of tasks in lists, as Celery takes them,
        those about the worker one by one."""
        self.arrived.clear()
        events = list(self._waiting)
        self._waiting.clear()
        tasks = [event for event in events if event["type"].startswith("task-")]
        others = [event for event in events if not event["type"].startswith("task-")]
        lists = [tasks[at : at + _TASKS_PER_MESSAGE] for at in range(0, len(tasks), _TASKS_PER_MESSAGE)]
        messages = [("task.multi", self._message(some)) for some in lists]
        return messages + [(event["type"].replace("-", "."), self._message(event)) for event in others]

    def _message(self, body: dict[str, Any] | Sequence[dict[str, Any]]) -> Message:
        return Message(body=_encoder.encode(body), content_type=JSON, headers={"hostname": self._worker_id})
