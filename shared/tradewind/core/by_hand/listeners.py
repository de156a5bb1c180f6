"""Whether anybody would take a task from a queue that a person names."""

from collections.abc import Sequence
from typing import Final

from tradewind.core.executors import CELERY_EXECUTOR, ExecutorName
from tradewind.core.explain.airflow import Dependency
from tradewind.core.explain.values import WorkerSeen

_NAMED_MAX: Final = 20


def unserved_queue(executor: ExecutorName, queue: str, workers: Sequence[WorkerSeen]) -> Dependency | None:
    """What stands against sending a task there; None = nothing is known to. Executors other than ours for workers have
    queues of their own making, or none: they take what they get."""
    if executor.target != CELERY_EXECUTOR:
        return None
    served = sorted({name for worker in workers if worker.kind == "celery" for name in worker.queues})
    if queue in served:
        return None
    others = f"workers listen on {_listed(served)}" if served else "there is no worker at all"
    configured = f"the executor '{executor.name}' sends tasks to workers"
    return Dependency("Queue Served", f"no worker listens on the queue '{queue}': {configured}, and {others}")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_MAX
    return ", ".join(f"'{name}'" for name in names[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
