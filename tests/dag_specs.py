"""Small DAG specs, runs and rows for tests; every field can be given."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tradewind.core.rows import DagRunRow, LoadedRun, TaskInstanceId, TaskInstanceRow
from tradewind.core.snapshot import DagPlan, RunSnapshot
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import DagRunState

NOW = datetime(2030, 1, 1, tzinfo=UTC)
VERSION_ID = UUID(int=1)
OWNER_ID = UUID(int=2)


def task(task_id: str, *upstream_task_ids: str, **fields: Any) -> TaskSpec:
    return TaskSpec(task_id=task_id, upstream_task_ids=tuple(sorted(upstream_task_ids)), **fields)


def dag(*tasks: TaskSpec, dag_id: str = "dag", **fields: Any) -> DagSpec:
    below = {each.task_id: tuple(t.task_id for t in tasks if each.task_id in t.upstream_task_ids) for each in tasks}
    linked = tuple(replace(each, downstream_task_ids=below[each.task_id]) for each in tasks)
    return DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=linked, **fields)


def dag_run(**fields: Any) -> DagRunRow:
    values: dict[str, Any] = {
        "id": 1,
        "dag_id": "dag",
        "run_id": "run",
        "state": DagRunState.RUNNING,
        "dag_version_id": VERSION_ID,
        "owner": OWNER_ID,
        "owner_epoch": 1,
        "revision": 0,
        "dag_is_paused": False,
        "run_after": NOW,
    }
    return DagRunRow(**{**values, **fields})


def row(task_id: str, **fields: Any) -> TaskInstanceRow:
    return TaskInstanceRow(id=TaskInstanceId(1, task_id), **fields)


def snapshot(spec: DagSpec, rows: Sequence[TaskInstanceRow] = (), **run_fields: Any) -> RunSnapshot:
    run = dag_run(dag_id=spec.dag_id, **run_fields)
    return RunSnapshot(LoadedRun(run=run, task_instances=tuple(rows)), DagPlan(spec))
