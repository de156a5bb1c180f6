"""Settings of the worker."""

from typing import Annotated

from msgspec import Meta, Struct

from tradewind.core.autoscale import SlotRange
from tradewind.service.environment import Names, read_by
from tradewind.task_runner.settings import TaskRunningSettings


def _split_slots(value: str) -> SlotRange:
    """`16,12` → (16, 12)."""
    parts = value.split(",")
    if len(parts) != 2 or not all(part.strip().isdigit() for part in parts):
        raise ValueError(f"{value!r} is not `most,fewest`, two whole numbers with a comma between them")
    most, fewest = (int(part) for part in parts)
    if not 1 <= fewest <= most:
        raise ValueError(f"{value!r} is not `most,fewest`: the fewest must be at least 1 and not more than the most")
    return SlotRange(fewest=fewest, most=most)


def _read_octal(value: str) -> int:
    try:
        return int(value, 8)
    except ValueError:
        raise ValueError(f"{value!r} is not an octal number such as 077") from None


SlotsWanted = Annotated[SlotRange | None, read_by(_split_slots)]
Umask = Annotated[Annotated[int, Meta(ge=0, le=0o777)] | None, read_by(_read_octal)]


class CelerySettings(Struct, frozen=True):
    """What Airflow keeps in [celery]: `TRADEWIND__CELERY__…`."""

    worker_concurrency: Annotated[int, Meta(ge=1)] = 16
    """Tasks that one worker runs at once."""
    worker_autoscale: SlotsWanted = None
    """`most,fewest` tasks at once, as in Airflow: more while messages wait, fewer after `worker_autoscale_keep_seconds`
    with slots to spare. Goes before `worker_concurrency`."""
    worker_autoscale_keep_seconds: Annotated[float, Meta(ge=0)] = 30.0
    """Celery's AUTOSCALE_KEEPALIVE."""
    worker_max_tasks_per_child: Annotated[int, Meta(ge=1)] | None = None
    """A process runs so many tasks, then another takes its place; unset: no limit. Means something only where processes
    are reused (`isolation`): otherwise each task has one of its own."""
    worker_max_memory_per_child: Annotated[int, Meta(ge=1)] | None = None
    """In kibibytes: a process that has taken more runs no other task. For where processes are reused, too; what ends a
    task that takes too much is `memory_limit_bytes` of the task runner."""
    worker_umask: Umask = None
    """Octal: what files that tasks make may not allow."""
    worker_enable_remote_control: bool = True
    """Celery's tools (`celery inspect`, `celery control`, flower) see the worker; over RabbitMQ only."""
    worker_send_task_events: bool = False
    """Events are sent from the start, not only once somebody enables them, as flower does."""


class WorkerOptions(Struct, frozen=True):
    """`TRADEWIND__WORKER__…`."""

    queues: Names = ("default",)
    """Queues to serve, separated by commas."""
    tags: Names = ()
    """Free labels, separated by commas, by which people find the worker in the fleet."""
    pools: Names = ()
    """Take tasks of these Airflow pools only, separated by commas; none = of all. Others' messages are left to other
    workers of the queue: there must be some, and a queue of its own serves a pool better."""
    name: str | None = None
    """What people call this worker; unset: `worker@` and the host's name. An id that is never used again is added."""
    shutdown_grace_seconds: Annotated[float, Meta(ge=0)] = 600.0
    """How long running tasks may go on after SIGTERM before they are killed as preempted: scale-down shall not kill
    them, so as long as the orchestrator allows (its own grace must be longer)."""
    hand_back_after_seconds: Annotated[float, Meta(gt=0)] = 1.0
    """Messages that find no free slot for this long go back to the queue, for other workers."""


class WorkerSettings(TaskRunningSettings, frozen=True):
    """What the worker reads from the environment."""

    celery: CelerySettings = CelerySettings()
    worker: WorkerOptions = WorkerOptions()
