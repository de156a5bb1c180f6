"""Which setups a task depends on, which tasks a teardown waits for, and which tasks decide a run's state.

A setup is relevant for a task if the task lies between it and one of its teardowns, or if it has no teardown at all.
All by places in the plan, worked out once per DAG version; a DAG without setups and teardowns costs nothing.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

from tradewind.core.spec import TaskSpec

Edges = Sequence[Sequence[int]]


class SetupTeardown:
    """The setups and teardowns of one DAG version."""

    def __init__(self, tasks: Sequence[TaskSpec], upstream: Edges, downstream: Edges) -> None:
        """`upstream` and `downstream`: the direct neighbours of each place."""
        self._tasks = tasks
        self._upstream = upstream
        self._downstream = downstream

    @cached_property
    def indirect_setups(self) -> Mapping[int, tuple[int, ...]]:
        """Place → relevant setups that are not directly upstream; no entry where there is none."""
        setups = [place for place, task in enumerate(self._tasks) if task.is_setup]
        found: dict[int, list[int]] = {}
        for setup in setups:
            below = _reachable(setup, self._downstream)
            teardowns = [place for place in self._downstream[setup] if self._tasks[place].is_teardown]
            within = _between(below, teardowns, self._upstream) if teardowns else below
            for place in within:
                if not self._tasks[place].is_teardown and setup not in self._upstream[place]:
                    found.setdefault(place, []).append(setup)
        return {place: tuple(sorted(entries)) for place, entries in found.items()}

    @cached_property
    def scopes(self) -> Mapping[int, tuple[int, ...]]:
        """Teardown → tasks between its setups and itself, its direct upstream left out; no entry if there is none."""
        found: dict[int, tuple[int, ...]] = {}
        for place, task in enumerate(self._tasks):
            setups = [up for up in self._upstream[place] if self._tasks[up].is_setup] if task.is_teardown else []
            above = _reachable(place, self._upstream)
            scope = {
                member: None
                for setup in setups
                for member in _reachable(setup, self._downstream)
                if member in above and member not in self._upstream[place]
            }
            if scope:
                found[place] = tuple(sorted(scope))
        return found

    @cached_property
    def watchers(self) -> Mapping[int, tuple[int, ...]]:
        """Place → tasks, not directly downstream, that are to be looked at when it ends."""
        found: dict[int, list[int]] = {}
        for watched in (self.indirect_setups, self.scopes):
            for place, entries in watched.items():
                for entry in entries:
                    found.setdefault(entry, []).append(place)
        return {place: tuple(sorted(entries)) for place, entries in found.items()}

    @cached_property
    def deciding_leaves(self) -> tuple[int, ...]:
        """The tasks whose ends decide the run's: those with nothing but ignorable teardowns behind them."""
        ignorable = [task.is_teardown and not task.on_failure_fail_dagrun for task in self._tasks]
        leaves = tuple(
            place
            for place, below in enumerate(self._downstream)
            if not ignorable[place] and all(ignorable[entry] for entry in below)
        )
        return leaves or tuple(place for place, below in enumerate(self._downstream) if not below)


def _reachable(start: int, edges: Edges) -> dict[int, None]:
    found: dict[int, None] = {}
    waiting = [start]
    while waiting:
        for entry in edges[waiting.pop()]:
            if entry not in found:
                found[entry] = None
                waiting.append(entry)
    return found


def _between(below: dict[int, None], teardowns: Sequence[int], upstream: Edges) -> dict[int, None]:
    """Those of `below` that lie upstream of one of the teardowns."""
    above = {place: None for teardown in teardowns for place in _reachable(teardown, upstream)}
    return {place: None for place in below if place in above}
