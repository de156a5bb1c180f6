"""The one table of transitions: which event takes a task instance or a DAG run to which state, and who may cause it.

Every state has a row, terminal ones included. An event that is not in a state's row is illegal there; applying it
raises `IllegalTransition` and changes nothing. `docs/states.md` is `states_document()`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from tradewind.core.errors import IllegalTransition
from tradewind.core.states import DagRunState, TaskInstanceState


class Actor(StrEnum):
    """Who may change a state. `COLLECTOR` stands for whoever records an end by `core.ends`."""

    SCHEDULER = "scheduler"
    COLLECTOR = "collector"
    TRIGGERER = "triggerer"
    API = "api"


class Event(StrEnum):
    """What can happen to a task instance."""

    BECAME_READY = "became ready"
    """A new try may start, but a limit (pool, parallelism, active tasks, pause) has no room for it."""
    DISPATCHED = "dispatched"
    """Slots were taken and a fresh attempt id was minted."""
    SKIPPED_BY_RULE = "skipped by rule"
    FAILED_BY_RULE = "failed by rule"
    RUN_TIMED_OUT = "run timed out"
    """Its run took longer than `dagrun_timeout`."""
    COMPLETED_EMPTY = "completed empty"
    """Nothing would run, so the scheduler ended it."""
    LEFT_DAG = "left the dag"
    RETURNED_TO_DAG = "returned to the dag"
    CLAIMED = "claimed"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    FAILED_FOR_NOW = "failed, will retry"
    LOST = "lost to infrastructure"
    """The same try is dispatched again under a fresh attempt id."""
    STOPPED = "stopped for restart"
    RESCHEDULED = "rescheduled"
    DEFERRED = "deferred"
    ASKED = "asked for input"
    RESUMED = "resumed"
    CLEARED = "cleared"
    MARKED_SUCCESS = "marked success"
    MARKED_FAILED = "marked failed"
    MARKED_SKIPPED = "marked skipped"


class DagRunEvent(StrEnum):
    """What can happen to a DAG run."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CLEARED = "cleared"
    MARKED_SUCCESS = "marked success"
    MARKED_FAILED = "marked failed"
    RUN_BY_HAND = "task run by hand"
    """A person has one of its tasks run although it has ended."""


_S = TaskInstanceState
_E = Event

ACTORS: Final[Mapping[Event, tuple[Actor, ...]]] = {
    _E.BECAME_READY: (Actor.SCHEDULER,),
    _E.DISPATCHED: (Actor.SCHEDULER, Actor.API),
    _E.SKIPPED_BY_RULE: (Actor.SCHEDULER,),
    _E.FAILED_BY_RULE: (Actor.SCHEDULER,),
    _E.RUN_TIMED_OUT: (Actor.SCHEDULER,),
    _E.COMPLETED_EMPTY: (Actor.SCHEDULER,),
    _E.LEFT_DAG: (Actor.SCHEDULER, Actor.API),
    _E.RETURNED_TO_DAG: (Actor.SCHEDULER, Actor.API),
    _E.CLAIMED: (Actor.COLLECTOR,),
    _E.SUCCEEDED: (Actor.COLLECTOR, Actor.TRIGGERER),
    _E.FAILED: (Actor.COLLECTOR, Actor.SCHEDULER, Actor.TRIGGERER),
    _E.SKIPPED: (Actor.COLLECTOR, Actor.TRIGGERER),
    _E.FAILED_FOR_NOW: (Actor.COLLECTOR, Actor.SCHEDULER, Actor.TRIGGERER),
    _E.LOST: (Actor.COLLECTOR, Actor.SCHEDULER),
    _E.STOPPED: (Actor.COLLECTOR, Actor.SCHEDULER),
    _E.RESCHEDULED: (Actor.COLLECTOR,),
    _E.DEFERRED: (Actor.COLLECTOR, Actor.SCHEDULER),
    _E.ASKED: (Actor.COLLECTOR,),
    _E.RESUMED: (Actor.SCHEDULER, Actor.TRIGGERER, Actor.API),
    _E.CLEARED: (Actor.API,),
    _E.MARKED_SUCCESS: (Actor.API,),
    _E.MARKED_FAILED: (Actor.API,),
    _E.MARKED_SKIPPED: (Actor.API,),
}
"""Who may cause an event; the scheduler causes failures and losses only by expiring a dead worker's attempts."""

_BY_PERSON: Final[Mapping[Event, TaskInstanceState]] = {
    _E.CLEARED: _S.NONE,
    _E.MARKED_SUCCESS: _S.SUCCESS,
    _E.MARKED_FAILED: _S.FAILED,
    _E.MARKED_SKIPPED: _S.SKIPPED,
}
_WITH_VERSION: Final[Mapping[Event, TaskInstanceState]] = {**_BY_PERSON, _E.LEFT_DAG: _S.REMOVED}
"""A person moves the run to a version of its DAG that does not have the task."""
_UNFINISHED: Final[Mapping[Event, TaskInstanceState]] = {**_WITH_VERSION, _E.RUN_TIMED_OUT: _S.SKIPPED}
_BY_RULE: Final[Mapping[Event, TaskInstanceState]] = {
    _E.BECAME_READY: _S.SCHEDULED,
    _E.DISPATCHED: _S.QUEUED,
    _E.SKIPPED_BY_RULE: _S.SKIPPED,
    _E.FAILED_BY_RULE: _S.UPSTREAM_FAILED,
    _E.COMPLETED_EMPTY: _S.SUCCESS,
    _E.DEFERRED: _S.DEFERRED,
}
_FAILURES: Final[Mapping[Event, TaskInstanceState]] = {
    _E.FAILED: _S.FAILED,
    _E.FAILED_FOR_NOW: _S.UP_FOR_RETRY,
}

TRANSITIONS: Final[Mapping[TaskInstanceState, Mapping[Event, TaskInstanceState]]] = {
    _S.NONE: {**_BY_RULE, **_UNFINISHED},
    _S.SCHEDULED: {
        _E.DISPATCHED: _S.QUEUED,
        _E.SKIPPED_BY_RULE: _S.SKIPPED,
        **_UNFINISHED,
    },
    _S.QUEUED: {
        _E.CLAIMED: _S.RUNNING,
        _E.SKIPPED_BY_RULE: _S.SKIPPED,
        _E.LOST: _S.SCHEDULED,
        **_FAILURES,
        **_UNFINISHED,
    },
    _S.RUNNING: {
        _E.SUCCEEDED: _S.SUCCESS,
        _E.SKIPPED: _S.SKIPPED,
        **_FAILURES,
        _E.LOST: _S.SCHEDULED,
        _E.RESCHEDULED: _S.UP_FOR_RESCHEDULE,
        _E.DEFERRED: _S.DEFERRED,
        _E.ASKED: _S.AWAITING_INPUT,
        **_UNFINISHED,
        _E.CLEARED: _S.RESTARTING,
    },
    _S.RESTARTING: {_E.STOPPED: _S.NONE, **_UNFINISHED, _E.CLEARED: _S.RESTARTING},
    _S.SUCCESS: {**_WITH_VERSION},
    _S.FAILED: {**_WITH_VERSION},
    _S.SKIPPED: {**_WITH_VERSION},
    _S.UPSTREAM_FAILED: {_E.SKIPPED_BY_RULE: _S.SKIPPED, **_WITH_VERSION},
    _S.UP_FOR_RETRY: {**_BY_RULE, **_UNFINISHED},
    _S.UP_FOR_RESCHEDULE: {
        _E.RESUMED: _S.SCHEDULED,
        _E.DISPATCHED: _S.QUEUED,
        _E.SKIPPED_BY_RULE: _S.SKIPPED,
        **_UNFINISHED,
    },
    _S.DEFERRED: {
        _E.RESUMED: _S.SCHEDULED,
        _E.SUCCEEDED: _S.SUCCESS,
        _E.SKIPPED: _S.SKIPPED,
        _E.SKIPPED_BY_RULE: _S.SKIPPED,
        **_FAILURES,
        **_UNFINISHED,
    },
    _S.AWAITING_INPUT: {_E.RESUMED: _S.SCHEDULED, _E.SKIPPED_BY_RULE: _S.SKIPPED, **_FAILURES, **_UNFINISHED},
    _S.REMOVED: {_E.RETURNED_TO_DAG: _S.NONE},
}

DAG_RUN_ACTORS: Final[Mapping[DagRunEvent, tuple[Actor, ...]]] = {
    DagRunEvent.STARTED: (Actor.SCHEDULER,),
    DagRunEvent.SUCCEEDED: (Actor.SCHEDULER,),
    DagRunEvent.FAILED: (Actor.SCHEDULER,),
    DagRunEvent.CLEARED: (Actor.API,),
    DagRunEvent.MARKED_SUCCESS: (Actor.API,),
    DagRunEvent.MARKED_FAILED: (Actor.API,),
    DagRunEvent.RUN_BY_HAND: (Actor.API,),
}

_RUN_BY_PERSON: Final[Mapping[DagRunEvent, DagRunState]] = {
    DagRunEvent.CLEARED: DagRunState.QUEUED,
    DagRunEvent.MARKED_SUCCESS: DagRunState.SUCCESS,
    DagRunEvent.MARKED_FAILED: DagRunState.FAILED,
}

DAG_RUN_TRANSITIONS: Final[Mapping[DagRunState, Mapping[DagRunEvent, DagRunState]]] = {
    DagRunState.QUEUED: {DagRunEvent.STARTED: DagRunState.RUNNING, **_RUN_BY_PERSON},
    DagRunState.RUNNING: {
        DagRunEvent.SUCCEEDED: DagRunState.SUCCESS,
        DagRunEvent.FAILED: DagRunState.FAILED,
        **_RUN_BY_PERSON,
    },
    DagRunState.SUCCESS: {**_RUN_BY_PERSON, DagRunEvent.RUN_BY_HAND: DagRunState.RUNNING},
    DagRunState.FAILED: {**_RUN_BY_PERSON, DagRunEvent.RUN_BY_HAND: DagRunState.RUNNING},
}


def next_state(state: TaskInstanceState, event: Event, actor: Actor) -> TaskInstanceState:
    """The state after the event; raises `IllegalTransition` where the table has no entry or the actor no right."""
    successor = TRANSITIONS[state].get(event)
    if successor is None:
        raise IllegalTransition(f"a task instance in state {state} cannot be {event}")
    if actor not in ACTORS[event]:
        raise IllegalTransition(f"{actor} may not cause {event!r} of a task instance")
    return successor


def next_dag_run_state(state: DagRunState, event: DagRunEvent, actor: Actor) -> DagRunState:
    """The run's state after the event; raises `IllegalTransition` as `next_state` does."""
    successor = DAG_RUN_TRANSITIONS[state].get(event)
    if successor is None:
        raise IllegalTransition(f"a dag run in state {state} cannot be {event}")
    if actor not in DAG_RUN_ACTORS[event]:
        raise IllegalTransition(f"{actor} may not cause {event!r} of a dag run")
    return successor


def states_document() -> str:
    """`docs/states.md`: both tables as mermaid diagrams, with who may cause each event."""
    lines = [
        "# States",
        "",
        "Generated from `shared/tradewind/core/transitions.py` by its `states_document()`; do not edit.",
        "What the API shows as `null` is `none` here. What a person may do in any state stands in the tables only.",
        "",
        "## Task instance",
        "",
        *_diagram(TRANSITIONS, leave_out=tuple(_BY_PERSON), initial=_S.NONE),
        "",
        *_actor_table(ACTORS),
        "",
        "By a person:",
        "",
        *_person_table(TRANSITIONS, tuple(_BY_PERSON)),
        "",
        "## DAG run",
        "",
        *_diagram(DAG_RUN_TRANSITIONS, leave_out=tuple(_RUN_BY_PERSON), initial=DagRunState.QUEUED),
        "",
        *_actor_table(DAG_RUN_ACTORS),
        "",
        "By a person:",
        "",
        *_person_table(DAG_RUN_TRANSITIONS, tuple(_RUN_BY_PERSON)),
    ]
    return "\n".join(lines) + "\n"


StateT = TypeVar("StateT", bound=StrEnum)
EventT = TypeVar("EventT", bound=StrEnum)


def _diagram(
    table: Mapping[StateT, Mapping[EventT, StateT]], *, leave_out: tuple[EventT, ...], initial: StateT
) -> list[str]:
    edges = [
        f"    {state} --> {successor}: {event}"
        for state, row in table.items()
        for event, successor in row.items()
        if event not in leave_out
    ]
    return ["```mermaid", "stateDiagram-v2", f"    [*] --> {initial}", *edges, "```"]


def _actor_table(actors: Mapping[EventT, tuple[Actor, ...]]) -> list[str]:
    rows = [f"| {event} | {', '.join(who)} |" for event, who in actors.items()]
    return ["| event | caused by |", "|---|---|", *rows]


def _person_table(table: Mapping[StateT, Mapping[EventT, StateT]], events: tuple[EventT, ...]) -> list[str]:
    head = ["| state | " + " | ".join(events) + " |", "|---|" + "---|" * len(events)]
    return head + [
        f"| {state} | " + " | ".join(str(row.get(event, "")) for event in events) + " |" for state, row in table.items()
    ]
