"""How an operator has tasks behind it skipped: all but a chosen branch, or a given set."""

from collections.abc import Collection, Iterable
from typing import Any

from tradewind.sdk.exceptions import AirflowException, DownstreamTasksSkipped
from tradewind.sdk.log import LoggingMixin
from tradewind.sdk.node import DAGNode

SKIP_KEY = "skipmixin_key"
"""XCom under which a task notes what it skipped or followed."""
SKIPPED = "skipped"
FOLLOWED = "followed"


class SkipMixin(LoggingMixin):
    """For operators that have others skipped. Both methods end the attempt, as success, if there is any to skip.

    It stands before or after an operator among a class's bases, and looks only at the running task: `ti.task`.
    """

    def skip(self, ti: Any, tasks: Iterable[DAGNode]) -> None:
        """Have these tasks skipped; what is no task is passed over."""
        task_ids = [task.task_id for task in tasks if isinstance(task, DAGNode)]  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
        if task_ids:
            ti.xcom_push(key=SKIP_KEY, value={SKIPPED: task_ids})
            _raise_skipped(ti, task_ids)

    def skip_all_except(self, ti: Any, branch_task_ids: str | Iterable[str] | None) -> None:
        """Have the tasks directly behind this one skipped, but for the chosen ones and those that follow them."""
        chosen = _as_ids(branch_task_ids)
        self.log.info("Following branch %s", chosen)
        task, dag = ti.task, ti.task.dag
        unknown = sorted(task_id for task_id in chosen if not dag.has_task(task_id))
        if unknown:
            raise AirflowException(
                f"'branch_task_ids' of task {task.task_id!r} must contain only valid task_ids; DAG {dag.dag_id!r}"
                f" has no {', '.join(map(repr, unknown))}"
            )
        kept = dict.fromkeys(chosen)
        for task_id in chosen:
            kept.update(dict.fromkeys(dag.get_task(task_id).get_flat_relative_ids(upstream=False)))
        behind = [other.task_id for other in task.downstream_list]
        skipped = [task_id for task_id in behind if task_id not in kept]
        self.log.info("Skipping tasks %s", skipped)
        ti.xcom_push(key=SKIP_KEY, value={FOLLOWED: [task_id for task_id in behind if task_id in kept]})
        if skipped:
            _raise_skipped(ti, skipped)


def _raise_skipped(ti: Any, task_ids: list[str]) -> None:
    """A task that is mapped itself skips nothing, as in Airflow: what one of its instances says is not for all."""
    if not ti.task.dag.get_task(ti.task.task_id).is_mapped:
        raise DownstreamTasksSkipped(tasks=[_target(ti, task_id) for task_id in task_ids])


def _target(ti: Any, task_id: str) -> str | tuple[str, int]:
    """The instance beside this one where both are in one mapped group; otherwise the whole task."""
    group, map_index = ti.task.get_closest_mapped_task_group(), ti.map_index
    other = ti.task.dag.get_task(task_id).get_closest_mapped_task_group()
    return (task_id, map_index) if map_index >= 0 and group is not None and group is other else task_id


def _as_ids(branch_task_ids: str | Iterable[str] | None) -> Collection[str]:
    if branch_task_ids is None:
        return ()
    if isinstance(branch_task_ids, str):
        return (branch_task_ids,)
    if not isinstance(branch_task_ids, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
        raise AirflowException(
            f"'branch_task_ids' must be None, a task ID or an Iterable of IDs, not {type(branch_task_ids).__name__}"
        )
    found = list(dict.fromkeys(branch_task_ids))
    wrong = [task_id for task_id in found if not isinstance(task_id, str)]  # pyright: ignore[reportUnnecessaryIsInstance]
    if wrong:
        raise AirflowException(f"'branch_task_ids' must hold task IDs only, not {wrong!r}")
    return found
