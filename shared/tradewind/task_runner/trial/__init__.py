"""Trials: a run of a DAG inside the caller's own process, for authors' tests and `tradewind dags test`.

The rules are the scheduler's (`core.decide`), the attempts are run as in a task's process, one after the other; nothing
is stored, no service is asked.
"""

from tradewind.task_runner.trial.results import TrialRun, TrialTaskInstance
from tradewind.task_runner.trial.runs import Wanted, render_task, try_dag, try_task

__all__ = ["TrialRun", "TrialTaskInstance", "Wanted", "render_task", "try_dag", "try_task"]
