"""The dag processor's port on Postgres."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tradewind.core.clock import IdFactory
from tradewind.core.rows import DagFileParse, DagFileRow
from tradewind.core.spec import DagSpec
from tradewind.db.assets.references import write_references
from tradewind.db.limits import HEARTBEATS_KEPT
from tradewind.db.pool import Database, Row, Session
from tradewind.db.postgres.row_mapping import storable_text
from tradewind.db.postgres.run_creation import write_schedules
from tradewind.db.specs import StoredSpec, stored_spec
from tradewind.db.statements import statement

DAG_WRITER_LOCK: Final = 0x74726165
"""One dag processor writes at a time: version numbers have no gaps, and nobody waits for a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dag:
    """A DAG and its current version, as stored or as this batch will store it."""

    dag_id: str
    relative_fileloc: str
    is_stale: bool
    version_id: UUID
    version_number: int
    structure_digest: str
    file_digest: str
    spec_text: str
    has_runs: bool
    has_import_errors: bool
    bundle_name: str
    spec: StoredSpec | None = None
    """Set if this batch writes it."""
    bundle_version: str = ""
    """That this batch's parse has read."""
    parse_seconds: float | None = None
    is_new_version: bool = False
    is_changed: bool = False
    became_stale: bool = False


class PostgresDagStore:
    """`DagStore`: a batch of files is a handful of set-based statements."""

    def __init__(self, database: Database, new_id: IdFactory) -> None:
        self._database = database
        self._new_id = new_id

    async def write_dag_files(self, parses: Sequence[DagFileParse], now: datetime) -> Sequence[str]:
        if not parses:
            return []
        async with self._database.transaction() as transaction:
            await transaction.fetch(statement("lock_dag_writers"), DAG_WRITER_LOCK)
            stored = await _load_dags(transaction, parses)
            dags = dict(stored)
            for parse in parses:
                self._apply(dags, parse)
            changed = [dag for dag_id, dag in dags.items() if stored.get(dag_id) != dag]
            await _write_dags(transaction, changed, now)
            await _write_files(transaction, parses, now)
        return sorted(dag.dag_id for dag in changed if dag.is_changed or dag.became_stale)

    async def write_dag_file(
        self, relative_fileloc: str, file_digest: str, specs: Sequence[DagSpec], now: datetime
    ) -> Sequence[str]:
        parse = DagFileParse(relative_fileloc=relative_fileloc, file_digest=file_digest, specs=tuple(specs))
        return await self.write_dag_files([parse], now)

    async def write_import_error(self, relative_fileloc: str, file_digest: str, stacktrace: str, now: datetime) -> None:
        parse = DagFileParse(relative_fileloc=relative_fileloc, file_digest=file_digest, stacktrace=stacktrace)
        await self.write_dag_files([parse], now)

    def _apply(self, dags: dict[str, _Dag], parse: DagFileParse) -> None:
        """What one parse makes of the DAGs."""
        ids = {spec.dag_id: True for spec in parse.specs}
        for spec in parse.specs:
            dags[spec.dag_id] = self._written(dags.get(spec.dag_id), stored_spec(spec), parse)
        for dag_id, dag in list(dags.items()):
            if dag.relative_fileloc != parse.relative_fileloc:
                continue
            left = replace(dag, has_import_errors=parse.stacktrace is not None)
            if dag_id not in ids and parse.stacktrace is None and not dag.is_stale:
                left = replace(left, is_stale=True, became_stale=True)
            dags[dag_id] = left

    def _written(self, dag: _Dag | None, spec: StoredSpec, parse: DagFileParse) -> _Dag:
        if dag is None:
            return self._first(spec, parse)
        # A run finds its file by the version's name of it, in the bundle that it was made on.
        is_moved = (dag.bundle_name, dag.relative_fileloc) != (parse.bundle_name, parse.relative_fileloc)
        needs_version = dag.has_runs and (dag.structure_digest != spec.structure_digest or is_moved)
        is_changed = dag.spec_text != spec.text or dag.is_stale or dag.relative_fileloc != parse.relative_fileloc
        return replace(
            dag,
            relative_fileloc=parse.relative_fileloc,
            is_stale=False,
            became_stale=False,
            version_id=self._new_id() if needs_version else dag.version_id,
            version_number=dag.version_number + needs_version,
            structure_digest=spec.structure_digest,
            file_digest=parse.file_digest,
            spec_text=spec.text,
            has_runs=dag.has_runs and not needs_version,
            spec=spec,
            bundle_name=parse.bundle_name,
            bundle_version=parse.bundle_version,
            parse_seconds=parse.duration_seconds,
            is_new_version=dag.is_new_version or needs_version,
            is_changed=dag.is_changed or is_changed,
        )

    def _first(self, spec: StoredSpec, parse: DagFileParse) -> _Dag:
        return _Dag(
            dag_id=spec.spec.dag_id,
            relative_fileloc=parse.relative_fileloc,
            is_stale=False,
            version_id=self._new_id(),
            version_number=1,
            structure_digest=spec.structure_digest,
            file_digest=parse.file_digest,
            spec_text=spec.text,
            has_runs=False,
            has_import_errors=False,
            spec=spec,
            bundle_name=parse.bundle_name,
            bundle_version=parse.bundle_version,
            parse_seconds=parse.duration_seconds,
            is_new_version=True,
            is_changed=True,
        )

    async def retire_dag_files(self, present: Sequence[str], now: datetime) -> Sequence[str]:
        async with self._database.transaction() as transaction:
            await transaction.fetch(statement("lock_dag_writers"), DAG_WRITER_LOCK)
            files = list(present)
            stale = await transaction.fetch(statement("retire_dags"), files, now)
            await transaction.fetch(statement("delete_dag_files"), files)
            await transaction.fetch(statement("delete_absent_import_errors"), files)
            gone = sorted(row["dag_id"] for row in stale)
            if gone:
                await write_references(transaction, (), gone, now)
        return gone

    async def load_file_digests(self) -> Mapping[str, str]:
        return {row.relative_fileloc: row.file_digest for row in await self.load_dag_files()}

    async def load_dag_files(self) -> Sequence[DagFileRow]:
        rows = await self._database.fetch(statement("load_dag_files"))
        return [
            DagFileRow(
                relative_fileloc=row["relative_fileloc"],
                file_digest=row["file_digest"],
                dependencies=msgspec.json.decode(row["dependencies"], type=dict[str, str]),
                dag_ids=tuple(row["dag_ids"]),
            )
            for row in rows
        ]

    async def record_service_heartbeat(self, service: str, instance: UUID, now: datetime) -> None:
        values = (service, instance, now, now - HEARTBEATS_KEPT, socket.gethostname())
        await self._database.fetch(statement("record_service_heartbeat"), *values)


async def _load_dags(session: Session, parses: Sequence[DagFileParse]) -> dict[str, _Dag]:
    """DAGs that the parses name and DAGs of the parsed files, locked in key order."""
    ids = list(dict.fromkeys(spec.dag_id for parse in parses for spec in parse.specs))
    files = list(dict.fromkeys(parse.relative_fileloc for parse in parses))
    locked = await session.fetch(statement("lock_parsed_dags"), ids, files)
    if not locked:
        return {}
    rows = await session.fetch(statement("load_parsed_dags"), [row["dag_id"] for row in locked])
    return {row["dag_id"]: _stored_dag(row) for row in rows}


def _stored_dag(row: Row) -> _Dag:
    return _Dag(
        dag_id=row["dag_id"],
        relative_fileloc=row["relative_fileloc"],
        is_stale=row["is_stale"],
        version_id=row["version_id"],
        version_number=row["version_number"],
        structure_digest=row["structure_digest"],
        file_digest=row["file_digest"],
        spec_text=row["spec_text"],
        has_runs=row["has_runs"],
        has_import_errors=row["has_import_errors"],
        bundle_name=row["bundle_name"],
    )


async def _write_dags(session: Session, dags: Sequence[_Dag], now: datetime) -> None:
    written = [dag for dag in dags if dag.spec is not None]
    versions = [
        [dag.version_id for dag in written],
        [dag.dag_id for dag in written],
        [dag.version_number for dag in written],
        [dag.structure_digest for dag in written],
        [dag.file_digest for dag in written],
        [dag.relative_fileloc for dag in written],
        [dag.spec_text for dag in written],
        [dag.bundle_name for dag in written],
        [dag.bundle_version for dag in written],
    ]
    if written:
        await session.fetch(statement("write_dag_versions"), now, *versions)
        columns = [list(column) for column in zip(*map(_dag_values, written), strict=True)]
        await session.fetch(statement("write_dags"), now, *columns)
        await write_schedules(session, {dag.dag_id: dag.spec.spec for dag in written if dag.spec is not None}, now)
    flags = [
        [dag.dag_id for dag in dags],
        [dag.is_stale for dag in dags],
        [dag.has_import_errors for dag in dags],
    ]
    if dags:
        await session.fetch(statement("update_dag_flags"), now, *flags)
    parsed_anew = [dag.spec.spec for dag in written if dag.spec is not None and dag.is_changed and not dag.is_stale]
    gone = [dag.dag_id for dag in dags if dag.became_stale]
    if parsed_anew or gone:
        await write_references(session, parsed_anew, gone, now)


def _dag_values(dag: _Dag) -> tuple[object, ...]:
    """One row of parameters $2 to $24 of write_dags.sql."""
    assert dag.spec is not None
    spec = dag.spec.spec
    return (
        *(dag.dag_id, storable_text(spec.dag_display_name), dag.relative_fileloc, dag.version_id),
        True if spec.is_paused_upon_creation is None else spec.is_paused_upon_creation,
        storable_text(spec.description),
        msgspec.json.encode([storable_text(tag) for tag in spec.tags]).decode(),
        msgspec.json.encode([storable_text(owner) for owner in spec.owners]).decode(),
        *(storable_text(spec.timetable_summary), storable_text(spec.timetable_description)),
        *(storable_text(spec.timetable_type), spec.timetable_periodic, spec.timetable_partitioned),
        None if spec.allowed_run_types is None else msgspec.json.encode(spec.allowed_run_types).decode(),
        *(spec.max_active_tasks, spec.max_active_runs, spec.max_consecutive_failed_dag_runs),
        any(task.max_active_tis_per_dag or task.max_active_tis_per_dagrun for task in spec.tasks),
        *(dag.bundle_name, dag.bundle_version, spec.disable_bundle_versioning),
        msgspec.json.encode(sorted({storable_text(task.pool) or "" for task in spec.tasks})).decode(),
        dag.parse_seconds,
    )


async def _write_files(session: Session, parses: Sequence[DagFileParse], now: datetime) -> None:
    """Files and their import errors; of a file parsed twice the later parse counts."""
    latest = list({parse.relative_fileloc: parse for parse in parses}.values())
    dependencies = [msgspec.json.encode(dict(parse.dependencies)).decode() for parse in latest]
    names, digests = [parse.relative_fileloc for parse in latest], [parse.file_digest for parse in latest]
    await session.fetch(statement("write_dag_files"), now, names, digests, dependencies)
    good = [parse.relative_fileloc for parse in latest if parse.stacktrace is None]
    bad = {parse.relative_fileloc: storable_text(parse.stacktrace) for parse in latest if parse.stacktrace is not None}
    if good:
        await session.fetch(statement("delete_import_errors"), good)
    if bad:
        await session.fetch(statement("write_import_errors"), now, list(bad), list(bad.values()))
