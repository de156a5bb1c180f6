"""Whether the executors that tasks name are there: said when the file is parsed, before anything waits for one."""

from tradewind.core.executors import configured_executors, unknown_executor
from tradewind.core.spec import DagSpec
from tradewind.sdk.configuration import conf
from tradewind.sdk.serialize import DagSpecError


def check_executors(spec: DagSpec) -> None:
    """Raises DagSpecError if a task names an executor that `core.executor` does not list."""
    named = [task for task in spec.tasks if task.executor]
    if not named:
        return
    configured = configured_executors(conf.get_mandatory_value("core", "executor"))
    for task in named:
        if configured.choose(task.executor, task.queue) is None:
            text = unknown_executor(spec.dag_id, task.task_id, task.executor or "", configured)
            raise DagSpecError(f"{spec.relative_fileloc}: {text}")
