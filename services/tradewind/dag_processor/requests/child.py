"""What a child does with a question: load the DAG file, call the author's code, give the answer."""

import asyncio
import inspect
import sys
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import msgspec

from tradewind.core.dag_requests import DagRequest, RequestKind, UnheardEnd
from tradewind.core.timetables.from_spec import restriction_of
from tradewind.core.timetables.values import DataInterval, NextRun
from tradewind.dag_processor.requests.answers import Answer
from tradewind.dag_processor.requests.context import callback_context, deadline_context
from tradewind.sdk import timezone as tz
from tradewind.sdk.dag_file import load_dag_file, user_traceback
from tradewind.sdk.dags import DAG
from tradewind.sdk.deadlines import deadline_alerts
from tradewind.sdk.listeners import LISTENERS
from tradewind.sdk.masking import MASKER
from tradewind.sdk.priority_strategy import weights_by_try
from tradewind.sdk.serialize import serialize_dag
from tradewind.sdk.timetables import base


def answer_in(path: Path, root: Path, question: bytes) -> bytes:
    """Answer a question (a `DagRequest` as JSON) by an `Answer` as JSON, whatever the file does."""
    request = msgspec.json.decode(question, type=DagRequest)
    try:
        answer = _answer(load_dag_file(path, root).dags.get(request.dag_id), request)
    except BaseException as exc:
        answer = Answer(error=user_traceback(exc))
    return msgspec.json.encode(replace(answer, error=MASKER.redact(answer.error) if answer.error else None))


def _answer(dag: DAG | None, request: DagRequest) -> Answer:
    if dag is None:
        return Answer(error=f"{request.relative_fileloc}: there is no DAG {request.dag_id!r}")
    if request.kind is RequestKind.NEXT_RUN:
        return Answer(next_run=_next_run(dag, request))
    if request.kind is RequestKind.MAP_PARTITIONS:
        # Imported here: most children are not asked for this.
        from tradewind.dag_processor.requests.partitions import mapped_events

        return Answer(mapped=mapped_events(dag, request.reason or ""))
    if request.kind is RequestKind.RUN_WEIGHTS:
        return _weights(dag, request)
    if request.kind is RequestKind.DAG_CALLBACK:
        return Answer(error=_call_back(dag, request))
    if request.kind is RequestKind.DEADLINE:
        return Answer(error=_call_alert(dag, request))
    if request.kind is RequestKind.TASK_CALLBACK:
        assert request.run is not None
        # Imported here: most children are not asked for this.
        from tradewind.dag_processor.requests.task_callbacks import tell_of

        return Answer(error=tell_of(dag, request.run, UnheardEnd.from_text(request.reason or "")))
    _tell_listeners(dag, request)
    return Answer()


def _next_run(dag: DAG, request: DagRequest) -> NextRun | None:
    allowed = restriction_of(serialize_dag(dag, request.relative_fileloc))
    restriction = base.TimeRestriction(_pendulum(allowed.earliest), _pendulum(allowed.latest), allowed.catchup)
    info = dag.timetable.next_dagrun_info_v2(last_dagrun_info=_last(request), restriction=restriction)
    if info is None:
        return None
    if not isinstance(info, base.DagRunInfo):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
        raise TypeError(f"{_where(dag)}: next_dagrun_info must give a DagRunInfo or None, not {info!r}")
    interval = info.data_interval
    return NextRun(
        _utc(info.run_after, dag),
        None if interval is None else DataInterval(_utc(interval.start, dag), _utc(interval.end, dag)),
    )


def _last(request: DagRequest) -> base.DagRunInfo | None:
    if request.last is None:
        return None
    start, end = _pendulum(request.last.start), _pendulum(request.last.end)
    assert start is not None
    assert end is not None
    return base.DagRunInfo.interval(start, end)


def _weights(dag: DAG, request: DagRequest) -> Answer:
    """What one strategy raises leaves its task as it was."""
    assert request.run is not None
    dag_run = callback_context(dag, request.run, None)["dag_run"]
    weights: dict[str, tuple[int, ...]] = {}
    errors: list[str] = []
    for task in dag.tasks:
        try:
            said = None if task.weight_strategy is None else weights_by_try(task.weight_strategy, task, dag_run)
        except Exception as exc:
            errors.append(f"task {task.task_id!r}: {user_traceback(exc)}")
            continue
        if said is not None:
            weights[task.task_id] = said
    return Answer(weights=weights, error="\n".join(errors) or None)


def _call_back(dag: DAG, request: DagRequest) -> str | None:
    """Each callback gets the context, whatever the others do."""
    assert request.run is not None
    found: Any = dag.on_failure_callback if request.run.state == "failed" else dag.on_success_callback
    callbacks = cast("list[Callable[[Any], object]]", found if isinstance(found, list) else [found] if found else [])
    context = callback_context(dag, request.run, request.reason)
    errors: list[str] = []
    for callback in callbacks:
        try:
            callback(context)
        except Exception as exc:
            traceback.print_exc(file=sys.stderr)
            errors.append(user_traceback(exc))
    return "\n".join(errors) or None


def _tell_listeners(dag: DAG, request: DagRequest) -> None:
    """What a listener raises is logged, and the others are told all the same."""
    assert request.run is not None
    state = "running" if request.kind is RequestKind.RUN_BEGAN else request.run.state
    dag_run = callback_context(dag, replace(request.run, state=state), request.reason)["dag_run"]
    LISTENERS.notify(f"on_dag_run_{state}", dag_run=dag_run, msg=request.reason or "")


def _call_alert(dag: DAG, request: DagRequest) -> str | None:
    """The callback of the deadline alert at the place that `reason` names."""
    assert request.run is not None
    place, due_at = (request.reason or "").split()
    alerts = deadline_alerts(dag.deadline)
    if int(place) >= len(alerts):
        return f"DAG {dag.dag_id!r} has no deadline alert {place} any more"
    context = deadline_context(dag, request.run, tz.parse(due_at))
    try:
        given = alerts[int(place)].callback.call(context)
        if inspect.isawaitable(given):
            asyncio.run(_await(given))
    except Exception as exc:
        traceback.print_exc(file=sys.stderr)
        return user_traceback(exc)
    return None


async def _await(awaitable: Awaitable[object]) -> None:
    await awaitable


def _pendulum(moment: datetime | None) -> datetime | None:
    return tz.coerce_datetime(moment)


def _utc(moment: datetime, dag: DAG) -> datetime:
    if not isinstance(moment, datetime) or tz.is_naive(moment):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
        raise TypeError(f"{_where(dag)}: next_dagrun_info must give aware datetimes, not {moment!r}")
    return tz.as_utc(moment)


def _where(dag: DAG) -> str:
    return f"DAG {dag.dag_id!r}: timetable {type(dag.timetable).__qualname__}"
