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


class CeleryExecutorSettings(BaseModel):
    """What Airflow keeps in [celery]: `TRADEWIND__CELERY__…`."""

    task_publish_max_retries: int = Field(default=3, ge=0)
    """Failures in a row of a queue before its messages wait longer between two tries."""


class DispatcherSettings(TaskRunningSettings):
    """What the dispatcher reads from the environment."""

    dispatcher: DispatcherOptions = DispatcherOptions()
    celery: CeleryExecutorSettings = CeleryExecutorSettings()
