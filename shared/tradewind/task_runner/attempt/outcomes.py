"""What an attempt comes to, by the exception that ended it: one decision, its effects as values."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, cast

from tradewind.core.states import EndCause, Outcome
from tradewind.sdk import serde
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTerminated,
    AirflowTaskTimeout,
    DownstreamTasksSkipped,
    TaskAwaitingInput,
    TaskDeferred,
)
from tradewind.sdk.masking import MASKER
from tradewind.sdk.operator import BaseOperator
from tradewind.task_runner.attempt.rendered_fields import storable
from tradewind.wire.messages import Deferral, EndEffects

MAX_DETAIL_CHARACTERS: Final = 1000
ALL_INSTANCES: Final = -1

WAITING: Final = (Outcome.DEFERRED, Outcome.RESCHEDULED, Outcome.AWAITING_INPUT)
"""The task goes on later, in the same try."""


class Judgement(NamedTuple):
    """An outcome, why, and what else changes by it."""

    outcome: Outcome
    cause: EndCause = EndCause.NONE
    error: BaseException | None = None
    """What went wrong, or why it was skipped; None if nothing did."""
    effects: EndEffects | None = None


PLAIN_SUCCESS: Final = Judgement(Outcome.SUCCESS)


def judge(error: BaseException | None, task: BaseOperator) -> Judgement:
    """The outcome. A task that cannot say what it waits for has failed by that."""
    match error:
        case None:
            return PLAIN_SUCCESS
        case AirflowSkipException():
            return Judgement(Outcome.SKIPPED, error=error)
        case AirflowFailException() | AirflowSensorTimeout():
            return Judgement(Outcome.FAILED_WITHOUT_RETRY, EndCause.USER_ERROR, error)
        case AirflowTaskTimeout():
            return Judgement(Outcome.FAILED, EndCause.TIMEOUT, error)
        case AirflowTaskTerminated():
            return Judgement(Outcome.FAILED, EndCause.KILLED, error)
        case DownstreamTasksSkipped() | AirflowRescheduleException() | TaskDeferred() | TaskAwaitingInput():
            try:
                return _asked_for(error, task)
            except Exception as exc:
                return Judgement(Outcome.FAILED, EndCause.USER_ERROR, exc)
        case _:
            return Judgement(Outcome.FAILED, EndCause.USER_ERROR, error)


def detail(error: BaseException) -> str:
    """One line, without secrets."""
    text = " ".join(str(error).split())
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return storable(MASKER.redact(line))[:MAX_DETAIL_CHARACTERS]


def _asked_for(
    request: DownstreamTasksSkipped | AirflowRescheduleException | TaskDeferred | TaskAwaitingInput, task: BaseOperator
) -> Judgement:
    """What a task asked for by an exception that is no error."""
    match request:
        case DownstreamTasksSkipped():
            return Judgement(Outcome.SUCCESS, effects=EndEffects(skipped=_skipped(request)))
        case AirflowRescheduleException():
            return Judgement(Outcome.RESCHEDULED, effects=EndEffects(reschedule_at=_in_utc(request.reschedule_date)))
        case TaskDeferred():
            return Judgement(Outcome.DEFERRED, effects=EndEffects(deferral=_deferral(request, task)))
        case TaskAwaitingInput():
            question = None if request.human_input is None else serde.to_json(dict(request.human_input))
            effects = EndEffects(deferral=_wait_for_input(request), human_input=question)
            return Judgement(Outcome.AWAITING_INPUT, effects=effects)


def _skipped(request: DownstreamTasksSkipped) -> tuple[tuple[str, int], ...]:
    """Each once, in the order given."""
    tasks = cast("Any", request.tasks)
    named = [tasks] if isinstance(tasks, str) else list(tasks)
    pairs = [(each, ALL_INSTANCES) if isinstance(each, str) else (str(each[0]), int(each[1])) for each in named]
    return tuple(dict.fromkeys(pairs))


def _deferral(request: TaskDeferred, task: BaseOperator) -> Deferral:
    classpath, kwargs = _serialized(request.trigger)
    return Deferral(
        classpath=classpath,
        kwargs=kwargs,
        next_method=request.method_name,
        next_kwargs=serde.to_json(dict(request.kwargs or {})),
        timeout_at=_timeout_at(request.timeout),
        queue=_triggerer_queue(request.trigger, task),
    )


def _serialized(trigger: Any) -> tuple[str, bytes]:
    """Class path and arguments of a trigger; raises TypeError for what is none."""
    serialize = getattr(trigger, "serialize", None)
    if not callable(serialize):
        raise TypeError(f"a task can be deferred to a trigger only, not to {type(trigger).__name__}: {trigger!r}")
    classpath, kwargs = cast("tuple[str, dict[str, Any]]", serialize())
    return classpath, serde.to_json(dict(kwargs))


def _triggerer_queue(trigger: Any, task: BaseOperator) -> str | None:
    from tradewind.sdk.configuration import conf

    queues_enabled = conf.getboolean("triggerer", "queues_enabled", fallback=False)
    return task.queue if queues_enabled and getattr(trigger, "supports_triggerer_queue", True) else None


def _wait_for_input(request: TaskAwaitingInput) -> Deferral:
    return Deferral(
        classpath="",
        kwargs=b"{}",
        next_method=request.method_name,
        next_kwargs=serde.to_json(dict(request.kwargs or {})),
        timeout_at=_timeout_at(request.timeout),
    )


def _timeout_at(timeout: timedelta | float | None) -> datetime | None:
    if timeout is None:
        return None
    return datetime.now(UTC) + (timeout if isinstance(timeout, timedelta) else timedelta(seconds=timeout))


def _in_utc(moment: datetime) -> datetime:
    if not isinstance(moment, datetime):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
        raise AirflowException(f"reschedule_date must be a datetime, not {type(moment).__name__}: {moment!r}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
