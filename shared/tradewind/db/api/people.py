"""What the API asks to know which runs a person means, what it deletes for one, and what it shows of it.

What changes runs goes through `PeopleStore`; unknown names give None or no rows here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tradewind.core.errors import Conflict
from tradewind.core.revisions import Revised
from tradewind.core.rows import AttemptHolder, TaskInstanceId
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.db.api.pages import Page, PageRequest, fetch_page
from tradewind.db.pool import Database, Row, Session
from tradewind.db.postgres.row_mapping import first_integers
from tradewind.db.statements import statement

HELD_STATES: Final = (TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING)


async def find_dag_runs(
    database: Database,
    dag_id: str,
    *,
    run_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Sequence[Row]:
    """`id`, `run_id`, `state`, `logical_date`, `dag_version_id` of each run, in key order."""
    return await database.fetch(statement("api_find_dag_runs"), dag_id, run_id, since, until)


async def list_partition_runs(
    database: Database, dag_id: str, key: str | None, since: datetime | None, until: datetime | None
) -> Sequence[str]:
    """Run ids by partition, ordered by its date."""
    rows = await database.fetch(statement("api_list_partition_runs"), dag_id, key, since, until)
    return [row["run_id"] for row in rows]


async def list_named_task_instances(database: Database, ids: Sequence[TaskInstanceId]) -> Sequence[Row]:
    """These task instances as the API shows them, in key order."""
    return await database.fetch(statement("api_list_named_task_instances"), *_key_columns(ids))


async def set_task_instance_notes(database: Database, ids: Sequence[TaskInstanceId], note: str | None) -> None:
    """Set or (None) remove a note."""
    await database.fetch(statement("api_set_task_instance_notes"), *_key_columns(ids), note)


async def set_dag_run_note(database: Database, dag_run_id: int, note: str | None) -> None:
    """Set or (None) remove a note."""
    await database.fetch(statement("api_set_dag_run_note"), dag_run_id, note)


async def list_dag_versions(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    """Versions, by id unless another order is asked for."""
    return await fetch_page(database, "api_list_dag_versions", filters, request)


async def delete_dag_run(database: Database, dag_run_id: int) -> Revised:
    """Delete a run with all that hangs on it; raises `Conflict` while it is running."""
    async with database.transaction() as session:
        await session.fetch(statement("lock_dag_runs"), [dag_run_id])
        runs = await session.fetch(statement("read_dag_runs"), [dag_run_id])
        if not runs:
            return Revised()
        if runs[0]["state"] == DagRunState.RUNNING:
            raise Conflict(f"The run {runs[0]['run_id']!r} of the DAG {runs[0]['dag_id']!r} is running: end it first")
        return await _delete_runs(session, [dag_run_id], runs[0]["dag_id"])


async def delete_task_instance(database: Database, id_: TaskInstanceId, dag_id: str, now: datetime) -> Revised | None:
    """Delete a task instance; None if there is none. A run that goes on gets another one."""
    async with database.transaction() as session:
        await session.fetch(statement("lock_dag_runs"), [id_.dag_run_id])
        locked = await session.fetch(statement("lock_task_instances_of_runs"), [id_.dag_run_id])
        own = [row for row in locked if (row["task_id"], row["map_index"]) == (id_.task_id, id_.map_index)]
        if not own:
            return None
        freed = await session.fetch(statement("release_slots"), [id_.dag_run_id], id_.task_id, id_.map_index)
        await session.fetch(statement("delete_task_instance"), *id_, now)
        await session.fetch(statement("revise_dag_runs"), now, [id_.dag_run_id], [None], [None], [False], [False])
    return Revised(holders=_holders(own), freed_pools=tuple(row["pool"] for row in freed), dag_ids=(dag_id,))


async def delete_dag(database: Database, dag_id: str) -> Revised | None:
    """Delete a DAG with its versions and runs; None if there is none. Raises `Conflict` while tasks of it run."""
    async with database.transaction() as session:
        if not await session.fetch(statement("lock_dag"), dag_id):
            return None
        dag_run_ids = first_integers(await session.fetch(statement("lock_dag_runs_of_dag"), dag_id))
        revised = await _delete_runs(session, dag_run_ids, dag_id)
        if revised.holders:
            raise Conflict(f"The DAG {dag_id!r} has tasks that are running: end them first")
        await session.fetch(statement("delete_dag"), dag_id)
        await session.fetch(statement("delete_dag_versions"), dag_id)
    return revised


async def _delete_runs(session: Session, dag_run_ids: Sequence[int], dag_id: str) -> Revised:
    locked = await session.fetch(statement("lock_task_instances_of_runs"), list(dag_run_ids))
    freed = await session.fetch(statement("release_slots"), list(dag_run_ids), None, None)
    await session.fetch(statement("delete_dag_runs"), list(dag_run_ids))
    return Revised(holders=_holders(locked), freed_pools=tuple(row["pool"] for row in freed), dag_ids=(dag_id,))


def _holders(locked: Sequence[Row]) -> tuple[AttemptHolder, ...]:
    return tuple(
        AttemptHolder(attempt_id=row["attempt_id"], worker_id=row["worker_id"])
        for row in locked
        if row["state"] in HELD_STATES and row["worker_id"] is not None
    )


def _key_columns(ids: Sequence[TaskInstanceId]) -> tuple[list[int], list[str], list[int]]:
    return [id_.dag_run_id for id_ in ids], [id_.task_id for id_ in ids], [id_.map_index for id_ in ids]


def version_ids(runs: Sequence[Row]) -> list[UUID]:
    """The versions that the runs are on, each once."""
    return list(dict.fromkeys(run["dag_version_id"] for run in runs))
