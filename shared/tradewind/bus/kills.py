"""Tells workers that attempts which they run are over: a person or a rule has ended them.

Whoever ends a claimed attempt by another way than its worker's own report calls this after the commit. The worker ends
the child (its operator's `on_kill` runs) within moments. Nothing rests on the message: the attempt is fenced off by
the row already, and a worker that did not hear is told by the answer to its next heartbeat.
"""

from collections.abc import Sequence
from uuid import UUID

from tradewind.bus.port import Bus, Message
from tradewind.core.rows import AttemptHolder
from tradewind.wire.codec import encode
from tradewind.wire.messages import KillAttempts
from tradewind.wire.queues import worker_queue


async def push_kills(bus: Bus, holders: Sequence[AttemptHolder]) -> None:
    """One `KillAttempts` per worker, sent without confirm; raises `BusUnavailable`."""
    by_worker: dict[str, list[UUID]] = {}
    for holder in holders:
        by_worker.setdefault(holder.worker_id, []).append(holder.attempt_id)
    for worker_id, attempts in by_worker.items():
        message = Message(body=encode(KillAttempts(attempts=tuple(attempts))))
        await bus.publish(worker_queue(worker_id), [message], confirm=False)
