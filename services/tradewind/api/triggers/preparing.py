"""The run that somebody asks for, ready to be inserted."""

from typing import Literal

from tradewind.api.dag_specs import VersionKey
from tradewind.api.errors import BadRequest
from tradewind.api.models.dag_runs import TriggerDAGRunPostBody
from tradewind.api.state import ApiState
from tradewind.api.triggering import MANUAL, Requester, new_dag_run
from tradewind.core.errors import NotFound
from tradewind.db.api.dags import NewDagRun, get_trigger_target
from tradewind.db.pool import Row


async def prepared_run(
    state: ApiState,
    dag_id: str,
    body: TriggerDAGRunPostBody,
    username: str,
    triggered_by: Literal["rest_api", "ui", "cli"],
) -> tuple[NewDagRun, Row]:
    """The run, and what describes its DAG and version. Raises `NotFound` and `BadRequest`."""
    target = await get_trigger_target(state["database"], dag_id)
    if target is None:
        raise NotFound(f"The DAG with dag_id {dag_id!r} was not found")
    if target["has_import_errors"]:
        raise BadRequest(f"The DAG with dag_id {dag_id!r} cannot be triggered: its file has import errors")
    spec = await state["dag_specs"].get(VersionKey.of_row(target))
    if not spec.allows(MANUAL):
        raise BadRequest(f"The DAG with dag_id {dag_id!r} does not allow manual runs")
    asked = await state["own_timetables"].with_interval(spec, body)
    requester = Requester(username=username, triggered_by=triggered_by, now=state["clock"](), entropy=state["new_id"]())
    return new_dag_run(dag_id, target["version_id"], spec, asked, requester), target
