"""Telling people of an attempt whose process was lost: what it would have done itself, without its token.

Callbacks, listeners and mail see the context of the attempt. What they would ask the execution API (XComs, other runs)
is out of reach: the attempt is over.
"""

import logging
from typing import Any, NoReturn, cast
from uuid import UUID

from tradewind.core.dag_requests import RequestedRun, UnheardEnd
from tradewind.core.states import EndCause, Outcome, TaskInstanceState
from tradewind.sdk import timezone as tz
from tradewind.sdk.dags import DAG
from tradewind.sdk.exceptions import AirflowException, AirflowRuntimeError
from tradewind.sdk.runtime import Runtime
from tradewind.task_runner.attempt.context import build_context
from tradewind.task_runner.attempt.notices import give_notice
from tradewind.task_runner.attempt.outcomes import Judgement
from tradewind.task_runner.protocol import AttemptRequest
from tradewind.wire.messages import Grant, TaskInstanceKey


class _OutOfReach:
    """The execution API, to one that has no token for it."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
            raise AirflowRuntimeError(f"{name}: the attempt is over, its callbacks cannot ask for anything")

        return refuse


class _Failures(logging.Handler):
    """Keeps what is logged as errors."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, with its traceback."""
        self.texts.append(self.format(record))


def tell_of(dag: DAG, run: RequestedRun, unheard: UnheardEnd) -> str | None:
    """Call what is due for this end; what went wrong, if anything did."""
    if not dag.has_task(unheard.task_id):
        return f"DAG {dag.dag_id!r} has no task {unheard.task_id!r} any more"
    task = dag.get_task(unheard.task_id)
    context = build_context(_attempt(dag, run, unheard), task, cast("Runtime", _OutOfReach()))
    judgement = Judgement(Outcome.FAILED, EndCause.WORKER_LOST, AirflowException(unheard.detail))
    failures, log = _Failures(), logging.getLogger("tradewind.task")
    log.addHandler(failures)
    try:
        give_notice(judgement, task, context, will_retry=unheard.state == TaskInstanceState.UP_FOR_RETRY)
    finally:
        log.removeHandler(failures)
    return "\n".join(failures.texts) or None


def _attempt(dag: DAG, run: RequestedRun, unheard: UnheardEnd) -> AttemptRequest:
    key = TaskInstanceKey(dag.dag_id, unheard.task_id, run.run_id, unheard.try_number, unheard.map_index)
    grant = Grant(
        token="",
        try_number=unheard.try_number,
        max_tries=unheard.max_tries,
        relative_fileloc="",
        file_digest="",
        run_type=run.run_type,
        logical_date=run.logical_date,
        data_interval_start=run.data_interval_start,
        data_interval_end=run.data_interval_end,
        run_after=run.run_after,
        dag_run_start_date=run.start_date,
        dag_run_queued_at=run.queued_at,
        triggered_by=run.triggered_by,
        conf=run.conf,
        start_date=tz.parse(unheard.ended_at),
        triggering_user_name=run.triggering_user_name,
    )
    return AttemptRequest(key, UUID(int=0), grant, "", "")
