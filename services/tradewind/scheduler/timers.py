"""When which task is to be looked at again: retries and re-dispatches that are not due yet."""

from datetime import datetime
from heapq import heappop, heappush


class Timers:
    """A heap; setting a task's timer anew replaces the old one."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, int]] = []
        self._at: dict[tuple[int, int], datetime] = {}

    def __len__(self) -> int:
        return len(self._at)

    def set(self, dag_run_id: int, position: int, at: datetime) -> None:
        """Let the task be due at this time."""
        key = (dag_run_id, position)
        if self._at.get(key) != at:
            self._at[key] = at
            heappush(self._heap, (at, dag_run_id, position))

    def take_due(self, now: datetime) -> dict[int, list[int]]:
        """Positions that are due, by run; their timers are gone."""
        due: dict[int, list[int]] = {}
        while self._heap and self._heap[0][0] <= now:
            at, dag_run_id, position = heappop(self._heap)
            if self._at.get((dag_run_id, position)) == at:
                del self._at[(dag_run_id, position)]
                due.setdefault(dag_run_id, []).append(position)
        return due

    def seconds_to_next(self, now: datetime) -> float | None:
        """How long until the earliest timer; None = there is none."""
        return max(0.0, (self._heap[0][0] - now).total_seconds()) if self._heap else None
