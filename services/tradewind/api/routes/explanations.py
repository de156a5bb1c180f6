"""`…/taskInstances/{task_id}/dependencies`, as Airflow has it, and `…/explain`, which says more."""

from fastapi import APIRouter

from tradewind.api.access.guard import VisibleDep
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.explaining import explained
from tradewind.api.models.explanations import (
    ExplanationResponse,
    GateResponse,
    PlaceInOrderResponse,
    SlotHolderResponse,
    TaskDependencyCollectionResponse,
    TaskDependencyResponse,
)
from tradewind.api.models.queries import Integer
from tradewind.core.explain.airflow import unmet_dependencies
from tradewind.core.explain.values import Explanation, SlotHolder
from tradewind.core.states import TaskInstanceState

router = APIRouter(prefix="/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", tags=["Task Instance"])


@router.get("/{task_id}/dependencies", responses=documented(404))
async def get_task_instance_dependencies(
    dag_id: str, dag_run_id: str, task_id: str, state: StateDep, visible: VisibleDep, map_index: Integer = -1
) -> TaskDependencyCollectionResponse:
    """What keeps a task instance from being queued; nothing for one that is past that."""
    _, explanation = await explained(state, visible, dag_id, dag_run_id, task_id, map_index)
    unmet = [TaskDependencyResponse(name=each.name, reason=each.reason) for each in unmet_dependencies(explanation)]
    return TaskDependencyCollectionResponse(dependencies=unmet)


@router.get("/{task_id}/{map_index}/dependencies", responses=documented(404))
async def get_task_instance_dependencies_by_map_index(
    dag_id: str, dag_run_id: str, task_id: str, map_index: Integer, state: StateDep, visible: VisibleDep
) -> TaskDependencyCollectionResponse:
    """The same for one instance of a mapped task."""
    return await get_task_instance_dependencies(dag_id, dag_run_id, task_id, state, visible, map_index)


@router.get("/{task_id}/explain", responses=documented(404))
async def explain_task_instance(
    dag_id: str, dag_run_id: str, task_id: str, state: StateDep, visible: VisibleDep, map_index: Integer = -1
) -> ExplanationResponse:
    """Every gate between a task instance and its worker, with its numbers; for one that has ended, why it did so.
    Holders of slots that belong to DAGs which the caller may not see are counted, not named."""
    id_, explanation = await explained(state, visible, dag_id, dag_run_id, task_id, map_index)
    return _response(dag_id, dag_run_id, id_.task_id, id_.map_index, explanation)


@router.get("/{task_id}/{map_index}/explain", responses=documented(404))
async def explain_mapped_task_instance(
    dag_id: str, dag_run_id: str, task_id: str, map_index: Integer, state: StateDep, visible: VisibleDep
) -> ExplanationResponse:
    """The same for one instance of a mapped task."""
    return await explain_task_instance(dag_id, dag_run_id, task_id, state, visible, map_index)


def _response(
    dag_id: str, dag_run_id: str, task_id: str, map_index: int, explanation: Explanation
) -> ExplanationResponse:
    order = explanation.order
    return ExplanationResponse(
        dag_id=dag_id,
        dag_run_id=dag_run_id,
        task_id=task_id,
        map_index=map_index,
        state=None if explanation.state is TaskInstanceState.NONE else explanation.state.value,
        summary=explanation.summary,
        gates=[
            GateResponse(name=gate.name, stage=gate.stage.value, is_open=gate.is_open, reason=gate.reason)
            for gate in explanation.gates
        ],
        order=None if order is None else PlaceInOrderResponse.model_validate(order._asdict()),
        pool_holders=[_holder(each) for each in explanation.holders.most],
        pool_holder_count=explanation.holders.count,
    )


def _holder(holder: SlotHolder) -> SlotHolderResponse:
    return SlotHolderResponse.model_validate(
        {
            "dag_id": holder.dag_id,
            "dag_run_id": holder.run_id,
            "task_id": holder.task_id,
            "map_index": holder.map_index,
            "state": holder.state,
            "slots": holder.slots,
            "since": holder.since,
        }
    )
