"""Settings of whatever runs attempts: the worker, the local executors and `tradewind tasks run`."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from tradewind.service.settings import ServiceSettings
from tradewind.task_runner.turns.isolation import Isolation


class TaskRunnerSettings(Struct, frozen=True):
    """Child processes: `TRADEWIND__TASK_RUNNER__…`."""

    killed_task_cleanup_seconds: Annotated[float, Meta(ge=0)] = 60.0
    """Between SIGTERM and SIGKILL for a task that is cancelled (Airflow's `killed_task_cleanup_time`)."""
    fork_servers: Annotated[int, Meta(ge=1)] = 16
    """DAG files that stay imported; the least recently used one makes way. Each holds some megabytes."""
    fork_servers_bytes: Annotated[int, Meta(ge=0)] = 1024 * 1024 * 1024
    """Memory of all fork servers beyond what they share: heavy imports make way earlier."""
    bundle_cache_folder: Path | None = None
    """Where code is laid out that does not stand in the DAGs folder; workers of one host may share it. Unset: `bundles`
    under the home folder."""
    bundle_cache_bytes: Annotated[int, Meta(ge=0)] = 2 * 1024 * 1024 * 1024
    """Of that folder: versions that were not used for longest make way, those in use stay whatever their size."""
    run_from_dags_folder: bool = True
    """Run in the DAGs folder while it holds just what an attempt is to run, as far as a look of the last moment (0.2 s)
    can say. False: always in the cache, where nothing changes under a running task."""
    max_log_bytes: Annotated[int, Meta(ge=64 * 1024)] = 64 * 1024 * 1024
    """Of one attempt's log. What comes on top is dropped but for its last lines, and the log says so."""
    parked_children: Annotated[int, Meta(ge=0)] = 4
    """Children forked ahead, over all DAG files: their start leaves the critical path. 0 = none."""
    memory_limit_bytes: Annotated[int, Meta(ge=0)] = 0
    """A task whose process takes more memory than this, with the processes that it started, is killed and ends as out
    of memory. Coroutine tasks of one process share it. Looked at four times a second; 0 = no limit but the system's."""
    async_concurrency: Annotated[int, Meta(ge=0)] = 0
    """How many coroutine tasks (`async def`, async operators) a worker, or a LocalExecutor, runs at once besides its
    other tasks, those of a DAG file side by side on one event loop in one process. 0 = they are run as other tasks are.
    The environment names none of them there (`AIRFLOW_CTX_…`), and what one of them prints through a file descriptor
    goes to the worker's log; a task with `executor_config={"isolation": "fork"}` has a process of its own. For workers,
    give them a queue of their own: they cannot overtake other tasks that wait in the same one."""
    async_block_notice_seconds: Annotated[float, Meta(gt=0)] = 1.0
    """A coroutine task that keeps the others waiting so long is told so in its log."""
    async_block_stop_seconds: Annotated[float, Meta(gt=0)] = 10.0
    """Then it is stopped and fails."""
    isolation: Isolation = Isolation.FORK
    """`fork`: each task in a process of its own. `reuse`: a process goes on with another task of its DAG file, after
    everything that can be was put back: faster, but what tasks keep in variables of modules is there for the next one.
    A task with `executor_config={"isolation": "fork"}` has a process of its own in any case."""
    max_tasks_per_child: Annotated[int, Meta(ge=0)] = 0
    """Where processes are reused, how many tasks one of them runs; 0 = no limit."""
    idle_children: Annotated[int, Meta(ge=0)] = 16
    """Where processes are reused, how many may wait for another task, over all DAG files."""
    max_growth_per_child: Annotated[int, Meta(ge=0)] = 256 * 1024 * 1024
    """Where processes are reused: one that takes so many bytes more than at its beginning is not. 0 = no limit."""
    max_memory_per_child: Annotated[int, Meta(ge=0)] = 0
    """Where processes are reused: one that takes more bytes than this, shared ones included, is not. 0 = no limit."""


class TaskRunningSettings(ServiceSettings, frozen=True):
    """Base of the settings of services that run attempts."""

    task_runner: TaskRunnerSettings = TaskRunnerSettings()
