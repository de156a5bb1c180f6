"""The same work on Tradewind and on others, one after the other in one run on the same servers."""

import asyncio
import tempfile
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
    """Figures of Tradewind (separate processes), bare Celery and, if asked for, Airflow."""
    with stacks.services(setup) as running:
        own = asyncio.run(_own(running, repeats))
    with tempfile.TemporaryDirectory(prefix="tradewind-peers-", ignore_cleanup_errors=True) as folder:
        with rabbitmq_server() as rabbitmq:
            celery = bare_celery.measure(rabbitmq.new_url(), Path(folder), repeats)
        others = airflow.measure(Path(folder) / "airflow", repeats) if with_airflow else []
    return [*own, *celery, *others, _heavy_ratio(own, celery)]


async def _own(running: Running, repeats: int) -> list[Figure]:
    async with system.opened(running.name, running.stack, running.dags_folder, running.database_url) as opened:
        return [figure for name in COMPARED for figure in await workloads.WORKLOADS[name](opened, repeats)]


def _heavy_ratio(own: list[Figure], celery: list[Figure]) -> Figure:
    """What all the machinery adds to pure computing, with bare Celery as the measure."""
    ours, theirs = (next(figure for figure in figures if figure.workload == HEAVY) for figures in (own, celery))
    return Figure(
        workload="heavy10 over bare Celery's",
        system=ours.system,
        value=ours.value / theirs.value,
        unit="ratio",
        goal=Goal(HEAVY_RATIO),
    )
