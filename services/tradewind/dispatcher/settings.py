"""Settings of the dispatcher."""

from typing import Annotated

from msgspec import Meta, Struct

from tradewind.task_runner.settings import TaskRunningSettings


class DispatcherOptions(Struct, frozen=True):
    """`TRADEWIND__DISPATCHER__…`."""

    prefetch: Annotated[int, Meta(ge=1)] = 1000
    """Messages (batches of the scheduler) taken and not yet handed over to an executor in full."""
    max_batch: Annotated[int, Meta(ge=1)] = 200
    """Messages handled at once."""
    shutdown_grace_seconds: Annotated[float, Meta(ge=0)] = 20.0
    """How long tasks of local executors may go on after SIGTERM before they are killed as preempted."""
    executor_heartbeat_seconds: Annotated[float, Meta(gt=0)] = 5.0
    """Between two heartbeats of an executor that nothing was queued for: when it looks after what runs, and tries again
    what it could not pass on (Airflow's `scheduler_heartbeat_sec`). No slot waits for it."""


class CeleryExecutorSettings(Struct, frozen=True):
    """What Airflow keeps in [celery]: `TRADEWIND__CELERY__…`."""

    task_publish_max_retries: Annotated[int, Meta(ge=0)] = 3
    """How often publishing an attempt is tried again before it is left to the scheduler's sweep."""
    operation_timeout: Annotated[float, Meta(gt=0)] = 1.0
    """Seconds within which the broker confirms a flush (for each begun thousand messages); later, it has failed."""
    task_adoption_timeout: Annotated[float, Meta(ge=0)] = 600.0
    """Seconds for which an attempt that was published is taken to be on its way, if its dispatch is redelivered."""


class DispatcherSettings(TaskRunningSettings, frozen=True):
    """What the dispatcher reads from the environment."""

    dispatcher: DispatcherOptions = DispatcherOptions()
    celery: CeleryExecutorSettings = CeleryExecutorSettings()
