"""The same work on Tradewind and on others, in turns, in one run on the same servers."""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks import workloads
from benchmarks.peers import airflow, bare_celery
from benchmarks.peers.rounds import Measure, against, measured_in_turns
from benchmarks.results import Figure
from benchmarks.stacks import Running, Setup, services_over
from benchmarks.system import System, opened
from benchmarks.workloads import Workload
from tests.servers.rabbitmq import rabbitmq_server

COMPARED: Final[dict[str, Workload]] = {
    "trigger": workloads.trigger,
    "chain": workloads.chain,
    "fan_out": workloads.fan_out,
    "light40": workloads.light40,
    "heavy10": workloads.heavy10_alone,
}
TURNS_MIN: Final = 3


def measure(setup: Setup, repeats: int, compared: Sequence[str], *, with_airflow: bool) -> list[Figure]:
    """Figures of these workloads on Tradewind (separate processes; with fresh forks, and with reused ones), bare Celery
    and, if asked for, Airflow. All but the last are up together and take turns with each workload, so that a machine
    whose speed drifts is fair to all of them."""
    with tempfile.TemporaryDirectory(prefix="tradewind-peers-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with ExitStack() as stack:
            rabbitmq = stack.enter_context(rabbitmq_server())
            own = [
                stack.enter_context(services_over(rabbitmq.new_url(), replace(setup, reuses=reuses), "services"))
                for reuses in (False, True)
            ]
            celery = stack.enter_context(bare_celery.running(rabbitmq.new_url(), folder))
            figures = asyncio.run(_take_turns(own, celery, compared, max(TURNS_MIN, repeats)))
        others = airflow.measure(folder / "airflow", repeats) if with_airflow else []
    return [*figures, *others]


async def _take_turns(
    own: Sequence[Running], celery: bare_celery.BareCelery, compared: Sequence[str], turns: int
) -> list[Figure]:
    figures: list[Figure] = []
    async with AsyncExitStack() as stack:
        systems = [await stack.enter_async_context(opened(running)) for running in own]
        for name in compared:
            print(f"{name} …", file=sys.stderr, flush=True)
            measures = [*(_on(system, COMPARED[name]) for system in systems), partial(_on_celery, celery, name)]
            figures += against(bare_celery.NAME, await measured_in_turns(measures, turns))
    return figures


def _on(system: System, workload: Workload) -> Measure:
    return lambda: workload(system, 1)


async def _on_celery(celery: bare_celery.BareCelery, workload: str) -> list[Figure]:
    return await asyncio.to_thread(celery.measure, workload, 1)
