"""What a person deletes: DAGs, runs, task instances."""

from tradewind.api.revising import one_run
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.core.rows import TaskInstanceId
from tradewind.db.api import people as queries


async def delete_dag(state: ApiState, dag_id: str) -> None:
    """With its runs. Raises `NotFound`, and `Conflict` while tasks of it run."""
    revised = await queries.delete_dag(state["database"], dag_id)
    if revised is None:
        raise NotFound(f"The DAG with dag_id {dag_id!r} was not found")
    state["announcer"].revised(revised)


async def delete_dag_run(state: ApiState, dag_id: str, run_id: str) -> None:
    """Raises `NotFound`, and `Conflict` while it is running."""
    run = await one_run(state, dag_id, run_id)
    state["announcer"].revised(await queries.delete_dag_run(state["database"], run.ids[0]))


async def delete_task_instance(state: ApiState, dag_id: str, run_id: str, task_id: str, map_index: int) -> None:
    """Raises `NotFound`."""
    run = await one_run(state, dag_id, run_id)
    id_ = TaskInstanceId(run.ids[0], task_id, map_index)
    revised = await queries.delete_task_instance(state["database"], id_, dag_id, state["clock"]())
    if revised is None:
        raise NotFound(f"The task instance {task_id!r} (map_index {map_index}) of the run {run_id!r} was not found")
    state["announcer"].revised(revised)
    state["announcer"].dag_runs_revised(run.ids)
