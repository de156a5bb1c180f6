"""The same work on Tradewind and on others, one after the other in one run on the same servers."""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks import stacks, system, workloads
from benchmarks.peers import airflow, bare_celery
from benchmarks.results import Figure, Goal
from benchmarks.stacks import Running, Setup
from tests.servers.rabbitmq import rabbitmq_server

COMPARED: Final = ("trigger", "chain", "fan_out", "light40", "heavy10")
HEAVY: Final = "heavy10: 10 x fib(33)"
HEAVY_RATIO: Final = 1.03


def measure(setup: Setup, repeats: int, *, with_airflow: bool) -> list[Figure]:
    """Figures of Tradewind (separate processes), bare Celery and, if asked for, Airflow. Tradewind and Celery take
    turns, workload by workload, so that a machine whose speed drifts is fair to both."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="tradewind-peers-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (
            stacks.services(setup) as tradewind,
            rabbitmq_server() as rabbitmq,
            bare_celery.running(rabbitmq.new_url(), folder) as celery,
        ):
            for workload in COMPARED:
                print(f"{workload} …", file=sys.stderr, flush=True)
                figures += asyncio.run(_own(tradewind, workload, repeats))
                figures += celery.measure(workload, repeats)
        others = airflow.measure(folder / "airflow", repeats) if with_airflow else []
    return [*figures, *others, _heavy_ratio(figures)]


async def _own(running: Running, workload: str, repeats: int) -> list[Figure]:
    async with system.opened(running.name, running.stack, running.dags_folder, running.database_url) as opened:
        return await workloads.WORKLOADS[workload](opened, repeats)


def _heavy_ratio(figures: Sequence[Figure]) -> Figure:
    """What all the machinery adds to pure computing, with bare Celery as the measure."""
    ours, theirs = (figure for figure in figures if figure.workload == HEAVY)
    return Figure(
        workload="heavy10 over bare Celery's",
        system=ours.system,
        value=ours.value / theirs.value,
        unit="ratio",
        goal=Goal(HEAVY_RATIO),
    )
