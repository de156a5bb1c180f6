"""What came of a trial, as Airflow's DagRun and TaskInstance tell it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tradewind.sdk import serde
from tradewind.sdk.dags import DAG
from tradewind.sdk.state import DagRunState, TaskInstanceState
from tradewind.sdk.xcom_arg import XCOM_RETURN_KEY
from tradewind.task_runner.trial.memory import TrialMemory

_UNMAPPED = -1


@dataclass
class TrialTaskInstance:
    """A task instance after (or in) a trial. `state` is None while nothing is decided."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    memory: TrialMemory = field(repr=False)
    state: TaskInstanceState | None = None
    try_number: int = 0
    start_date: datetime | None = None
    end_date: datetime | None = None
    error: str | None = None
    """Why the last try failed, in one line."""
    rendered_map_index: str | None = None

    @property
    def duration(self) -> float | None:
        """Seconds of the last try."""
        return None if not (self.start_date and self.end_date) else (self.end_date - self.start_date).total_seconds()

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """dag_id, task_id, run_id, try_number, map_index."""
        return (self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index)

    def xcom_pull(
        self, task_ids: str | None = None, key: str = XCOM_RETURN_KEY, *, map_indexes: int | None = None
    ) -> Any:
        """What this task (or another of the run) pushed under a key; of a mapped one, without an index, a list."""
        task_id = task_ids or self.task_id
        index = self.map_index if map_indexes is None and task_id == self.task_id else map_indexes
        if index is None and self.memory.count_xcoms(self.dag_id, self.run_id, task_id, key):
            values = self.memory.get_xcom_slice(self.dag_id, self.run_id, task_id, key, slice(None))
            is_mapped = not self.memory.get_xcom(self.dag_id, self.run_id, task_id, key, _UNMAPPED)[0]
            return [serde.deserialize(value) for value in values] if is_mapped else serde.deserialize(values[0])
        place = _UNMAPPED if index is None else index
        found, value = self.memory.get_xcom(self.dag_id, self.run_id, task_id, key, place)
        return serde.deserialize(value) if found else None


@dataclass
class TrialRun:
    """The run of a trial."""

    dag_id: str
    run_id: str
    state: DagRunState
    conf: dict[str, Any]
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    start_date: datetime
    end_date: datetime | None = None
    run_type: str = "manual"
    task_instances: list[TrialTaskInstance] = field(default_factory=list[TrialTaskInstance])
    """In topological order, mapped ones by index."""
    triggered: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict[tuple[str, str], dict[str, Any]])
    """(dag_id, run_id) → request of runs of other DAGs that tasks asked for; they were not executed."""

    def get_state(self) -> DagRunState:
        """The run's state."""
        return self.state

    def get_task_instances(self, state: Any = None) -> list[TrialTaskInstance]:
        """All of them, or those in this state (or one of these)."""
        wanted = [state] if isinstance(state, str) or state is None else list(state)
        return [ti for ti in self.task_instances if state is None or ti.state in wanted]

    def get_task_instance(self, task_id: str, *, map_index: int = _UNMAPPED) -> TrialTaskInstance | None:
        """One of them; None if there is none such."""
        found = (ti for ti in self.task_instances if (ti.task_id, ti.map_index) == (task_id, map_index))
        return next(found, None)

    def states(self) -> dict[str, str | None]:
        """Task id (`task_id[map_index]` of a mapped one) → state."""
        return {
            ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]": None
            if ti.state is None
            else str(ti.state)
            for ti in self.task_instances
        }


def run_fields(run: TrialRun) -> dict[str, Any]:
    """The run as the execution API tells it: dates as ISO texts."""
    names = ("logical_date", "data_interval_start", "data_interval_end", "run_after", "start_date", "end_date")
    dates: dict[str, datetime | None] = {name: getattr(run, name) for name in names}
    return {
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "state": str(run.state),
        "run_type": run.run_type,
        "conf": run.conf,
        **{name: None if date is None else date.isoformat() for name, date in dates.items()},
    }


def dag_fields(dag: DAG) -> dict[str, Any]:
    """The DAG as the execution API tells it."""
    return {
        "dag_id": dag.dag_id,
        "is_paused": False,
        "bundle_name": None,
        "bundle_version": None,
        "relative_fileloc": dag.fileloc,
        "owners": dag.owner,
        "tags": sorted(dag.tags),
        "next_dagrun": None,
    }
