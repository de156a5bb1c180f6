"""Settings of whatever runs attempts: the worker, the local executors and `tradewind tasks run`."""

from pydantic import BaseModel, Field

from tradewind.service.settings import ServiceSettings


class TaskRunnerSettings(BaseModel):
    """Child processes: `TRADEWIND__TASK_RUNNER__…`."""

    killed_task_cleanup_seconds: float = Field(default=60.0, ge=0)
    """Between SIGTERM and SIGKILL for a task that is cancelled (Airflow's `killed_task_cleanup_time`)."""
    fork_servers: int = Field(default=16, ge=1)
    """DAG files that stay imported; the least recently used one makes way. Each holds some megabytes."""
    fork_servers_bytes: int = Field(default=1024 * 1024 * 1024, ge=0)
    """Memory of all fork servers beyond what they share: heavy imports make way earlier."""
    parked_children: int = Field(default=4, ge=0)
    """Children forked ahead, over all DAG files: their start leaves the critical path. 0 = none."""


class TaskRunningSettings(ServiceSettings):
    """Base of the settings of services that run attempts."""

    task_runner: TaskRunnerSettings = TaskRunnerSettings()
