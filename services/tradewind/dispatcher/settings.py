"""Settings of the dispatcher."""

from pydantic import BaseModel, Field

from tradewind.task_runner.settings import TaskRunningSettings


class DispatcherOptions(BaseModel):
    """`TRADEWIND__DISPATCHER__…`."""

    prefetch: int = Field(default=1000, ge=1)
    """Messages (batches of the scheduler) taken and not yet handed over to an executor in full."""
    max_batch: int = Field(default=200, ge=1)
    """Messages handled at once."""
    shutdown_grace_seconds: float = Field(default=20.0, ge=0)
    """How long tasks of local executors may go on after SIGTERM before they are killed as preempted."""
    executor_heartbeat_seconds: float = Field(default=5.0, gt=0)
    """Between two heartbeats of an executor that nothing was queued for: when it looks after what runs, and tries again
    what it could not pass on (Airflow's `scheduler_heartbeat_sec`). No slot waits for it."""


class CeleryExecutorSettings(BaseModel):
    """What Airflow keeps in [celery]: `TRADEWIND__CELERY__…`."""

    task_publish_max_retries: int = Field(default=3, ge=0)
    """How often publishing an attempt is tried again before it is left to the scheduler's sweep."""
    operation_timeout: float = Field(default=1.0, gt=0)
    """Seconds within which the broker confirms a flush (for each begun thousand messages); later, it has failed."""
    task_adoption_timeout: float = Field(default=600.0, ge=0)
    """Seconds for which an attempt that was published is taken to be on its way, if its dispatch is redelivered."""


class DispatcherSettings(TaskRunningSettings):
    """What the dispatcher reads from the environment."""

    dispatcher: DispatcherOptions = DispatcherOptions()
    celery: CeleryExecutorSettings = CeleryExecutorSettings()
