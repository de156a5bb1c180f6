"""The dag processor's port on the in-memory store, and what the API does to DAGs and runs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tradewind.core.dag_requests import NewDagRequest, RequestKind
from tradewind.core.errors import Conflict, NotFound
from tradewind.core.rows import DagFileParse, DagFileRow, DagRunRow
from tradewind.core.spec import DagSpec
from tradewind.core.timetables.from_spec import is_custom, next_run_of
from tradewind.db.assets.memory_writing import write_references
from tradewind.db.memory.run_creation import insert_dag_requests, last_automated_interval
from tradewind.db.memory.tables import (
    DagFileTableRow,
    DagRunTableRow,
    DagTableRow,
    DagVersionTableRow,
    MemoryStoreBase,
    SlotsTableRow,
    core_dag_run,
)
from tradewind.db.specs import structure_digest


class MemoryDagStore(MemoryStoreBase):
    """`DagStore` on dictionaries, with `create_dag_run` and `pause_dag`."""

    async def write_dag_files(self, parses: Sequence[DagFileParse], now: datetime) -> Sequence[str]:
        changed = [dag_id for parse in parses for dag_id in self._write_file(parse, now)]
        return sorted(dict.fromkeys(changed))

    async def write_dag_file(
        self, relative_fileloc: str, file_digest: str, specs: Sequence[DagSpec], now: datetime
    ) -> Sequence[str]:
        parse = DagFileParse(relative_fileloc=relative_fileloc, file_digest=file_digest, specs=tuple(specs))
        return await self.write_dag_files([parse], now)

    async def write_import_error(self, relative_fileloc: str, file_digest: str, stacktrace: str, now: datetime) -> None:
        parse = DagFileParse(relative_fileloc=relative_fileloc, file_digest=file_digest, stacktrace=stacktrace)
        await self.write_dag_files([parse], now)

    def _write_file(self, parse: DagFileParse, now: datetime) -> list[str]:
        self.tables.dag_files[parse.relative_fileloc] = DagFileTableRow(
            file_digest=parse.file_digest, dependencies=dict(parse.dependencies)
        )
        changed = [spec.dag_id for spec in parse.specs if self._write_dag(spec, parse, now)]
        left = [dag for dag in self._dags_of(parse.relative_fileloc) if dag.dag_id not in _ids(parse)]
        if parse.stacktrace is None:
            self.tables.import_errors.pop(parse.relative_fileloc, None)
            changed += self._make_stale(left)
        else:
            self.tables.import_errors[parse.relative_fileloc] = parse.stacktrace
        for dag in self._dags_of(parse.relative_fileloc):
            dag.has_import_errors = parse.stacktrace is not None
        write_references(self.tables, parse.specs, [dag.dag_id for dag in left if dag.is_stale], now)
        return changed

    def _dags_of(self, relative_fileloc: str) -> list[DagTableRow]:
        dags = self.tables.dags
        return [dags[dag_id] for dag_id in sorted(dags) if dags[dag_id].relative_fileloc == relative_fileloc]

    def _make_stale(self, dags: Sequence[DagTableRow]) -> list[str]:
        fresh = [dag for dag in dags if not dag.is_stale]
        for dag in fresh:
            dag.is_stale = True
        return [dag.dag_id for dag in fresh]

    def _write_dag(self, spec: DagSpec, parse: DagFileParse, now: datetime) -> bool:
        """True if anything changed that somebody might show or decide by."""
        dag = self.tables.dags.get(spec.dag_id)
        if dag is None:
            version = self._new_version(spec, parse, 1)
            is_paused = True if spec.is_paused_upon_creation is None else spec.is_paused_upon_creation
            self.tables.dags[spec.dag_id] = DagTableRow(
                dag_id=spec.dag_id,
                relative_fileloc=parse.relative_fileloc,
                dag_version_id=version.id,
                is_paused=is_paused,
                max_active_runs=spec.max_active_runs,
            )
            self._set_bundle(self.tables.dags[spec.dag_id], version, spec, parse)
            self._set_schedule(self.tables.dags[spec.dag_id], spec, now)
            return True
        version = self.tables.dag_versions[dag.dag_version_id]
        is_changed = version.spec != spec or dag.is_stale or dag.relative_fileloc != parse.relative_fileloc
        is_moved = (dag.bundle_name, dag.relative_fileloc) != (parse.bundle_name, parse.relative_fileloc)
        if (is_moved or version.structure_digest != structure_digest(spec)) and self._has_runs(version.id):
            version = self._new_version(spec, parse, version.version_number + 1)
        version.spec, version.structure_digest = spec, structure_digest(spec)
        version.file_digest, version.relative_fileloc = parse.file_digest, parse.relative_fileloc
        dag.dag_version_id, dag.relative_fileloc = version.id, parse.relative_fileloc
        dag.max_active_runs, dag.is_stale = spec.max_active_runs, False
        self._set_bundle(dag, version, spec, parse)
        self._set_schedule(dag, spec, now)
        return is_changed

    def _set_bundle(self, dag: DagTableRow, version: DagVersionTableRow, spec: DagSpec, parse: DagFileParse) -> None:
        is_current = self.tables.bundles.current.get(parse.bundle_name) == parse.bundle_version
        dag.bundle_name, dag.bundle_version = parse.bundle_name, None if is_current else parse.bundle_version
        dag.disable_bundle_versioning = spec.disable_bundle_versioning
        version.bundle_name, version.bundle_version = parse.bundle_name, parse.bundle_version or None

    def _set_schedule(self, dag: DagTableRow, spec: DagSpec, now: datetime) -> None:
        dag.next_run = next_run_of(spec, last_automated_interval(self.tables, dag.dag_id), now)
        dag.dagrun_timeout_seconds = spec.dagrun_timeout_seconds
        dag.has_deadlines = bool(spec.deadlines)
        if is_custom(spec.timetable):
            insert_dag_requests(self.tables, [NewDagRequest(dag_id=dag.dag_id, kind=RequestKind.NEXT_RUN)])

    def _new_version(self, spec: DagSpec, parse: DagFileParse, number: int) -> DagVersionTableRow:
        version = DagVersionTableRow(
            id=self._new_id(),
            dag_id=spec.dag_id,
            version_number=number,
            structure_digest=structure_digest(spec),
            file_digest=parse.file_digest,
            relative_fileloc=parse.relative_fileloc,
            spec=spec,
        )
        self.tables.dag_versions[version.id] = version
        return version

    def _has_runs(self, dag_version_id: UUID) -> bool:
        return any(run.dag_version_id == dag_version_id for run in self.tables.dag_runs.values())

    async def retire_dag_files(self, present: Sequence[str], now: datetime) -> Sequence[str]:
        kept = dict.fromkeys(present)
        for file in [file for file in self.tables.dag_files if file not in kept]:
            del self.tables.dag_files[file]
        for file in [file for file in self.tables.import_errors if file not in kept and not file.endswith("/")]:
            del self.tables.import_errors[file]
        gone = [dag for _, dag in sorted(self.tables.dags.items()) if dag.relative_fileloc not in kept]
        stale = self._make_stale(gone)
        write_references(self.tables, (), stale, now)
        return stale

    async def load_file_digests(self) -> Mapping[str, str]:
        return {file: row.file_digest for file, row in self.tables.dag_files.items()}

    async def load_dag_files(self) -> Sequence[DagFileRow]:
        return [
            DagFileRow(
                relative_fileloc=file,
                file_digest=row.file_digest,
                dependencies=dict(row.dependencies),
                dag_ids=tuple(dag.dag_id for dag in self._dags_of(file) if not dag.is_stale),
            )
            for file, row in sorted(self.tables.dag_files.items())
        ]

    async def record_service_heartbeat(self, service: str, instance: UUID, now: datetime) -> None:
        self.tables.service_heartbeats[service, instance] = now

    async def create_dag_run(
        self,
        *,
        dag_id: str,
        run_id: str,
        now: datetime,
        run_type: str = "manual",
        triggered_by: str = "rest_api",
        triggering_user_name: str | None = None,
        logical_date: datetime | None = None,
        data_interval_start: datetime | None = None,
        data_interval_end: datetime | None = None,
        run_after: datetime | None = None,
        conf: Mapping[str, object] | None = None,
        note: str | None = None,
    ) -> DagRunRow:
        """As `runs.create_dag_run`."""
        dag = self.tables.dags.get(dag_id)
        if dag is None or dag.is_stale:
            raise NotFound(f"there is no DAG {dag_id!r}")
        if (dag_id, run_id) in self.tables.run_numbers:
            raise Conflict(f"DAG {dag_id!r} has a run {run_id!r} already")
        dates = [run.logical_date for run in self.tables.dag_runs.values() if run.dag_id == dag_id]
        if logical_date is not None and logical_date in dates:
            raise Conflict(f"DAG {dag_id!r} has a run with logical date {logical_date.isoformat()} already")
        run = DagRunTableRow(
            id=len(self.tables.dag_runs) + 1,
            dag_id=dag_id,
            run_id=run_id,
            run_type=run_type,
            triggered_by=triggered_by,
            dag_version_id=dag.dag_version_id,
            bundle_version=self.tables.pinned_bundle_version(dag_id),
            run_after=run_after or now,
            queued_at=now,
            conf=msgspec.json.encode(conf or {}),
            logical_date=logical_date,
            data_interval_start=data_interval_start,
            data_interval_end=data_interval_end,
        )
        self.tables.dag_runs[run.id] = run
        self.tables.run_numbers[dag_id, run_id] = run.id
        return core_dag_run(run, dag)

    async def pause_dag(self, dag_id: str, *, is_paused: bool) -> None:
        """Pause or unpause; raises `NotFound`."""
        dag = self.tables.dags.get(dag_id)
        if dag is None:
            raise NotFound(f"there is no DAG {dag_id!r}")
        dag.is_paused = is_paused

    async def set_pool(self, pool: str, slots: int, *, include_deferred: bool = False) -> None:
        """Make or change a pool (-1 = unlimited)."""
        row = self.tables.pools.setdefault(pool, SlotsTableRow(slots=slots))
        row.slots, row.include_deferred = slots, include_deferred

    async def set_parallelism(self, slots: int) -> None:
        """As `migrate.set_parallelism`."""
        self.tables.parallelism.slots = slots


def _ids(parse: DagFileParse) -> tuple[str, ...]:
    return tuple(spec.dag_id for spec in parse.specs)
