"""Runs and DAG versions in memory: two least-recently-used caches with a limit in bytes."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from tradewind.core.errors import DomainError
from tradewind.core.rows import LoadedRun
from tradewind.core.snapshot import DagPlan, RunSnapshot
from tradewind.db.store import SchedulerStore
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry


class _Sized(Protocol):
    @property
    def size_bytes(self) -> int: ...


KeyT = TypeVar("KeyT", bound=Hashable)
SizedT = TypeVar("SizedT", bound=_Sized)


class ByteLru(Generic[KeyT, SizedT]):
    """Values by key, the least recently used ones dropped by `shrink` once all together are larger than the limit."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._values: OrderedDict[KeyT, SizedT] = OrderedDict()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[KeyT]:
        return iter(self._values)

    def get(self, key: KeyT) -> SizedT | None:
        """The value, which counts as used."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def peek(self, key: KeyT) -> SizedT | None:
        """The value, without counting as use."""
        return self._values.get(key)

    def put(self, key: KeyT, value: SizedT) -> None:
        self.drop(key)
        self._values[key] = value
        self.size_bytes += value.size_bytes

    def drop(self, key: KeyT) -> None:
        value = self._values.pop(key, None)
        if value is not None:
            self.size_bytes -= value.size_bytes

    def shrink(self) -> Sequence[KeyT]:
        """Drop what is beyond the limit, but never the value used last; returns the keys."""
        dropped: list[KeyT] = []
        while self.size_bytes > self._limit_bytes and len(self._values) > 1:
            key = next(iter(self._values))
            self.drop(key)
            dropped.append(key)
        return dropped


class RunCache:
    """Snapshots of owned runs, read from the store when they are not in memory."""

    def __init__(
        self,
        *,
        store: SchedulerStore,
        scheduler_id: UUID,
        snapshot_bytes: int,
        plan_bytes: int,
        telemetry: "CacheTelemetry",
    ) -> None:
        self._store = store
        self._scheduler_id = scheduler_id
        self._snapshots: ByteLru[int, RunSnapshot] = ByteLru(snapshot_bytes)
        self._plans: ByteLru[UUID, DagPlan] = ByteLru(plan_bytes)
        self._telemetry = telemetry
        self._log = get_logger()

    def get(self, dag_run_id: int) -> RunSnapshot | None:
        """The run as in memory."""
        return self._snapshots.get(dag_run_id)

    def use(self, dag_run_id: int) -> RunSnapshot:
        """The run, which must be in memory."""
        snapshot = self._snapshots.get(dag_run_id)
        assert snapshot is not None, f"run {dag_run_id} is not in memory"
        return snapshot

    def __contains__(self, dag_run_id: int) -> bool:
        return self._snapshots.peek(dag_run_id) is not None

    def drop(self, dag_run_id: int) -> None:
        """Forget the run."""
        self._snapshots.drop(dag_run_id)

    def run_ids_of(self, dag_ids: Sequence[str]) -> Sequence[int]:
        """Runs in memory of these DAGs."""
        wanted = dict.fromkeys(dag_ids)
        return [run_id for run_id in self._snapshots if self._dag_id(run_id) in wanted]

    async def load(self, dag_run_ids: Sequence[int]) -> Sequence[RunSnapshot]:
        """Read these runs afresh. Those that are not this scheduler's, not running, or not to be understood are
        forgotten and left out."""
        for dag_run_id in dag_run_ids:
            self._snapshots.drop(dag_run_id)
        loaded = await self._store.load_dag_runs(self._scheduler_id, dag_run_ids)
        await self._load_plans(loaded)
        snapshots = [snapshot for run in loaded if (snapshot := self._snapshot(run)) is not None]
        for snapshot in snapshots:
            self._snapshots.put(snapshot.run.id, snapshot)
        return snapshots

    def shrink(self) -> Sequence[int]:
        """Keep to the limits; returns the runs that were dropped."""
        self._plans.shrink()
        dropped = self._snapshots.shrink()
        self._telemetry.show(len(self._snapshots), self._snapshots.size_bytes, len(dropped))
        return dropped

    def _dag_id(self, dag_run_id: int) -> str | None:
        snapshot = self._snapshots.peek(dag_run_id)
        return snapshot.run.dag_id if snapshot else None

    async def _load_plans(self, loaded: Sequence[LoadedRun]) -> None:
        missing = {run.run.dag_version_id: None for run in loaded if self._plans.get(run.run.dag_version_id) is None}
        if not missing:
            return
        specs = await self._store.load_dag_specs(tuple(missing))
        for version_id, spec in specs.items():
            try:
                self._plans.put(version_id, DagPlan(spec))
            except DomainError as exc:
                self._telemetry.unreadable.inc()
                self._log.error("dag_version.unreadable", dag_version_id=str(version_id), error=str(exc))

    def _snapshot(self, loaded: LoadedRun) -> RunSnapshot | None:
        plan = self._plans.get(loaded.run.dag_version_id)
        try:
            if plan is None:
                raise DomainError(f"there is no DAG version {loaded.run.dag_version_id} to be used")
            return RunSnapshot(loaded, plan)
        except DomainError as exc:
            self._telemetry.unreadable.inc()
            self._log.error("dag_run.unreadable", dag_id=loaded.run.dag_id, run_id=loaded.run.run_id, error=str(exc))
            return None


class CacheTelemetry:
    """What the caches show of themselves."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._runs = telemetry.gauge("cached_runs", "DAG runs in memory")
        self._bytes = telemetry.gauge("cached_bytes", "Memory that they take, about")
        self._dropped = telemetry.counter("cache_dropped_total", "DAG runs dropped to keep to the memory limit")
        self.unreadable = telemetry.counter("unreadable_total", "DAG runs and versions that make no sense")

    def show(self, runs: int, size_bytes: int, dropped: int) -> None:
        self._runs.set(runs)
        self._bytes.set(size_bytes)
        self._dropped.inc(dropped)
