"""Things in each of the lists, so many and so different that every filter leaves some of them and takes some away.

Nothing else in the database has names that begin with `NAME`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from tests.servers.scene import Scene
from tradewind.core.spec import AssetRef, DagSpec, LengthKind, MapLength, TaskGroupSpec, TaskSpec

NAME: Final = "Wörld_"
DAY: Final = datetime(2026, 3, 1, tzinfo=UTC)
A, B, C = (f"{NAME}{letter}" for letter in "abc")
LENGTH: Final = MapLength(kind=LengthKind.LITERAL, length=2)
PLAIN: Final = TaskSpec(task_id="plain", pool="default_pool", retries=3, priority_weight=5, owner="ada", queue="q1")
MAPPED: Final = TaskSpec(task_id="mapped", map_length=LENGTH, task_group_id="group", task_display_name="Mapped one")
READ: Final = AssetRef(name=f"{NAME}read", uri="s3://read/50%")
WRITTEN: Final = AssetRef(name=f"{NAME}written", uri="s3://written/1")
GONE: Final = AssetRef(name=f"{NAME}gone", uri="s3://gone/1")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOf:
    """A run, each field unlike that of every other run."""

    dag_id: str
    number: int
    state: str
    run_type: str
    version: int

    @property
    def run_id(self) -> str:
        return f"run_{self.number}"


RUNS: Final = (
    RunOf(dag_id=A, number=1, state="success", run_type="manual", version=1),
    RunOf(dag_id=A, number=2, state="failed", run_type="scheduled", version=1),
    RunOf(dag_id=A, number=3, state="queued", run_type="backfill", version=2),
    RunOf(dag_id=B, number=4, state="success", run_type="asset_triggered", version=1),
)
INSTANCES: Final = (
    # run, task, map_index, state, try_number
    (1, PLAIN, -1, "success", 1),
    (1, MAPPED, 0, "failed", 2),
    (1, MAPPED, 1, "none", 0),
    (2, PLAIN, -1, "upstream_failed", 0),
    (4, PLAIN, -1, "skipped", 1),
    (3, PLAIN, -1, "scheduled", 0),
)


async def make_world(scene: Scene) -> None:
    """Through the store where it matters who wrote it, else by hand."""
    await _make_dags(scene)
    for run in RUNS:
        await _make_run(scene, run)
    for number, instance in enumerate(INSTANCES, start=1):
        await _make_instance(scene, number, *instance)
    await _make_events(scene)
    await _make_others(scene)


async def _make_dags(scene: Scene) -> None:
    group = TaskGroupSpec(group_id="group")
    for dag_id, letter in ((A, "a"), (B, "b"), (C, "c")):
        tasks = (TaskSpec(task_id=f"{PLAIN.task_id}", retries=3, outlets=(WRITTEN,)) if dag_id == B else PLAIN, MAPPED)
        spec = DagSpec(
            dag_id=dag_id,
            relative_fileloc=f"{dag_id}.py",
            tasks=(*tasks, TaskSpec(task_id="gone", outlets=(GONE,))) if dag_id == C else tasks,
            task_groups=(group,),
            tags=(f"{NAME}tag", f"{NAME}tag_{letter}"),
            owners=(f"owner_{letter}",),
            dag_display_name=f"{NAME}shown_{letter.upper()}",
            timetable_type=f"Timetable{letter}",
            asset_condition={"asset": {"name": READ.name, "uri": READ.uri}} if dag_id == A else None,
            schedule_assets=(READ,) if dag_id == A else (),
        )
        await scene.write_file(f"{dag_id}.py", [spec])
    await scene.write_file(f"{C}.py", [])
    await _sql(scene, "UPDATE dag SET is_paused = false, next_dagrun_logical_date = $2 WHERE dag_id = $1", A, DAY)
    sql = "UPDATE dag SET has_import_errors = true, bundle_name = 'b', bundle_version = 'v' WHERE dag_id = $1"
    await _sql(scene, sql, B)
    await _sql(scene, "UPDATE dag_version SET bundle_version = 'v1', bundle_name = 'b' WHERE dag_id = $1", A)
    sql = """INSERT INTO dag_version
        SELECT $2, dag_id, 2, 'd', file_digest, relative_fileloc, spec, created_at, 'c', 'v2'
        FROM dag_version
        WHERE dag_id = $1"""
    await _sql(scene, sql, A, uuid4())


async def _make_run(scene: Scene, run: RunOf) -> None:
    begin = DAY + timedelta(days=run.number)
    ended = run.state != "queued"
    sql = """INSERT INTO dag_run (dag_id, run_id, state, run_type, triggered_by, triggering_user_name, logical_date,
            data_interval_start, data_interval_end, run_after, queued_at, start_date, end_date, conf, bundle_version,
            partition_key, partition_date, dag_version_id)
        SELECT $1, $2, $3, $4, 'rest_api', $5, $6, $6, $6, $6, $6, $7, $8, $9, $10, $11, $6, id
        FROM dag_version WHERE dag_id = $1 AND version_number = $12"""
    await _sql(
        scene,
        sql,
        *(run.dag_id, run.run_id, run.state, run.run_type, f"user_{run.number}", begin),
        begin + timedelta(hours=1) if ended else None,
        begin + timedelta(hours=1, seconds=run.number) if ended else None,
        *({"key": f"conf_{run.number}"}, f"bundle_{run.number}", f"part_{run.number}", run.version),
    )


async def _make_instance(
    scene: Scene, number: int, run: int, task: TaskSpec, index: int, state: str, tries: int
) -> None:
    begin = DAY + timedelta(days=run, hours=number)
    ended = state in ("success", "failed", "skipped")
    sql = """INSERT INTO task_instance (dag_run_id, task_id, map_index, state, try_number, max_tries, pool, pool_slots,
            queue, executor, priority_weight, operator, task_display_name, rendered_map_index, attempt_id, scheduled_at,
            start_date, end_date)
        SELECT id, $3, $4, $5, $6, 3, $7, 1, $8, $9, 1, $10, $11, $12, $13, $14, $15, $16
        FROM dag_run WHERE dag_id = $1 AND run_id = $2"""
    dag_id = RUNS[run - 1].dag_id
    names = (f"pool_{number}", f"queue_{number}", f"Executor{number}", f"Operator{number}")
    await _sql(
        scene,
        sql,
        *(dag_id, f"run_{run}", task.task_id, index, state, tries, *names, task.task_display_name),
        f"label {number}" if index >= 0 else None,
        *(uuid4(), begin, begin if ended else None, begin + timedelta(seconds=number) if ended else None),
    )
    sql = """INSERT INTO xcom SELECT id, $3, $4, $5, '1', $6 FROM dag_run WHERE dag_id = $1 AND run_id = $2"""
    await _sql(scene, sql, dag_id, f"run_{run}", task.task_id, index, f"key_{number}", begin)
    answer = {"id": f"id_{number}", "name": f"name_{number}"} if ended else None
    sql = """INSERT INTO hitl_detail (dag_run_id, task_id, map_index, try_number, attempt_id, subject, body, options,
            multiple, params, assigned_users, created_at, responded_at, responded_by, chosen_options)
        SELECT dag_run_id, task_id, map_index, try_number, attempt_id, $5, $6, '["x"]', false, '{}', '[]', $7, $8, $9,
            '["x"]'
        FROM task_instance JOIN dag_run ON dag_run.id = dag_run_id
        WHERE dag_id = $1 AND run_id = $2 AND task_id = $3 AND map_index = $4"""
    what = (dag_id, f"run_{run}", task.task_id, index, f"Subject {number}", f"Body {number}")
    await _sql(scene, sql, *what, begin, begin if ended else None, answer)


async def _make_events(scene: Scene) -> None:
    for number, (asset, dag_id) in enumerate(((READ, A), (WRITTEN, B), (WRITTEN, A)), start=1):
        sql = """INSERT INTO asset_event (asset_id, timestamp, extra, source_dag_id, source_run_id, source_task_id,
                source_map_index)
            SELECT id, $2, '{}', $3, $4, $5, $6 FROM asset WHERE name = $1"""
        where = (dag_id, f"run_{number}", f"task_{number}", number)
        await _sql(scene, sql, asset.name, DAY + timedelta(days=number), *where)
    sql = """INSERT INTO dag_run_asset_event
        SELECT dag_run.id, asset_event.id FROM dag_run, asset_event JOIN asset ON asset.id = asset_id
        WHERE dag_run.dag_id = $1 AND dag_run.run_id = 'run_1' AND asset.name = $2"""
    await _sql(scene, sql, A, READ.name)


async def _make_others(scene: Scene) -> None:
    for name in (f"{NAME}1.py", f"{NAME}2.py", f".{NAME}b/3.py"):
        await scene.break_file(name, f"Traceback of {name}")
    for number, active in enumerate((None, DAY)):
        sql = """INSERT INTO backfill (dag_id, from_date, to_date, reprocess_behavior, max_active_runs, created_at,
                updated_at, completed_at)
            VALUES ($1, $2, $2, 'none', 1, $2, $2, $3)"""
        await _sql(scene, sql, A, DAY + timedelta(days=number), active)
    await _sql(scene, "INSERT INTO dag_favorite VALUES ('ada', $1)", A)
    await _sql(scene, "UPDATE dag SET pools = '{none}' WHERE dag_id = ANY ($1)", [A, B])


async def _sql(scene: Scene, sql: str, *values: object) -> None:
    await scene.database.fetch(sql, *values)
