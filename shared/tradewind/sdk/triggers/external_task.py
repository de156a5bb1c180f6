"""Triggers that wait for tasks, task groups or runs of other DAGs."""

import asyncio
from collections.abc import AsyncIterator, Collection
from datetime import datetime
from typing import Any

from tradewind.sdk.runtime import current_runtime
from tradewind.sdk.triggers.base import BaseTrigger, TriggerEvent


def _ask(question: str, *args: Any, **filters: Any) -> Any:
    runtime = current_runtime()
    if runtime is None:
        raise RuntimeError("other DAGs can be asked about only in a triggerer or a task")
    return getattr(runtime, question)(*args, **{name: value for name, value in filters.items() if value is not None})


def count_in_states(states_by_run: dict[str, dict[str, str | None]], states: Collection[str]) -> int:
    """How many runs have all of their listed task instances in these states."""
    return sum(bool(tasks) and all(state in states for state in tasks.values()) for tasks in states_by_run.values())


class WorkflowTrigger(BaseTrigger):
    """Fires when runs, tasks or a task group of another DAG have come to states: `{"status": "success"}`, "failed" or
    "skipped"."""

    def __init__(
        self,
        external_dag_id: str,
        run_ids: list[str] | None = None,
        execution_dates: list[datetime] | None = None,
        logical_dates: list[datetime] | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        failed_states: Collection[str] | None = None,
        skipped_states: Collection[str] | None = None,
        allowed_states: Collection[str] | None = None,
        poke_interval: float = 2.0,
        soft_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.external_dag_id, self.run_ids = external_dag_id, run_ids
        self.logical_dates = logical_dates or execution_dates
        self.external_task_ids, self.external_task_group_id = external_task_ids, external_task_group_id
        self.failed_states, self.skipped_states, self.allowed_states = failed_states, skipped_states, allowed_states
        self.poke_interval, self.soft_fail = poke_interval, soft_fail

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        names = (
            *("external_dag_id", "run_ids", "logical_dates", "external_task_ids", "external_task_group_id"),
            *("failed_states", "skipped_states", "allowed_states", "poke_interval", "soft_fail"),
        )
        classpath = "airflow.providers.standard.triggers.external_task.WorkflowTrigger"
        return classpath, {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask every `poke_interval` seconds."""
        wanted = len(self.run_ids or self.logical_dates or ())
        while True:
            for states, status in ((self.failed_states, "failed"), (self.skipped_states, "skipped")):
                if states and await asyncio.to_thread(self._count, states) > 0:
                    yield TriggerEvent({"status": status})
                    return
            if await asyncio.to_thread(self._count, self.allowed_states or ()) == wanted:
                yield TriggerEvent({"status": "success"})
                return
            await asyncio.sleep(self.poke_interval)

    def _count(self, states: Collection[str]) -> int:
        filters: dict[str, Any] = {"logical_dates": self.logical_dates, "run_ids": self.run_ids}
        if self.external_task_ids:
            task_ids = list(self.external_task_ids)
            found: int = _ask(
                "count_task_instances", self.external_dag_id, task_ids=task_ids, states=list(states), **filters
            )
            return found // len(task_ids)
        if self.external_task_group_id:
            group = self.external_task_group_id
            return count_in_states(
                _ask("get_task_states", self.external_dag_id, task_group_id=group, **filters), states
            )
        return _ask("count_dag_runs", self.external_dag_id, states=list(states), **filters)


class DagStateTrigger(BaseTrigger):
    """Fires when runs of a DAG have come to one of the states; the event holds each run's state by its id."""

    def __init__(
        self,
        dag_id: str,
        states: list[str],
        run_ids: list[str] | None = None,
        execution_dates: list[datetime] | None = None,
        poll_interval: float = 5.0,
    ) -> None:
        super().__init__()
        self.dag_id, self.states, self.run_ids = dag_id, [str(state) for state in states], run_ids
        self.execution_dates, self.poll_interval = execution_dates, poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        names = ("dag_id", "states", "run_ids", "execution_dates", "poll_interval")
        classpath = "airflow.providers.standard.triggers.external_task.DagStateTrigger"
        return classpath, {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask every `poll_interval` seconds."""
        while True:
            found = await asyncio.to_thread(self._states)
            if found is not None:
                classpath, arguments = self.serialize()
                yield TriggerEvent((classpath, {**arguments, **found}))
                return
            await asyncio.sleep(self.poll_interval)

    def _states(self) -> dict[str, str] | None:
        """The runs' states, once all are among those waited for."""
        found: dict[str, str] = {}
        for run_id in self.run_ids or ():
            run: Any = _ask("get_dag_run", self.dag_id, run_id)
            state = None if run is None else str(run["state"])
            if state not in self.states:
                return None
            found[run_id] = state
        return found
