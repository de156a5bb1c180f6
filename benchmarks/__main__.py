"""`python -m benchmarks [workload …]`: measure, print a table, write JSON; instead: `peers` beside other systems, `api`
the calls of clients over a million task instances."""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from benchmarks import resources, stacks, system, workloads
from benchmarks.api_calls.measure import measure as measure_api
from benchmarks.lane import lane
from benchmarks.peers.measure import COMPARED
from benchmarks.peers.measure import measure as measure_peers
from benchmarks.results import Figure, details, save, table
from benchmarks.scale_out import scale_out
from benchmarks.stacks import Running, Setup

EXTRAS: Final = ("idle", "cold_start", "installed", "lane", "scale_out")


def main() -> None:
    """Entry point."""
    arguments = _parser().parse_args()
    setup = Setup(arguments.workers, arguments.concurrency)
    conditions = conditions_of(setup, arguments.repeats)
    if arguments.workloads[:1] == ["peers"]:
        compared = _known(arguments.workloads[1:], COMPARED) or list(COMPARED)
        name, figures = "peers", measure_peers(setup, arguments.repeats, compared, with_airflow=arguments.airflow)
        figures = sorted(figures, key=lambda figure: figure.workload)
    elif arguments.workloads[:1] == ["api"]:
        name, figures = "api", measure_api(with_airflow=arguments.airflow)
    else:
        name, figures = "tradewind", _measure(_chosen(arguments), arguments.stacks, setup, arguments.repeats)
    path = save(name, conditions, figures)
    report(conditions, figures)
    print(f"\n{path}")


def _chosen(arguments: argparse.Namespace) -> list[str]:
    chosen: list[str] = arguments.workloads or [
        name for name in (*workloads.WORKLOADS, *EXTRAS) if name not in workloads.LONG
    ]
    return _known(chosen, (*workloads.WORKLOADS, *EXTRAS))


def _known(chosen: list[str], names: Collection[str]) -> list[str]:
    unknown = [name for name in chosen if name not in names]
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; there are {', '.join(names)}")
    return chosen


def conditions_of(setup: Setup, repeats: int) -> dict[str, object]:
    """What must be known to compare figures."""
    return {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "workers": f"{setup.workers} with {setup.concurrency} tasks at once",
        "isolation": "a fresh fork per task, or processes that are reused where the system's name says so",
        "limits raised": "pool slots and parallelism without limit, max_active_tasks 1,000 (fan-out: its width)",
        "medians of": f"{repeats} runs after one to warm up",
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def report(conditions: dict[str, object], figures: Sequence[Figure]) -> None:
    """Print everything."""
    print()
    for name, value in conditions.items():
        print(f"{name}: {value}")
    print(f"\n{table(figures)}\n\nparts:\n{details(figures)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ", ".join((*workloads.WORKLOADS, *EXTRAS))
    parser.add_argument(
        "workloads",
        nargs="*",
        help=f"which (default: all but the long ones): {names}; or peers, and which of theirs; or api",
    )
    parser.add_argument("--stacks", nargs="+", choices=list(stacks.STACKS), default=stacks.DEFAULT_STACKS)
    parser.add_argument("--repeats", type=int, default=3, help="runs whose median counts (default: 3)")
    parser.add_argument("--workers", type=int, default=1, help="worker processes (default: 1)")
    parser.add_argument("--concurrency", type=int, default=16, help="tasks at once per worker (default: 16)")
    parser.add_argument("--airflow", action="store_true", help="peers, api: install and measure Airflow, too")
    return parser


def _measure(chosen: Sequence[str], stack_names: Sequence[str], setup: Setup, repeats: int) -> list[Figure]:
    figures: list[Figure] = []
    if "installed" in chosen:
        figures += resources.installed()
    if "cold_start" in chosen:
        figures += _noted("cold_start", "standalone", stacks.cold_starts)
    if "scale_out" in chosen:
        figures += _noted("scale_out", "services", partial(scale_out, repeats))
    if "lane" in chosen:
        figures += _noted("lane", "services", partial(lane, setup, repeats))
    for kind in stack_names:
        figures += _on_stack(chosen, stacks.STACKS[kind](setup), repeats)
    return figures


def _on_stack(chosen: Sequence[str], stack: AbstractContextManager[Running], repeats: int) -> list[Figure]:
    wanted = [name for name in chosen if name in workloads.WORKLOADS]
    figures: list[Figure] = []
    if not wanted and "idle" not in chosen:
        return figures
    with stack as running:
        if "idle" in chosen:
            figures += _noted("idle", running.name, lambda: asyncio.run(resources.idle(running.stack, running.name)))
        for name in wanted:
            figures += _noted(name, running.name, partial(_run_to_end, name, running, repeats))
    return figures


def _run_to_end(name: str, running: Running, repeats: int) -> list[Figure]:
    return asyncio.run(_run(name, running, repeats))


async def _run(name: str, running: Running, repeats: int) -> list[Figure]:
    async with system.opened(running) as opened:
        return await workloads.WORKLOADS[name](opened, repeats)


def _noted(name: str, where: str, measure: Callable[[], list[Figure]]) -> list[Figure]:
    print(f"{name} [{where}] …", file=sys.stderr, flush=True)
    return measure()


if __name__ == "__main__":
    main()
