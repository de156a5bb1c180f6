"""Settings of the worker."""

from pydantic import BaseModel, Field

from tradewind.service.settings import Names
from tradewind.task_runner.settings import TaskRunningSettings


class CelerySettings(BaseModel):
    """What Airflow keeps in [celery]: `TRADEWIND__CELERY__…`."""

    worker_concurrency: int = Field(default=16, ge=1)
    """Tasks that one worker runs at once."""
    worker_enable_remote_control: bool = True
    """Celery's tools (`celery inspect`, `celery control`, flower) see the worker; over RabbitMQ only."""
    worker_send_task_events: bool = False
    """Events are sent from the start, not only once somebody enables them, as flower does."""


class WorkerOptions(BaseModel):
    """`TRADEWIND__WORKER__…`."""

    queues: Names = ("default",)
    """Queues to serve, separated by commas."""
    name: str | None = None
    """What people call this worker; unset: `worker@` and the host's name. An id that is never used again is added."""
    shutdown_grace_seconds: float = Field(default=600.0, ge=0)
    """How long running tasks may go on after SIGTERM before they are killed as preempted: scale-down shall not kill
    them, so as long as the orchestrator allows (its own grace must be longer)."""
    hand_back_after_seconds: float = Field(default=1.0, gt=0)
    """Messages that find no free slot for this long go back to the queue, for other workers."""


class WorkerSettings(TaskRunningSettings):
    """What the worker reads from the environment."""

    celery: CelerySettings = CelerySettings()
    worker: WorkerOptions = WorkerOptions()
