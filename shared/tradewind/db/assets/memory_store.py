"""The port for runs that assets make, on the in-memory store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import msgspec

from tradewind.core.assets import AssetKey, AssetRuns, Partition, PartitionRules, asset_run_id, is_met, sorted_events
from tradewind.core.dag_requests import DagRequest, NewDagRequest, RequestKind
from tradewind.core.partitions.asked import AskedEvents, MappedEvent
from tradewind.core.spec import DagSpec
from tradewind.db.assets.memory_tables import PartitionTableRow
from tradewind.db.assets.memory_writing import refers_to
from tradewind.db.assets.store import ENTROPY_LENGTH, QUEUE_READ_MAX
from tradewind.db.memory.run_creation import insert_dag_requests
from tradewind.db.memory.tables import DagRunTableRow, DagTableRow, MemoryStoreBase

ACTIVE: Final = ("queued", "running")


class MemoryAssetStore(MemoryStoreBase):
    """`AssetStore` on dictionaries."""

    async def asset_dag_ids(self, older_than: datetime, after: str, limit: int) -> Sequence[str]:
        return [
            dag_id
            for dag_id in sorted(self.tables.assets.queue)
            if dag_id > after
            and (dag := self._open_dag(dag_id)) is not None
            and self._has_room(dag)
            and any(
                event.queued_at < older_than and event.event_id not in self.tables.assets.seen.get(dag_id, ())
                for event in self.tables.assets.queue[dag_id].values()
            )
        ][:limit]

    def _has_room(self, dag: DagTableRow) -> bool:
        runs = self.tables.dag_runs.values()
        return sum(run.dag_id == dag.dag_id and run.state in ACTIVE for run in runs) < dag.max_active_runs

    def _open_dag(self, dag_id: str) -> DagTableRow | None:
        dag = self.tables.dags.get(dag_id)
        is_open = dag is not None and not (dag.is_paused or dag.is_stale or dag.has_import_errors)
        return dag if is_open else None

    async def create_asset_runs(self, dag_id: str, now: datetime) -> AssetRuns:
        dag = self._open_dag(dag_id)
        if dag is None:
            return AssetRuns()
        spec = self.tables.dag_versions[dag.dag_version_id].spec
        if spec.asset_condition is None:
            self.tables.assets.queue.pop(dag_id, None)
            return AssetRuns()
        if spec.partition_mappers is not None:
            return self._partition_runs(dag, spec, PartitionRules(spec.partition_mappers), now)
        return self._plain_run(dag, spec, spec.asset_condition, now)

    def _plain_run(self, dag: DagTableRow, spec: DagSpec, condition: Mapping[str, object], now: datetime) -> AssetRuns:
        if not self._has_room(dag):
            return AssetRuns(waits_for_room=True)
        queue = self.tables.assets.queue.get(dag.dag_id, {})
        self.tables.assets.seen[dag.dag_id] = dict.fromkeys(queue)
        if not is_met(condition, [event.asset for event in queue.values()], self._aliases()):
            return AssetRuns()
        run_after = max(event.queued_at for event in queue.values())
        runs = [run for run in self.tables.dag_runs.values() if run.dag_id == dag.dag_id]
        since = self._waiting_since(dag.dag_id, spec, runs, run_after)
        used = dict.fromkeys([*queue, *self._missed(dag.dag_id, since, run_after)])
        run = self._make_run(dag, run_after, now)
        self.tables.assets.run_events[run.id] = used
        del self.tables.assets.queue[dag.dag_id]
        return AssetRuns(made=1)

    def _waiting_since(
        self, dag_id: str, spec: DagSpec, runs: Sequence[DagRunTableRow], run_after: datetime
    ) -> datetime:
        earlier = [run.run_after for run in runs if run.run_type == "asset_triggered" and run.run_after < run_after]
        if earlier:
            return max(earlier)
        seen = [
            created_at
            for row, created_at in self.tables.assets.references.values()
            if row.dag_id == dag_id and row.role == "schedule"
        ]
        return min(seen) if seen and not spec.catchup else datetime.min.replace(tzinfo=UTC)

    def _missed(self, dag_id: str, since: datetime, until: datetime) -> Iterable[int]:
        """Events that came while nobody waited for them."""
        keys = {row.id: row.key for row in self.tables.assets.assets.values()}
        references = [row for row, _ in self.tables.assets.references.values() if row.dag_id == dag_id]
        runs = self.tables.dag_runs
        used = [ids for number, ids in self.tables.assets.run_events.items() if runs[number].dag_id == dag_id]
        for event in self.tables.assets.events.values():
            is_meant = any(
                row.role == "schedule" and refers_to(row, keys[event.asset_id], event.aliases) for row in references
            )
            if is_meant and since < event.timestamp <= until and not any(event.id in ids for ids in used):
                yield event.id

    def _partition_runs(self, dag: DagTableRow, spec: DagSpec, rules: PartitionRules, now: datetime) -> AssetRuns:
        held = self.tables.assets.partitions
        for name in [
            name for name, row in held.items() if name[0] == dag.dag_id and row.mappers_digest != rules.digest
        ]:
            del held[name]
        queue = self.tables.assets.queue.get(dag.dag_id, {})
        events = [queue[event_id] for event_id in sorted(queue)[:QUEUE_READ_MAX]]
        found = sorted_events(rules, events)
        for key, event_id, said in zip(found.keys, found.event_ids, found.said, strict=True):
            event = replace(queue[event_id], said=said)
            self._partition(dag.dag_id, key, rules.digest).events.setdefault(event_id, event)
        for event_id in found.used:
            del queue[event_id]
        made = [key for key in dict.fromkeys(found.keys) if self._complete(dag, spec, rules, key, now)]
        return AssetRuns(
            made=len(made),
            refused=found.refused,
            has_more=len(events) == QUEUE_READ_MAX and bool(found.used),
            asked=0 if found.asked is None else self._ask(dag.dag_id, found.asked),
        )

    def _ask(self, dag_id: str, asked: AskedEvents) -> int:
        self.tables.assets.seen[dag_id] = dict.fromkeys(self.tables.assets.queue[dag_id])
        kind, reason = RequestKind.MAP_PARTITIONS, msgspec.json.encode(asked).decode()
        if any((row.new.dag_id, row.new.kind) == (dag_id, kind) for row in self.tables.dag_requests.values()):
            return 0
        insert_dag_requests(self.tables, [NewDagRequest(dag_id=dag_id, kind=kind, reason=reason)])
        return 1

    async def answer_partition_request(self, request: DagRequest, answers: Mapping[int, MappedEvent]) -> bool:
        row = self.tables.dag_requests.get(request.id)
        if row is None or row.generation != request.generation:
            return False
        del self.tables.dag_requests[request.id]
        self.tables.assets.seen.pop(request.dag_id, None)
        queue = self.tables.assets.queue.get(request.dag_id, {})
        for event_id, answer in answers.items():
            if event_id in queue:
                queue[event_id] = replace(queue[event_id], answer=answer)
        return True

    def _partition(self, dag_id: str, key: str, digest: str) -> PartitionTableRow:
        held = self.tables.assets.partitions
        if (dag_id, key) not in held:
            self.tables.assets.partitions_made += 1
            held[dag_id, key] = PartitionTableRow(id=self.tables.assets.partitions_made, mappers_digest=digest)
        return held[dag_id, key]

    def _complete(self, dag: DagTableRow, spec: DagSpec, rules: PartitionRules, key: str, now: datetime) -> bool:
        row = self.tables.assets.partitions[dag.dag_id, key]
        assets = self.tables.assets.assets
        counting = [row.events[id_] for id_ in sorted(row.events) if assets[row.events[id_].asset].is_active]
        partition = Partition(key, tuple(counting))
        assert spec.asset_condition is not None
        if not is_met(spec.asset_condition, rules.arrived(partition), self._aliases()):
            return False
        run = self._make_run(dag, now, now)
        run.partition_key, run.partition_date = key, rules.date_of(partition)
        self.tables.assets.run_events[run.id] = dict.fromkeys(row.events)
        del self.tables.assets.partitions[dag.dag_id, key]
        return True

    def _aliases(self) -> Mapping[str, Sequence[AssetKey]]:
        return {alias: list(keys) for alias, keys in self.tables.assets.aliases.items()}

    def _make_run(self, dag: DagTableRow, run_after: datetime, now: datetime) -> DagRunTableRow:
        run = DagRunTableRow(
            id=len(self.tables.dag_runs) + 1,
            dag_id=dag.dag_id,
            run_id=asset_run_id(run_after, self._new_id().hex[-ENTROPY_LENGTH:]),
            run_type="asset_triggered",
            triggered_by="asset",
            dag_version_id=dag.dag_version_id,
            bundle_version=self.tables.pinned_bundle_version(dag.dag_id),
            run_after=run_after,
            queued_at=now,
            conf=b"{}",
        )
        self.tables.dag_runs[run.id] = run
        self.tables.run_numbers[dag.dag_id, run.run_id] = run.id
        return run
