"""Rows as the driver gives them, as core values."""

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

import msgspec

from tradewind.core.by_hand.flags import RunByHand
from tradewind.core.rows import Capacity, DagRunRow, PoolCapacity, TaskInstanceId, TaskInstanceRow
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.db.pool import Row

T = TypeVar("T")
RunWeights = dict[str, tuple[int, ...]]


def task_instance_id(row: Row) -> TaskInstanceId:
    """The row's primary key."""
    return TaskInstanceId(row["dag_run_id"], row["task_id"], row["map_index"])


def task_instance_row(row: Row) -> TaskInstanceRow:
    """A task instance as the core sees it."""
    return TaskInstanceRow(
        id=task_instance_id(row),
        state=TaskInstanceState(row["state"]),
        try_number=row["try_number"],
        max_tries=row["max_tries"],
        attempt_id=row["attempt_id"],
        lost_attempts=row["lost_attempts"],
        dispatch_failures=row["dispatch_failures"],
        held_slots=row["held_slots"],
        end_pending=row["end_pending"],
        next_action_at=row["next_action_at"],
        queued_at=row["queued_at"],
        published_at=row["published_at"],
        publish_count=row["publish_count"],
        map_length=row["map_length"],
        skip_requested=row["skip_requested"],
        is_resuming=row["is_resuming"],
        kept_slots=row["kept_slots"],
        by_hand=_by_hand(row.get("by_hand")),
    )


def _by_hand(text: str | None) -> RunByHand | None:
    """Absent where nothing depends on it: what records ends does not read it."""
    return None if text is None else msgspec.json.decode(text, type=RunByHand)


def dag_run_row(row: Row) -> DagRunRow:
    """A run as the core sees it."""
    return DagRunRow(
        id=row["id"],
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        state=DagRunState(row["state"]),
        dag_version_id=row["dag_version_id"],
        owner=row["owner"],
        owner_epoch=row["owner_epoch"],
        revision=row["revision"],
        dag_is_paused=row["dag_is_paused"],
        run_after=row["run_after"],
        start_date=row["start_date"],
        run_type=row["run_type"],
        logical_date=row["logical_date"],
        timeout_at=row["timeout_at"],
        try_weights=None if row["try_weights"] is None else msgspec.json.decode(row["try_weights"], type=RunWeights),
    )


def capacity(pools: Iterable[tuple[str, int, int, bool]], parallelism: int, parallelism_used: int) -> Capacity:
    """The shared limits from (pool, slots, used, include_deferred) and the cap."""
    return Capacity(
        pools=tuple(
            PoolCapacity(pool=pool, slots=slots, used=used, include_deferred=include_deferred)
            for pool, slots, used, include_deferred in pools
        ),
        parallelism=parallelism,
        parallelism_used=parallelism_used,
    )


def first_uuids(rows: Iterable[Row]) -> list[UUID]:
    """First column of each row."""
    return [row[0] for row in rows]


def first_integers(rows: Iterable[Row]) -> list[int]:
    """First column of each row."""
    return [row[0] for row in rows]


def storable_text(text: str | None) -> str | None:
    """The text as a column can hold it: NUL characters, which Postgres refuses, become U+FFFD."""
    return None if text is None else text.replace("\x00", "\ufffd")
