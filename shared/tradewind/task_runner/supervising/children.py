"""The adapters that a supervisor needs besides the bus: who makes its child processes, and who takes their logs."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import NamedTuple

from tradewind.service.child_environment import DAGS_FOLDER_VARIABLE
from tradewind.service.dag_roots import dag_roots
from tradewind.task_runner.bundles.fetched import open_bundles
from tradewind.task_runner.bundles.port import Bundles
from tradewind.task_runner.forking.launcher import ForkLauncherLimits, open_fork_launcher
from tradewind.task_runner.launcher import Launcher
from tradewind.task_runner.log_streams.sink import open_log_sink
from tradewind.task_runner.log_streams.stream import LogSink
from tradewind.task_runner.settings import TaskRunnerSettings, TaskRunningSettings
from tradewind.task_runner.turns.isolation import Isolation


class Children(NamedTuple):
    """What makes processes, and what stores the logs of those that run for long."""

    launcher: Launcher
    log_sink: LogSink
    bundles: Bundles | None = None
    """Who finds the code; None = it is taken from the DAG folders as they stand."""


OpenChildren = Callable[[TaskRunningSettings], AbstractAsyncContextManager[Children]]
"""Opens both, for as long as the context lasts. The simulation passes its own."""


@asynccontextmanager
async def open_forked_children(settings: TaskRunningSettings) -> AsyncGenerator[Children]:
    """Real processes, and the execution API."""
    limits = ForkLauncherLimits(
        import_timeout_seconds=settings.core.dagbag_import_timeout_seconds,
        servers=settings.task_runner.fork_servers,
        servers_bytes=settings.task_runner.fork_servers_bytes,
        parked=settings.task_runner.parked_children,
        memory_bytes=settings.task_runner.memory_limit_bytes,
    )
    async with (
        open_log_sink(settings.execution_api_url) as log_sink,
        open_fork_launcher(
            _with_lane(_with_reuse(limits, settings.task_runner), settings.task_runner),
            # Code that came by content lies elsewhere: plugins and policies are still found beside the DAGs folder.
            {DAGS_FOLDER_VARIABLE: str(settings.dags_folder)},
        ) as launcher,
        open_bundles(
            dag_roots(settings),
            cache_folder=settings.task_runner.bundle_cache_folder or settings.home / "bundles",
            max_bytes=settings.task_runner.bundle_cache_bytes,
            execution_api_url=settings.execution_api_url,
            uses_folders=settings.task_runner.run_from_dags_folder,
        ) as bundles,
    ):
        yield Children(launcher, log_sink, bundles)


def _with_lane(limits: ForkLauncherLimits, settings: TaskRunnerSettings) -> ForkLauncherLimits:
    if settings.async_concurrency == 0:
        return limits
    return replace(
        limits,
        async_notice_seconds=settings.async_block_notice_seconds,
        async_stop_seconds=settings.async_block_stop_seconds,
    )


def _with_reuse(limits: ForkLauncherLimits, settings: TaskRunnerSettings) -> ForkLauncherLimits:
    if settings.isolation is not Isolation.REUSE:
        return limits
    return replace(
        limits,
        parked=max(settings.parked_children, settings.idle_children),
        tasks_per_child=settings.max_tasks_per_child,
        child_bytes=settings.max_memory_per_child,
        child_growth_bytes=settings.max_growth_per_child,
    )
