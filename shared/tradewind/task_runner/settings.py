"""Settings of whatever runs attempts: the worker, the local executors and `tradewind tasks run`."""

from pathlib import Path

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
    bundle_cache_folder: Path | None = None
    """Where code is laid out that does not stand in the DAGs folder; workers of one host may share it. Unset: `bundles`
    under the home folder."""
    bundle_cache_bytes: int = Field(default=2 * 1024 * 1024 * 1024, ge=0)
    """Of that folder: versions that were not used for longest make way, those in use stay whatever their size."""
    run_from_dags_folder: bool = True
    """Run in the DAGs folder while it holds just what an attempt is to run, as far as a look of the last moment (0.2 s)
    can say. False: always in the cache, where nothing changes under a running task."""
    """Children forked ahead, over all DAG files: their start leaves the critical path. 0 = none."""


class TaskRunningSettings(ServiceSettings):
    """Base of the settings of services that run attempts."""

    task_runner: TaskRunnerSettings = TaskRunnerSettings()
