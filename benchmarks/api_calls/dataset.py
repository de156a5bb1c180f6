"""Ten thousand DAGs with over a hundred thousand runs and a million task instances, made by SQL in half a minute."""

from pathlib import Path
from typing import Final

import asyncpg

from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.db.pool import open_pool
from tradewind.db.postgres.store import PostgresStore
from tradewind.service.clock import utc_now

DAGS: Final = 10_000
RUNS: Final = 100_000
DAGS_A_FILE: Final = 100
TASKS: Final = tuple(TaskSpec(task_id=f"t{number}", task_type="PythonOperator") for number in range(10))
FILL: Final = Path(__file__).parent / "fill.sql"

BIG_DAG: Final = "dag_00000"
"""It has 5,000 runs; fifty others have 500 each, the rest share what is left."""
SMALL_DAG: Final = f"dag_{DAGS - 1:05}"


async def fill(database_url: str) -> int:
    """Fill a database that has the schema; returns how many task instances there are."""
    async with open_pool(database_url, 1) as database:
        store = PostgresStore(database)
        for first in range(0, DAGS, DAGS_A_FILE):
            specs = [_dag(number) for number in range(first, first + DAGS_A_FILE)]
            await store.write_dag_file(specs[0].relative_fileloc, "digest", specs, utc_now())
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(FILL.read_text().replace("$1", str(RUNS)))
        await connection.execute("VACUUM ANALYZE")
        return int(await connection.fetchval("SELECT count(*) FROM task_instance"))
    finally:
        await connection.close()


def _dag(number: int) -> DagSpec:
    return DagSpec(
        dag_id=f"dag_{number:05}",
        relative_fileloc=f"file_{number // DAGS_A_FILE:03}.py",
        tasks=TASKS,
        tags=(f"team{number % 10}",),
        owners=("ada",),
        is_paused_upon_creation=False,
    )
