"""The port for runs that assets make, on Postgres."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar, cast
from uuid import UUID

import msgspec

from tradewind.core.assets import (
    AssetKey,
    AssetRuns,
    Partition,
    PartitionRules,
    QueuedEvent,
    asset_run_id,
    is_met,
    sorted_events,
)
from tradewind.core.clock import IdFactory
from tradewind.core.dag_requests import DagRequest
from tradewind.core.partitions.asked import AskedEvents, MappedEvent, MappedKey
from tradewind.core.spec import DagSpec
from tradewind.db.pool import Database, Row, Session
from tradewind.db.specs import load_spec
from tradewind.db.statements import statement

QUEUE_READ_MAX: Final = 500
"""Events of a partitioned DAG that are sorted in one transaction."""

ENTROPY_LENGTH: Final = 8

Said = TypeVar("Said", MappedEvent, MappedKey)


class PostgresAssetStore:
    """`AssetStore`: one transaction per DAG."""

    def __init__(self, database: Database, new_id: IdFactory) -> None:
        self._database = database
        self._new_id = new_id

    async def asset_dag_ids(self, older_than: datetime, after: str, limit: int) -> Sequence[str]:
        rows = await self._database.fetch(statement("list_asset_dags"), older_than, after, limit)
        return [row["dag_id"] for row in rows]

    async def create_asset_runs(self, dag_id: str, now: datetime) -> AssetRuns:
        async with self._database.transaction() as session:
            dag = await session.fetch_row(statement("lock_asset_dag"), dag_id)
            if dag is None:
                return AssetRuns()
            spec = await self._spec(session, dag["dag_version_id"])
            if spec.asset_condition is None:
                await session.fetch(statement("delete_asset_queue"), dag_id)
                return AssetRuns()
            if spec.partition_mappers is not None:
                rules = PartitionRules(spec.partition_mappers)
                return await self._partition_runs(session, spec, rules, dag["dag_version_id"], now)
            return await self._plain_run(session, spec, dag, now)

    async def _spec(self, session: Session, dag_version_id: UUID) -> DagSpec:
        (row,) = await session.fetch(statement("load_dag_specs"), [dag_version_id])
        return load_spec(row["spec"])

    async def _plain_run(self, session: Session, spec: DagSpec, dag: Row, now: datetime) -> AssetRuns:
        active_runs = cast("int", await session.fetch_value(statement("count_active_runs"), spec.dag_id))
        if active_runs >= dag["max_active_runs"]:
            return AssetRuns(waits_for_room=True)
        await session.fetch(statement("mark_asset_queue_seen"), spec.dag_id)
        queued = await session.fetch(statement("load_queued_assets"), spec.dag_id)
        arrived = [AssetKey(row["name"], row["uri"]) for row in queued]
        assert spec.asset_condition is not None
        if not is_met(spec.asset_condition, arrived, await _aliased(session, spec.dag_id)):
            return AssetRuns()
        run_after = max(row["queued_at"] for row in queued)
        run_id = asset_run_id(run_after, self._entropy())
        values = (spec.dag_id, run_id, run_after, now, dag["dag_version_id"], spec.catchup)
        await session.fetch(statement("create_asset_run"), *values)
        return AssetRuns(made=1)

    async def _partition_runs(
        self, session: Session, spec: DagSpec, rules: PartitionRules, dag_version_id: UUID, now: datetime
    ) -> AssetRuns:
        await session.fetch(statement("delete_void_partitions"), spec.dag_id, rules.digest)
        rows = await session.fetch(statement("load_partition_queue"), spec.dag_id, QUEUE_READ_MAX)
        if not rows:
            return AssetRuns()
        found = sorted_events(rules, [_queued(row) for row in rows])
        said = [None if mapped is None else msgspec.json.encode(mapped).decode() for mapped in found.said]
        values = (spec.dag_id, rules.digest, now, list(found.used), list(found.keys), list(found.event_ids), said)
        await session.fetch(statement("sort_into_partitions"), *values)
        keys = list(dict.fromkeys(found.keys))
        partitions = await self._complete(session, spec, rules, keys)
        await self._create_partition_runs(session, spec.dag_id, dag_version_id, rules, partitions, now)
        return AssetRuns(
            made=len(partitions),
            refused=found.refused,
            has_more=len(rows) == QUEUE_READ_MAX and bool(found.used),
            asked=0 if found.asked is None else await self._ask(session, spec.dag_id, found.asked, now),
        )

    async def _ask(self, session: Session, dag_id: str, asked: AskedEvents, now: datetime) -> int:
        """The rest of the queue is looked at again when its mapper has answered, or something comes."""
        await session.fetch(statement("mark_asset_queue_seen"), dag_id)
        reason = msgspec.json.encode(asked).decode()
        return len(await session.fetch(statement("insert_partition_request"), dag_id, reason, now))

    async def answer_partition_request(self, request: DagRequest, answers: Mapping[int, MappedEvent]) -> bool:
        async with self._database.transaction() as session:
            # The DAG first, as whoever makes its runs.
            await session.fetch(statement("lock_dag_rows"), [request.dag_id])
            texts = [msgspec.json.encode(answer).decode() for answer in answers.values()]
            values = (request.id, request.generation, list(answers), texts)
            return bool(await session.fetch(statement("answer_partition_request"), *values))

    async def _complete(
        self, session: Session, spec: DagSpec, rules: PartitionRules, keys: Sequence[str]
    ) -> Mapping[int, Partition]:
        """Those partitions whose condition is met, by id."""
        events: dict[int, list[QueuedEvent]] = {}
        names: dict[int, str] = {}
        for row in await session.fetch(statement("load_partitions"), spec.dag_id, keys):
            names[row["partition_id"]] = row["partition_key"]
            event = replace(_event(row, row["source_key"]), said=_read(row["said"], MappedKey))
            events.setdefault(row["partition_id"], []).append(event)
        partitions = {id_: Partition(names[id_], tuple(found)) for id_, found in events.items()}
        aliases = await _aliased(session, spec.dag_id)
        condition = spec.asset_condition
        assert condition is not None
        return {id_: each for id_, each in partitions.items() if is_met(condition, rules.arrived(each), aliases)}

    async def _create_partition_runs(
        self,
        session: Session,
        dag_id: str,
        dag_version_id: UUID,
        rules: PartitionRules,
        partitions: Mapping[int, Partition],
        now: datetime,
    ) -> None:
        if not partitions:
            return
        keys = [partition.key for partition in partitions.values()]
        run_ids = [asset_run_id(now, self._entropy()) for _ in partitions]
        dates = [rules.date_of(partition) for partition in partitions.values()]
        values = (dag_id, now, dag_version_id, list(partitions), keys, run_ids, dates)
        await session.fetch(statement("create_partition_runs"), *values)

    def _entropy(self) -> str:
        return self._new_id().hex[-ENTROPY_LENGTH:]


async def _aliased(session: Session, dag_id: str) -> Mapping[str, list[AssetKey]]:
    aliases: dict[str, list[AssetKey]] = {}
    for row in await session.fetch(statement("load_aliased_assets"), dag_id):
        aliases.setdefault(row["alias"], []).append(AssetKey(row["name"], row["uri"]))
    return aliases


def _queued(row: Row) -> QueuedEvent:
    return replace(_event(row, row["partition_key"]), answer=_read(row["answer"], MappedEvent))


def _read(text: str | None, kind: type[Said]) -> Said | None:
    return None if text is None else msgspec.json.decode(text, type=kind)


def _event(row: Row, partition_key: str | None) -> QueuedEvent:
    return QueuedEvent(
        event_id=row["event_id"],
        asset=AssetKey(row["name"], row["uri"]),
        queued_at=row["queued_at"],
        partition_key=partition_key,
        partition_date=row["partition_date"],
    )
