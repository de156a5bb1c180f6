"""The worker as remote control sees it: what may be asked of it and what may be changed."""

import asyncio
from dataclasses import dataclass

from yarl import URL

from tradewind.task_runner.supervising.supervisor import Supervisor
from tradewind.worker.autoscale import AutoscaleLoop
from tradewind.worker.celery_control.events import EventStream
from tradewind.worker.celery_control.ledger import Ledger
from tradewind.worker.celery_control.logical_clock import LogicalClock
from tradewind.worker.intakes import QueueIntakes
from tradewind.worker.settings import WorkerSettings


class CommandRefused(Exception):
    """The command is not carried out; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlledWorker:
    """One worker with all that its remote control touches."""

    worker_id: str
    """Unique; what answers and events are signed with."""
    name: str
    """What people call it; several workers may share it."""
    broker: URL
    settings: WorkerSettings
    supervisor: Supervisor
    intakes: QueueIntakes
    autoscale: AutoscaleLoop | None
    """None: the slots stay as they are until somebody changes them."""
    ledger: Ledger
    events: EventStream
    logical_clock: LogicalClock
    stop: asyncio.Event
    """Set to make it leave."""

    def say(self, kind: str) -> None:
        """One event about the worker as a whole."""
        self.events.send_worker(kind, active=len(self.ledger.active), processed=self.ledger.started_count)
