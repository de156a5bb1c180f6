"""Which changes a client wants to hear of."""

import re
from collections.abc import Callable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, field_validator

from tradewind.api.events.changes import Change, Kind
from tradewind.core.states import DagRunState, TaskInstanceState

STATES: Final = frozenset({*DagRunState, *TaskInstanceState})
MAX_PATTERN: Final = 500
Names = Annotated[list[str], Field(default_factory=list, max_length=100)]


class EventQuery(BaseModel):
    """`GET /events`: of several values of one parameter any will do; of several parameters, all must fit."""

    dag_id: Names
    dag_id_pattern: Annotated[str, Field(max_length=MAX_PATTERN)] | None = Field(
        default=None, description="Part of a dag_id, in any case, with the wildcards % and _; | separates alternatives"
    )
    dag_run_id: Names
    task_id: Names = Field(default_factory=list, description="Only task instances have one")
    state: Names = Field(default_factory=list, description="`none` is what bodies show as null")
    kind: Annotated[list[Kind], Field(default_factory=list)]
    last_event_id: str | None = Field(
        default=None, description="Go on after this event; the header Last-Event-ID takes precedence"
    )

    @field_validator("state")
    @classmethod
    def _is_known(cls, states: list[str]) -> list[str]:
        unknown = [state for state in states if state not in STATES]
        if unknown:
            raise ValueError(f"there is no state {unknown[0]!r}; there are {', '.join(sorted(STATES))}")
        return states


class Selection:
    """A query, ready to be asked of every change; `visible`: whether the client may hear of a DAG."""

    def __init__(self, query: EventQuery, visible: Callable[[str], bool]) -> None:
        self._is_visible = visible
        self._dag_ids = frozenset(query.dag_id)
        self._patterns = None if query.dag_id_pattern is None else _patterns(query.dag_id_pattern)
        self._run_ids = frozenset(query.dag_run_id)
        self._task_ids = frozenset(query.task_id)
        self._states = frozenset(query.state)
        self._kinds = frozenset[Literal["dag_run", "task_instance"]](query.kind)

    def takes(self, change: Change) -> bool:
        """Whether the client wants to hear of it."""
        return (
            (not self._kinds or change.kind in self._kinds)
            and (not self._states or change.state in self._states)
            and (not self._dag_ids or change.dag_id in self._dag_ids)
            and (not self._run_ids or change.dag_run_id in self._run_ids)
            and (not self._task_ids or change.task_id in self._task_ids)
            and (self._patterns is None or any(_occurs(each, change.dag_id) for each in self._patterns))
            and self._is_visible(change.dag_id)
        )


Pattern = tuple[re.Pattern[str], ...]
"""What must occur, one after the other."""


def _patterns(text: str) -> tuple[Pattern, ...]:
    terms = [term.strip() for term in text.split("|") if term.strip()] or [text]
    return tuple(_pattern("" if term == "~" else term) for term in terms)


def _pattern(term: str) -> Pattern:
    pieces = ("".join("." if c == "_" else re.escape(c) for c in piece) for piece in term.split("%"))
    return tuple(re.compile(piece, re.IGNORECASE | re.DOTALL) for piece in pieces if piece)


def _occurs(pattern: Pattern, text: str) -> bool:
    """The first place for each piece leaves most room for the next: no going back, whatever the pattern."""
    end = 0
    for piece in pattern:
        found = piece.search(text, end)
        if found is None:
            return False
        end = found.end()
    return True
