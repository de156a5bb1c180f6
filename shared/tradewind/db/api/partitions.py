"""What the API asks and changes about the partitions that runs are of."""

from collections.abc import Sequence

from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


async def known_runs(database: Database, dag_id: str, run_ids: Sequence[str]) -> Sequence[str]:
    """Those of the run ids that the DAG has."""
    rows = await database.fetch(statement("api_list_known_runs"), dag_id, list(run_ids))
    return [row["run_id"] for row in rows]


async def count_partitioned_runs(database: Database, dag_id: str, run_ids: Sequence[str]) -> int:
    """How many of these runs are of a partition."""
    rows = await database.fetch(statement("api_list_known_runs"), dag_id, list(run_ids))
    return sum(row["is_partitioned"] for row in rows)


async def forget_partitions(database: Database, dag_id: str, run_ids: Sequence[str]) -> Sequence[Row]:
    """Make those of these runs that are of a partition runs of none: `id` and `state` of each. A raised revision has
    owners load them again."""
    return await database.fetch(statement("api_forget_partitions"), dag_id, list(run_ids))
