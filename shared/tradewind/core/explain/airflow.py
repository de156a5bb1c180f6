"""Closed gates under the names that Airflow gives to the dependencies of a task."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from tradewind.core.explain.values import Explanation
from tradewind.core.states import TaskInstanceState

ASKED_STATES: Final = (TaskInstanceState.NONE, TaskInstanceState.SCHEDULED)
"""Airflow lists dependencies of task instances in these states only."""

NAMES: Final = {
    "dag_run": "Dagrun Running",
    "dagrun_timeout": "Dagrun Running",
    "task_dates": "Logical Date",
    "redispatch_delay": "Not In Retry Period",
    "branch": "Not Previously Skipped",
    "setups": "Trigger Rule",
    "mapped_dependencies": "Mapped dependencies have succeeded",
    "trigger_rule": "Trigger Rule",
    "depends_on_past": "Previous Dagrun State",
    "mapping": "Task has been mapped",
    "expansion": "Task has been mapped",
    "dag_paused": "Dag Not Paused",
    "max_active_tasks": "Task Instance Slots Available",
    "max_active_tis_per_dag": "Task Concurrency",
    "max_active_tis_per_dagrun": "Task Concurrency",
    "pool": "Pool Slots Available",
    "parallelism": "Parallelism",
}
"""Our gates; the others say nothing that is a dependency there. `Parallelism` alone has no namesake in Airflow."""


class Dependency(NamedTuple):
    """One that is not met."""

    name: str
    reason: str


def unmet_dependencies(explanation: Explanation) -> Sequence[Dependency]:
    """By name. As in Airflow it is one that nothing was decided of a task instance yet, or that it stands for mapped
    ones to come."""
    if explanation.state not in ASKED_STATES:
        return []
    found = [
        Dependency(NAMES[gate.name], gate.reason)
        for gate in explanation.gates
        if gate.name in NAMES and (not gate.is_open or gate.name == "expansion")
    ]
    if explanation.state is TaskInstanceState.NONE:
        found.append(Dependency("Task Instance State", "its state is 'None': the scheduler has not made it ready yet"))
    return sorted(found)
