"""The async lane: thousands of coroutine tasks that wait, on one worker process."""

import asyncio
import statistics
from dataclasses import replace
from typing import Final

from benchmarks import dag_files
from benchmarks.results import Figure, Goal
from benchmarks.stacks import Running, Setup, services
from benchmarks.system import Run, opened

WIDTH: Final = 2000
SLEEP_SECONDS: Final = 1.0
DAG_ID: Final = "bench_lane"
GOAL: Final = Goal(4.0)


def lane(setup: Setup, repeats: int) -> list[Figure]:
    """From the request of the run to the end of its last task; all of them may run at once."""
    with services(replace(setup, workers=1, async_concurrency=WIDTH)) as running:
        return asyncio.run(_measure(running, repeats))


async def _measure(running: Running, repeats: int) -> list[Figure]:
    async with opened(running) as system:
        await system.add_dag(DAG_ID, dag_files.coroutines(DAG_ID, WIDTH, SLEEP_SECONDS))
        await system.warm_up(DAG_ID)
        runs = [await system.run(DAG_ID) for _ in range(repeats)]
    wholes = [_seconds(run) for run in runs]
    details = {
        "all": [round(whole, 2) for whole in wholes],
        "until the first start": statistics.median(_until_start(run) for run in runs),
        "most at once": max(_most_at_once(run) for run in runs),
    }
    name = f"async lane: {WIDTH:,} tasks of {SLEEP_SECONDS:g} s"
    return [
        Figure(
            workload=name, system=running.name, value=statistics.median(wholes), unit="s", goal=GOAL, details=details
        )
    ]


def _seconds(run: Run) -> float:
    return (max(task.end_date for task in run.tasks) - run.asked_at).total_seconds()


def _until_start(run: Run) -> float:
    return (min(task.start_date for task in run.tasks) - run.asked_at).total_seconds()


def _most_at_once(run: Run) -> int:
    """Tasks between their first line and their end."""
    steps = sorted([(task.code_started_at, 1) for task in run.tasks] + [(task.end_date, -1) for task in run.tasks])
    most = running = 0
    for _, step in steps:
        running += step
        most = max(most, running)
    return most
