"""The attempts of a trial: each is run in this process, and waits here for what it waits for."""

import os
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from tradewind.core.states import EndCause, Outcome
from tradewind.sdk import serde
from tradewind.sdk.active import executing
from tradewind.sdk.dags import DAG
from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.triggers.base import BaseTaskEndEvent
from tradewind.sdk.xcom_arg import XCOM_RETURN_KEY
from tradewind.task_runner.attempt.context import build_context
from tradewind.task_runner.attempt.execute import execute_attempt
from tradewind.task_runner.attempt.mapping import instance_of
from tradewind.task_runner.attempt.signals import sigterm_restored
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.task_runner.trial.apart import run_apart
from tradewind.task_runner.trial.memory import TrialMemory
from tradewind.task_runner.trial.triggers import resumption_of
from tradewind.wire.messages import Grant, TaskInstanceKey

_WORKER = "trial"


@dataclass(frozen=True, kw_only=True)
class TriedRun:
    """What attempts of a trial know of their run."""

    run_id: str
    run_after: datetime
    start_date: datetime
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    conf: bytes
    """As JSON."""


@dataclass(frozen=True, kw_only=True)
class Try:
    """Which try of which instance is to be run."""

    task_id: str
    map_index: int
    attempt_id: UUID
    try_number: int
    max_tries: int
    reschedule_count: int = 0
    first_start_date: datetime | None = None
    map_lengths: Sequence[tuple[str, int]] = ()


def check_thread() -> None:
    """Raises AirflowRuntimeError in a thread that is not the main one: attempts use signals."""
    if threading.current_thread() is not threading.main_thread():
        raise AirflowRuntimeError("a DAG can be tried in the main thread only: its tasks use signals")


class TrialAttempts:
    """Runs attempts of one run, one after the other: in this process, or `apart`, each in one of its own."""

    def __init__(self, dag: DAG, run: TriedRun, memory: TrialMemory, *, apart: bool = False) -> None:
        self._dag, self._run, self._memory, self._apart = dag, run, memory, apart

    def run(self, tried: Try) -> AttemptResult:
        """The try's end; what it pushed is in the memory. A deferred task waits here and goes on."""
        task = self._dag.task_dict[tried.task_id]
        self._memory.current = (tried.task_id, tried.map_index)
        if not tried.reschedule_count:
            self._memory.forget_xcoms(tried.task_id, tried.map_index)
        result = self._execute(task, tried, None, {})
        while result.outcome == Outcome.DEFERRED:
            assert result.effects is not None
            assert result.effects.deferral is not None, "a deferred attempt says what it waits for"
            how = resumption_of(result.effects.deferral)
            is_over = isinstance(how, BaseTaskEndEvent)
            result = _ended_by(how, result) if is_over else self._execute(task, tried, *how)
        self._keep(tried, result)
        return result

    def _execute(
        self, task: BaseOperator, tried: Try, next_method: str | None, next_kwargs: Mapping[str, Any]
    ) -> AttemptResult:
        request = self._request(tried, next_method, next_kwargs)
        if self._apart:
            return run_apart(
                lambda runtime: execute_attempt(request, task, runtime, request.grant.start_date), self._memory
            )
        with sigterm_restored(), _environment_restored():
            return execute_attempt(request, task, self._memory, request.grant.start_date)

    def rendered(self, tried: Try) -> BaseOperator:
        """The task as this try would execute it: the instance that is meant, its templated fields rendered."""
        task = self._dag.task_dict[tried.task_id]
        with _environment_restored():
            context = build_context(self._request(tried, None, {}), task, self._memory)
            with executing(context):
                task = instance_of(task, context) if task.is_mapped else task.prepare_for_execution()
                task.resolve_template_files()
                task.render_template_fields(context)
        return task

    def _request(self, tried: Try, next_method: str | None, next_kwargs: Mapping[str, Any]) -> AttemptRequest:
        return AttemptRequest(
            key=TaskInstanceKey(self._dag.dag_id, tried.task_id, self._run.run_id, tried.try_number, tried.map_index),
            attempt_id=tried.attempt_id,
            grant=self._grant(tried, next_method, next_kwargs),
            dags_folder=self._dag.folder,
            execution_api_url="",
            worker_id=_WORKER,
        )

    def _grant(self, tried: Try, next_method: str | None, next_kwargs: Mapping[str, Any]) -> Grant:
        run = self._run
        return Grant(
            token="",
            try_number=tried.try_number,
            max_tries=tried.max_tries,
            relative_fileloc="",
            file_digest="",
            run_type="manual",
            logical_date=run.logical_date,
            data_interval_start=run.data_interval_start,
            data_interval_end=run.data_interval_end,
            run_after=run.run_after,
            dag_run_start_date=run.start_date,
            dag_run_queued_at=run.start_date,
            triggered_by="test",
            conf=run.conf,
            start_date=datetime.now(UTC),
            next_method=next_method,
            next_kwargs=serde.to_json(dict(next_kwargs)) if next_method is not None else None,
            task_reschedule_count=tried.reschedule_count,
            first_start_date=tried.first_start_date,
            map_lengths=tuple(tried.map_lengths),
        )

    def _keep(self, tried: Try, result: AttemptResult) -> None:
        if result.outcome == Outcome.SUCCESS:
            for key, value in result.xcoms:
                self._memory.set_xcom(self._dag.dag_id, self._run.run_id, tried.task_id, key, tried.map_index, value)


def _ended_by(event: BaseTaskEndEvent, before: AttemptResult) -> AttemptResult:
    """The end that a trigger's event makes, without the task going on."""
    outcome = {"success": Outcome.SUCCESS, "skipped": Outcome.SKIPPED}.get(event.task_instance_state, Outcome.FAILED)
    pushed = {} if event.xcoms is None else event.xcoms
    return msgspec.structs.replace(
        before,
        outcome=outcome,
        cause=EndCause.USER_ERROR if outcome is Outcome.FAILED else EndCause.NONE,
        ended_at=datetime.now(UTC),
        xcoms=tuple((key or XCOM_RETURN_KEY, serde.to_json(value)) for key, value in pushed.items()),
        effects=None,
    )


@contextmanager
def _environment_restored() -> Generator[None]:
    """The environment is afterwards what it was: an attempt sets variables that name it."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in [name for name in os.environ if name not in before]:
            del os.environ[name]
        os.environ.update(before)
