"""A store in memory, for the simulation: the same ports and the same answers as Postgres, nothing kept.

Each method is atomic because none awaits anything, and deterministic: only dictionaries and lists are iterated.
"""

from collections.abc import Sequence

from tradewind.db.assets.memory_store import MemoryAssetStore
from tradewind.db.bundles.memory import MemoryBundleStore
from tradewind.db.memory.by_hand import MemoryHandStore
from tradewind.db.memory.collector import MemoryCollectorStore
from tradewind.db.memory.dag_requests import MemoryDagRequestStore
from tradewind.db.memory.dags import MemoryDagStore
from tradewind.db.memory.deadlines import MemoryDeadlineStore
from tradewind.db.memory.parse_requests import MemoryParseRequests
from tradewind.db.memory.run_creation import MemoryRunCreationStore
from tradewind.db.memory.scheduler import MemorySchedulerStore
from tradewind.db.memory.stored_values import MemoryStoredValues
from tradewind.db.memory.tables import (
    DagRunTableRow,
    JournalEntry,
    MemoryTables,
    TaskInstanceTableRow,
)
from tradewind.db.memory.triggerer import MemoryTriggererStore
from tradewind.db.watchers.memory import MemoryWatcherStore


class MemoryStore(
    MemorySchedulerStore,
    MemoryRunCreationStore,
    MemoryDeadlineStore,
    MemoryCollectorStore,
    MemoryDagStore,
    MemoryDagRequestStore,
    MemoryTriggererStore,
    MemoryWatcherStore,
    MemoryHandStore,
    MemoryAssetStore,
    MemoryBundleStore,
    MemoryStoredValues,
    MemoryParseRequests,
):
    """Every port. `tables` may be read by tests at any time."""

    @property
    def journal(self) -> Sequence[JournalEntry]:
        """Every change of state of a task instance or run, in order."""
        return self.tables.journal

    @property
    def dag_runs(self) -> Sequence[DagRunTableRow]:
        """All runs, in the order in which they were created."""
        return list(self.tables.dag_runs.values())

    def task_instances(self, dag_run_id: int) -> Sequence[TaskInstanceTableRow]:
        """The run's task instances, by key."""
        return self._rows(dag_run_id)


__all__ = ["JournalEntry", "MemoryStore", "MemoryTables"]
