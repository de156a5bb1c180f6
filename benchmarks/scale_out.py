"""Whether more workers do more: the same sleeping tasks on 1, 2 and 4 worker processes, and what bounds the rest."""

import asyncio
import statistics
from typing import Final

from benchmarks import dag_files
from benchmarks.results import Figure, Goal
from benchmarks.stacks import Running, Setup, services
from benchmarks.system import Run, System, opened

WORKERS: Final = (4, 2, 1)
"""From many to few: workers are told to stop in between, as a scale-down does."""
SLOTS: Final = 4
"""Tasks at once per worker: few, so that the slots are the limit and not the cores."""
SLEEP_SECONDS: Final = 0.5
ROUNDS: Final = 10
"""Turns of every slot in a run."""
WIDTH: Final = 200
"""Of the no-op fan-out that shows the limit of the rest of the system."""


def scale_out(repeats: int) -> list[Figure]:
    """Throughput over one worker's, and the limit."""
    with services(Setup(max(WORKERS), SLOTS)) as running:
        return asyncio.run(_measure(running, repeats))


async def _measure(running: Running, repeats: int) -> list[Figure]:
    async with opened(running) as system:
        await system.add_dag("bench_limit", dag_files.fan_out("bench_limit", WIDTH))
        runs = [await system.run("bench_limit") for _ in range(repeats + 1)][1:]
        limit = statistics.median(len(run.tasks) / _span_seconds(run) for run in runs)
        rates: dict[int, float] = {}
        for count in WORKERS:
            for name in [name for name in system.stack.processes if name.startswith("worker-")][count:]:
                await asyncio.to_thread(system.stack.stop, name)
            rates[count] = await _rate(system, count, repeats)
    return _figures(rates, limit)


async def _rate(system: System, workers: int, repeats: int) -> float:
    """Tasks per second of as many tasks as these workers' slots take in `ROUNDS` turns."""
    dag_id = f"bench_sleep_{workers}"
    await system.add_dag(dag_id, dag_files.sleeping(dag_id, workers * SLOTS * ROUNDS, SLEEP_SECONDS))
    runs = [await system.run(dag_id) for _ in range(repeats + 1)][1:]
    return statistics.median(len(run.tasks) / _span_seconds(run) for run in runs)


def _span_seconds(run: Run) -> float:
    return (max(task.end_date for task in run.tasks) - min(task.queued_at for task in run.tasks)).total_seconds()


def _figures(rates: dict[int, float], limit: float) -> list[Figure]:
    figures = [
        Figure(
            workload=f"scale-out: {workers} over 1 worker",
            system="services",
            value=rates[workers] / rates[1],
            unit="times",
            goal=Goal(0.85 * workers, at_least=True),
            details={"tasks/s": round(rates[workers], 1), "slots allow": workers * SLOTS / SLEEP_SECONDS},
        )
        for workers in sorted(rates)
        if workers > 1
    ]
    one = {"slots allow": SLOTS / SLEEP_SECONDS}
    return [
        Figure(workload="scale-out: 1 worker", system="services", value=rates[1], unit="tasks/s", details=one),
        *figures,
        Figure(workload="scale-out: limit, no-op tasks", system="services, 4 workers", value=limit, unit="tasks/s"),
    ]
