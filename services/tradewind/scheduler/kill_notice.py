"""Has attempts killed that a decision ended while workers run them (`fail_fast`, a run that took too long)."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tradewind.bus.kills import push_kills
from tradewind.bus.port import Bus
from tradewind.core.batches import RunChanges
from tradewind.core.errors import AdapterError
from tradewind.core.states import TaskInstanceState
from tradewind.db.store import SchedulerStore
from tradewind.service.logging import get_logger

_HELD_STATES: Final = (TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING)


class KillNotice:
    """Asks the store who holds such attempts, and tells them; what is lost, their heartbeats find."""

    def __init__(self, *, bus: Bus, store: SchedulerStore) -> None:
        self._bus = bus
        self._store = store
        self._log = get_logger()

    async def send(self, changes: Sequence[RunChanges]) -> None:
        """After the commit of these changes. Without attempts to kill it asks and sends nothing."""
        ended = killed_attempts(changes)
        if not ended:
            return
        try:
            await push_kills(self._bus, await self._store.attempt_holders(ended))
        except AdapterError as exc:
            self._log.warning("kills.unsent", error=str(exc), attempts=len(ended))


def killed_attempts(changes: Sequence[RunChanges]) -> Sequence[UUID]:
    """Attempts that a worker may be running and that these changes ended."""
    return [
        attempt_id
        for change in changes
        for settled in change.decision.settled
        if settled.before in _HELD_STATES and (attempt_id := change.snapshot.attempt_ids[settled.position]) is not None
    ]
