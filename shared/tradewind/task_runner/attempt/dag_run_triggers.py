"""A task that asked for a run of another DAG: make the run, and wait for its end if that is wanted."""

import logging
import time
from datetime import datetime
from importlib import import_module
from typing import Any, Final

from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    DagRunTriggerException,
    TaskDeferred,
)
from tradewind.sdk.runtime import Runtime

TRIGGER_MODULE: Final = "airflow.providers.standard.triggers.external_task"

log = logging.getLogger("tradewind.task")


def trigger_dag_run(request: DagRunTriggerException, ti: Any, client: Runtime) -> None:
    """Returns when the task has succeeded. Else raises AirflowSkipException, TaskDeferred or an error."""
    log.info("Triggering Dag Run.", extra={"trigger_dag_id": request.trigger_dag_id})
    if not _make_run(request, client):
        message = f"DAG {request.trigger_dag_id!r} has a run {request.dag_run_id!r} or one of its logical date already"
        raise AirflowSkipException(message) if request.skip_when_already_exists else AirflowFailException(message)
    ti.xcom_push(key="trigger_run_id", value=request.dag_run_id)
    if request.wait_for_completion:
        if request.deferrable:
            _defer(request)
        _wait(request, client)


def _make_run(request: DagRunTriggerException, client: Runtime) -> bool:
    fields = {
        "conf": dict(request.conf or {}),
        "logical_date": _as_text(request.logical_date),
        "run_after": _as_text(request.run_after),
        "note": request.note,
    }
    if client.trigger_dag_run(request.trigger_dag_id, request.dag_run_id, fields):
        return True
    if not request.reset_dag_run:
        return False
    client.clear_dag_run(request.trigger_dag_id, request.dag_run_id)
    return True


def _as_text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _defer(request: DagRunTriggerException) -> None:
    # Imported here: only deferrable tasks need triggers.
    trigger = import_module(TRIGGER_MODULE).DagStateTrigger(
        dag_id=request.trigger_dag_id,
        states=[*request.allowed_states, *request.failed_states],
        run_ids=[request.dag_run_id],
        poll_interval=request.poke_interval,
    )
    raise TaskDeferred(trigger=trigger, method_name="execute_complete")


def _wait(request: DagRunTriggerException, client: Runtime) -> None:
    while True:
        log.info("Waiting for run %s of %s to end", request.dag_run_id, request.trigger_dag_id)
        time.sleep(request.poke_interval)
        run = client.get_dag_run(request.trigger_dag_id, request.dag_run_id)
        state = None if run is None else run["state"]
        if run is None or state in request.failed_states:
            raise AirflowException(f"{request.trigger_dag_id} failed with failed state {state or 'removed'}")
        if state in request.allowed_states:
            return
