"""The gates of execution: what becomes of an attempt once it has its slots."""

from collections.abc import Iterator, Sequence
from typing import Final

from tradewind.core.explain.decision import lost_attempts
from tradewind.core.explain.values import ExplainedGate, Stage, TriggerSeen, WorkerSeen
from tradewind.core.explain.view import View
from tradewind.core.explain.words import ago, ahead, counted, listed, span
from tradewind.core.states import TaskInstanceState

LOCAL_KINDS: Final = {"LocalExecutor": "local", "SequentialExecutor": "sequential"}
"""Executors that run attempts themselves, and the kind under which they are known as workers."""


def execution_gates(view: View) -> Iterator[ExplainedGate]:
    """What stands between an attempt, or the wait that it ended in, and its going on."""
    match view.state:
        case TaskInstanceState.QUEUED:
            yield _executor(view)
            yield _message(view)
            yield _workers(view)
            yield _gate("claim", "no worker has claimed it yet", is_open=False)
        case TaskInstanceState.RUNNING:
            yield _gate("worker", _runs_on(view), is_open=True)
        case TaskInstanceState.RESTARTING:
            yield _gate("worker", f"it was cleared while it ran, its process is being ended: {_runs_on(view)}")
        case TaskInstanceState.DEFERRED:
            yield _gate("trigger", _waits_for_trigger(view))
        case TaskInstanceState.AWAITING_INPUT:
            yield _gate("human_input", _waits_for_person(view))
        case _:
            return


def _gate(name: str, reason: str, *, is_open: bool = False) -> ExplainedGate:
    return ExplainedGate(name, Stage.EXECUTION, is_open, reason)


def _executor(view: View) -> ExplainedGate:
    name, known = view.seen.attempt.executor, view.seen.executors
    is_known = name in known
    reason = (
        f"the {name} takes it" if is_known else f"it names the executor '{name}', and there is only {listed(known)}"
    )
    return _gate("executor", reason, is_open=is_known)


def _message(view: View) -> ExplainedGate:
    attempt = view.seen.attempt
    since = "it was queued" if attempt.queued_at is None else f"it was queued {ago(attempt.queued_at, view.now)}"
    last = "" if attempt.published_at is None else f", last {ago(attempt.published_at, view.now)}"
    reason = f"{since}; its message was published {counted(attempt.publish_count, 'time')}{last}"
    reason += lost_attempts(attempt)
    return _gate("message", reason, is_open=attempt.publish_count > 0)


def _workers(view: View) -> ExplainedGate:
    attempt = view.seen.attempt
    kind = LOCAL_KINDS.get(attempt.executor)
    if kind is not None:
        alive = [each for each in view.seen.workers if each.kind == kind]
        none, some = f"no {attempt.executor} is alive", f"the {attempt.executor} has"
    else:
        alive = [each for each in view.seen.workers if attempt.queue in each.queues]
        none, some = f"no worker listens on the queue '{attempt.queue}'", f"the queue '{attempt.queue}' has"
    if not alive:
        return _gate("workers", f"{none} ({counted(len(view.seen.workers), 'worker')} alive in all)")
    free, is_open = _room(alive)
    named = listed([f"'{each.worker_id}' {each.attempts}/{each.concurrency or '-'}" for each in alive])
    return _gate("workers", f"{some} {counted(len(alive), 'worker')} alive, {free} free: {named}", is_open=is_open)


def _room(workers: Sequence[WorkerSeen]) -> tuple[str, bool]:
    if any(not each.concurrency for each in workers):
        return "any number of slots", True
    free = sum(max(each.concurrency - each.attempts, 0) for each in workers)
    return f"{free} of {sum(each.concurrency for each in workers)} slots", free > 0


def _runs_on(view: View) -> str:
    attempt = view.seen.attempt
    worker = attempt.worker
    since = "" if attempt.start_date is None else f" for {span((view.now - attempt.start_date).total_seconds())}"
    if worker is None:
        return f"it runs{since}; its worker is not known any more, and is taken for lost within moments"
    process = "" if attempt.pid is None else f", process {attempt.pid}"
    return (
        f"it runs on the {worker.kind} worker '{worker.worker_id}' ({worker.hostname}{process}){since}; "
        f"the worker's last heartbeat is {span(worker.age_seconds)} old"
    )


def _waits_for_trigger(view: View) -> str:
    trigger = view.seen.attempt.trigger
    if trigger is None:
        return "it is deferred, and its trigger has fired: it goes on within moments"
    since = f"it has waited {span((view.now - trigger.created_at).total_seconds())} for the trigger {trigger.classpath}"
    return f"{since}; {_triggerer(trigger)}{_timeout(view, trigger)}"


def _triggerer(trigger: TriggerSeen) -> str:
    alive = f"{counted(trigger.alive_triggerers, 'triggerer')} alive"
    if trigger.triggerer_hostname is None:
        return f"no triggerer runs it ({alive})"
    age = span(trigger.triggerer_age_seconds or 0.0)
    return f"the triggerer on {trigger.triggerer_hostname} runs it, last heard of {age} ago"


def _timeout(view: View, trigger: TriggerSeen) -> str:
    return "; no timeout" if trigger.timeout_at is None else f"; it times out at {ahead(trigger.timeout_at, view.now)}"


def _waits_for_person(view: View) -> str:
    trigger = view.seen.attempt.trigger
    if trigger is None:
        return "a person has answered: it goes on within moments"
    since = span((view.now - trigger.created_at).total_seconds())
    return f"it has waited {since} for a person to answer{_timeout(view, trigger)}"
