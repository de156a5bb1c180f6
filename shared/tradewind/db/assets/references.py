"""What a DAG refers to, as rows of `asset_reference`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from tradewind.core.spec import AssetRef, DagSpec
from tradewind.db.pool import Session
from tradewind.db.postgres.row_mapping import storable_text
from tradewind.db.statements import statement

REFERENCE_COLUMNS: Final = 9
WATCHER_COLUMNS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A row: where (`task_id` empty = the schedule) a DAG names what."""

    dag_id: str
    role: str
    task_id: str
    ref: AssetRef
    is_partitioned: bool

    @property
    def key(self) -> tuple[str, str, str, str, str, str]:
        """The primary key."""
        return self.dag_id, self.role, self.task_id, self.ref.kind, self.ref.name, self.ref.uri


def references_of(spec: DagSpec) -> list[Reference]:
    """Everything that a DAG refers to, each once."""
    rows = [
        *_references(spec, "schedule", "", spec.schedule_assets),
        *(row for task in spec.tasks for row in _references(spec, "inlet", task.task_id, task.inlets)),
        *(row for task in spec.tasks for row in _references(spec, "outlet", task.task_id, task.outlets)),
    ]
    return list({row.key: row for row in rows}.values())


def _references(spec: DagSpec, role: str, task_id: str, refs: Sequence[AssetRef]) -> Iterable[Reference]:
    is_partitioned = role == "schedule" and spec.partition_mappers is not None
    for ref in refs:
        yield Reference(dag_id=spec.dag_id, role=role, task_id=task_id, ref=ref, is_partitioned=is_partitioned)


async def write_references(session: Session, specs: Sequence[DagSpec], gone: Sequence[str], now: datetime) -> None:
    """Keep what these DAGs refer to, and that others, which are gone, refer to nothing."""
    rows = [_values(reference) for spec in specs for reference in references_of(spec)]
    columns: list[list[object]] = [[row[place] for row in rows] for place in range(REFERENCE_COLUMNS)]
    watchers = _watchers([ref for spec in specs for ref in spec.schedule_assets])
    watcher_columns: list[list[object]] = [[row[place] for row in watchers] for place in range(WATCHER_COLUMNS)]
    dag_ids = [*(spec.dag_id for spec in specs), *gone]
    if await session.fetch_value(statement("write_asset_references"), now, dag_ids, *columns, *watcher_columns):
        await session.fetch(statement("settle_assets"))


def _watchers(refs: Iterable[AssetRef]) -> list[tuple[object, ...]]:
    """Rows of parameters $12 to $16, each watcher of an asset once."""
    rows = {
        (ref.name, ref.uri, watcher.name): (
            *(storable_text(ref.name), storable_text(ref.uri), storable_text(watcher.name)),
            *(storable_text(watcher.classpath), msgspec.json.encode(watcher.kwargs)),
        )
        for ref in refs
        for watcher in ref.watchers
    }
    return list(rows.values())


def _values(reference: Reference) -> tuple[object, ...]:
    """One row of parameters $3 to $11 of write_asset_references.sql."""
    ref = reference.ref
    extra = msgspec.json.encode(ref.extra).decode()
    return (
        *(reference.dag_id, reference.role, reference.task_id, ref.kind, storable_text(ref.name)),
        *(storable_text(ref.uri), storable_text(ref.group), extra, reference.is_partitioned),
    )
