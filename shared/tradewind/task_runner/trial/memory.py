"""What the tasks of a trial keep and ask for: the execution API's part, in memory."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from tradewind.sdk.exceptions import AirflowRuntimeError


class InstanceState(NamedTuple):
    """A task instance of the trial's run."""

    task_id: str
    map_index: int
    state: str | None


class TrialMemory:
    """A `tradewind.sdk.runtime.Runtime` that knows one run of one DAG. Variables and connections come from secrets
    backends and the environment; what tasks set is kept for the trial."""

    def __init__(
        self, run: dict[str, Any], dag: dict[str, Any], instances: Callable[[], Sequence[InstanceState]]
    ) -> None:
        self.run = run
        """Fields of the run, as the execution API has them."""
        self.current: tuple[str, int] = ("", -1)
        """Task id and map index of the instance that is executed."""
        self.triggered: dict[tuple[str, str], dict[str, Any]] = {}
        """(dag_id, run_id) → request, of runs of other DAGs that tasks asked for. They are not executed."""
        self._dag, self._instances = dag, instances
        self._xcoms: dict[tuple[str, str], dict[int, bytes]] = {}
        self._variables: dict[str, str] = {}
        self._task_states: dict[tuple[str, int], dict[str, Any]] = {}
        self._asset_states: dict[str, dict[str, Any]] = {}

    def handed_on(self) -> Mapping[str, str]:
        """Nothing: a trial is of one process."""
        return {}

    def get_variable(self, key: str) -> str | None:
        """What a task has set."""
        return self._variables.get(key)

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        """Keep it for the trial."""
        self._variables[key] = value

    def delete_variable(self, key: str) -> None:
        """Forget it."""
        self._variables.pop(key, None)

    def get_variable_keys(self, prefix: str | None = None) -> list[str]:
        """Of the variables that tasks have set, sorted."""
        return sorted(key for key in self._variables if key.startswith(prefix or ""))

    def get_connection(self, conn_id: str) -> dict[str, Any] | None:
        """None: a trial has no store of connections."""
        return None

    def get_xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int, *, include_prior_dates: bool = False
    ) -> tuple[bool, Any]:
        """Of this run only."""
        found = self._of(dag_id, run_id, task_id, key).get(map_index)
        return found is not None, None if found is None else json.loads(found)

    def set_xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int, value: bytes) -> None:
        """Keep it; raises AirflowRuntimeError for another run."""
        if not self._is_own(dag_id, run_id):
            raise AirflowRuntimeError(f"a trial of {self.run['dag_id']!r} keeps no values for run {run_id!r}")
        self._xcoms.setdefault((task_id, key), {})[map_index] = value

    def delete_xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int) -> None:
        """Forget it."""
        self._of(dag_id, run_id, task_id, key).pop(map_index, None)

    def forget_xcoms(self, task_id: str, map_index: int) -> None:
        """Those of one instance, which is about to be tried."""
        for (owner, _), values in self._xcoms.items():
            if owner == task_id:
                values.pop(map_index, None)

    def get_xcom_item(self, dag_id: str, run_id: str, task_id: str, key: str, offset: int) -> tuple[bool, Any]:
        """The value at a place among those of all instances."""
        values = self._values(dag_id, run_id, task_id, key)
        is_there = -len(values) <= offset < len(values)
        return is_there, values[offset] if is_there else None

    def get_xcom_slice(
        self, dag_id: str, run_id: str, task_id: str, key: str, bounds: slice, *, include_prior_dates: bool = False
    ) -> list[Any]:
        """Some of the values of all instances."""
        return self._values(dag_id, run_id, task_id, key)[bounds]

    def count_xcoms(self, dag_id: str, run_id: str, task_id: str, key: str) -> int:
        """How many values the instances have."""
        return len(self._of(dag_id, run_id, task_id, key))

    def count_task_instances(self, dag_id: str, **filters: Any) -> int:
        """Of this run."""
        wanted: Iterable[Any] | None = filters.get("states")
        states = None if wanted is None else [None if state in (None, "null") else str(state) for state in wanted]
        return sum(states is None or found.state in states for found in self._found(dag_id, filters))

    def get_task_states(self, dag_id: str, **filters: Any) -> dict[str, dict[str, str | None]]:
        """Of this run."""
        found = self._found(dag_id, filters)
        names = {ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}": ti.state for ti in found}
        return {self.run["run_id"]: names} if names else {}

    def get_task_breadcrumbs(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Of this run's ended instances."""
        ended = ("success", "failed", "skipped", "upstream_failed")
        return [
            {"task_id": ti.task_id, "map_index": ti.map_index, "state": ti.state, "operator": None, "duration": None}
            for ti in self._found(dag_id, {"run_ids": [run_id]})
            if ti.state in ended
        ]

    def get_previous_task_instance(
        self, dag_id: str, task_id: str, *, logical_date: datetime | None, map_index: int, state: str | None
    ) -> dict[str, Any] | None:
        """None: there is no run before."""
        return None

    def count_dag_runs(self, dag_id: str, **filters: Any) -> int:
        """This one, if it fits; and those that were asked for."""
        run_ids, states = filters.get("run_ids"), filters.get("states")
        runs = [
            (self.run["dag_id"], self.run["run_id"], self.run["state"]),
            *((*key, "queued") for key in self.triggered),
        ]
        return sum(
            dag == dag_id and (run_ids is None or run in run_ids) and (states is None or state in states)
            for dag, run, state in runs
        )

    def get_dag_run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        """This run. Raises AirflowRuntimeError for one that a task has asked for: nobody executes it."""
        if (dag_id, run_id) in self.triggered:
            raise AirflowRuntimeError(
                f"a trial does not execute run {run_id!r} of DAG {dag_id!r}: it cannot be waited for"
            )
        return self.run if self._is_own(dag_id, run_id) else None

    def get_previous_dag_run(self, dag_id: str, logical_date: datetime, state: str | None) -> dict[str, Any] | None:
        """None: there is no run before."""
        return None

    def get_dag(self, dag_id: str) -> dict[str, Any] | None:
        """The trial's own."""
        return self._dag if dag_id == self.run["dag_id"] else None

    def trigger_dag_run(self, dag_id: str, run_id: str, request: dict[str, Any]) -> bool:
        """Note that it was asked for."""
        is_new = (dag_id, run_id) not in self.triggered
        self.triggered.setdefault((dag_id, run_id), request)
        return is_new

    def clear_dag_run(self, dag_id: str, run_id: str) -> None:
        """Nothing has run that could be cleared."""

    def get_task_state(self, key: str) -> tuple[bool, Any]:
        """Of the instance that is executed."""
        values = self._task_states.get(self.current, {})
        return key in values, values.get(key)

    def set_task_state(self, key: str, value: Any, expires_at: datetime | None) -> None:
        """Keep it for the trial."""
        self._task_states.setdefault(self.current, {})[key] = value

    def delete_task_state(self, key: str | None) -> None:
        """Forget one value, or all."""
        _forget(self._task_states.get(self.current, {}), key)

    def get_asset_state(self, *, name: str | None, uri: str | None, key: str) -> tuple[bool, Any]:
        """Of an asset."""
        values = self._asset_states.get(name or uri or "", {})
        return key in values, values.get(key)

    def set_asset_state(self, *, name: str | None, uri: str | None, key: str, value: Any) -> None:
        """Keep it for the trial."""
        self._asset_states.setdefault(name or uri or "", {})[key] = value

    def delete_asset_state(self, *, name: str | None, uri: str | None, key: str | None) -> None:
        """Forget one value, or all."""
        _forget(self._asset_states.get(name or uri or "", {}), key)

    def get_asset(self, *, name: str | None, uri: str | None) -> dict[str, Any] | None:
        """Any asset is known, by what it is named."""
        named = name or uri or ""
        return {"name": name or named, "uri": uri or named, "group": "asset", "extra": {}}

    def get_assets_of_alias(self, alias: str) -> list[dict[str, Any]]:
        """None: nothing is kept of earlier runs."""
        return []

    def get_asset_events(self, **_filters: Any) -> list[dict[str, Any]]:
        """None: nothing is kept of earlier runs."""
        return []

    def get_inactive_assets(self) -> list[dict[str, Any]]:
        """None."""
        return []

    def get_triggering_asset_events(self) -> list[dict[str, Any]]:
        """None: no asset has made the run."""
        return []

    def _is_own(self, dag_id: str, run_id: str) -> bool:
        return (dag_id, run_id) == (self.run["dag_id"], self.run["run_id"])

    def _of(self, dag_id: str, run_id: str, task_id: str, key: str) -> dict[int, bytes]:
        return self._xcoms.get((task_id, key), {}) if self._is_own(dag_id, run_id) else {}

    def _values(self, dag_id: str, run_id: str, task_id: str, key: str) -> list[Any]:
        return [json.loads(value) for _, value in sorted(self._of(dag_id, run_id, task_id, key).items())]

    def _found(self, dag_id: str, filters: dict[str, Any]) -> list[InstanceState]:
        run_ids, task_ids, group = (filters.get(name) for name in ("run_ids", "task_ids", "task_group_id"))
        if dag_id != self.run["dag_id"] or (run_ids is not None and self.run["run_id"] not in run_ids):
            return []
        index = filters.get("map_index")
        return [
            ti
            for ti in self._instances()
            if (task_ids is None or ti.task_id in task_ids)
            and (index is None or ti.map_index == index)
            and (group is None or ti.task_id.startswith(f"{group}."))
        ]


def _forget(values: dict[str, Any], key: str | None) -> None:
    if key is None:
        values.clear()
    else:
        values.pop(key, None)
