"""The workloads that run on a system: each returns its figures."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from benchmarks import dag_files
from benchmarks.resources import CpuMeter, cpu_percent, rss_bytes
from benchmarks.results import GROWTH_LIMIT, Figure, Goal, exponent, percentile
from benchmarks.system import Run, System, TaskTimes

CHAIN_LENGTH: Final = 20
FAN_OUT_WIDTH: Final = 200
IDLE_DAGS: Final = (250, 500, 1000)
ACTIVE_RUNS: Final = (125, 250, 500)

_DAGS: Final = "SELECT count(*) FROM dag WHERE starts_with(dag_id, $1)"
_SCHEDULED: Final = """
SELECT count(*)
FROM task_instance t
JOIN dag_run r ON r.id = t.dag_run_id
WHERE r.dag_id = $1 AND r.state = 'running' AND t.state = 'scheduled'
"""

Workload = Callable[[System, int], Awaitable[list[Figure]]]
"""(system, repeats) → figures."""


async def chain(system: System, repeats: int) -> list[Figure]:
    """No-op tasks in sequence: the time from one task's end to its successor's, and where it goes."""
    hops, cpu = await _hops_with_cpu(system, "bench_chain", repeats)
    hop_goal = Goal(6.0 if system.reuses else 8.0)
    gaps = [_ms(before.end_date, after.start_date) for before, after in hops]
    wholes = [_ms(before.end_date, after.end_date) for before, after in hops]
    split = {
        "end→recorded": _median_ms(hops, lambda before, after: (before.end_date, before.recorded_at)),
        "recorded→queued": _median_ms(hops, lambda before, after: (before.recorded_at, after.queued_at)),
        "queued→claimed": _median_ms(hops, lambda before, after: (after.queued_at, after.start_date)),
        "claimed→code": _median_ms(hops, lambda before, after: (after.start_date, after.code_started_at)),
        "code→end": _median_ms(hops, lambda before, after: (after.code_started_at, after.end_date)),
    }
    return [
        _figure(system, "chain of 20: hop, median", statistics.median(wholes), "ms", hop_goal, cpu_ms_per_hop=cpu),
        _figure(system, "chain of 20: hop, p95", percentile(wholes, 0.95), "ms", Goal(20.0)),
        _figure(system, "gap: end → successor's start, p50", statistics.median(gaps), "ms", Goal(6.0), **split),
    ]


async def fan_out(system: System, repeats: int) -> list[Figure]:
    """A root, 200 no-op tasks side by side, a join."""
    await _fan_out_rates(system, FAN_OUT_WIDTH, 0)
    meter = CpuMeter(system.stack)
    rates = await _fan_out_rates(system, FAN_OUT_WIDTH, repeats, warm_up=False)
    details = {"all": _rounded(rates), "cpu_ms_per_task": meter.milliseconds_per(repeats * (FAN_OUT_WIDTH + 2))}
    goal = Goal(1200.0 if system.reuses else 450.0, at_least=True)
    return [_figure(system, "fan-out root+200+join", statistics.median(rates), "tasks/s", goal, **details)]


async def growth(system: System, repeats: int) -> list[Figure]:
    """Cost at n, 2n, 4n: the exponents of a chain's and a fan-out's time."""
    lengths, widths = (10, 20, 40), (100, 200, 400)
    chains: list[float] = []
    for length in lengths:
        dag_id = f"bench_chain_{length}"
        await system.add_dag(dag_id, dag_files.chain(dag_id, length))
        runs = [await system.run(dag_id) for _ in range(repeats + 1)][1:]
        chains.append(statistics.median(_seconds(run) for run in runs))
    fans = [1.0 / statistics.median(await _fan_out_rates(system, width, repeats)) * width for width in widths]
    goal = Goal(GROWTH_LIMIT)
    return [
        _figure(system, "growth of a chain, 10-20-40", exponent(lengths, chains), "exponent", goal, s=_rounded(chains)),
        _figure(system, "growth of a fan-out, 100-200-400", exponent(widths, fans), "exponent", goal, s=_rounded(fans)),
    ]


async def fan_out_10000(system: System, repeats: int) -> list[Figure]:
    """The same rate at 10,000 as at 200, and what a task instance costs the scheduler in memory."""
    small = statistics.median(await _fan_out_rates(system, FAN_OUT_WIDTH, repeats))
    scheduler = next(iter(p for p in system.stack.processes.values() if p.command in ("scheduler", "standalone")))
    before = rss_bytes(scheduler)
    widths = (2500, 5000, 10_000)
    rates = [(await _fan_out_rates(system, width, 1, warm_up=False))[0] for width in widths]
    grown = max(0, rss_bytes(scheduler) - before) / sum(widths)
    times = [width / rate for width, rate in zip(widths, rates, strict=True)]
    return [
        _figure(system, "fan-out of 10,000", rates[-1], "tasks/s", Goal(0.85 * small, at_least=True)),
        _figure(system, "growth of a fan-out, 2,500-5,000-10,000", exponent(widths, times), "exponent", Goal(1.1)),
        _figure(system, "scheduler's memory per task instance", grown, "bytes", Goal(2000.0)),
    ]


async def chain_2000(system: System, repeats: int) -> list[Figure]:
    """A chain of 2,000, and how its time grows."""
    lengths = (500, 1000, 2000)
    times: list[float] = []
    cpu: dict[str, dict[str, float]] = {}
    for length in lengths:
        dag_id = f"bench_chain_{length}"
        await system.add_dag(dag_id, dag_files.chain(dag_id, length))
        meter = CpuMeter(system.stack)
        times.append(_seconds(await system.run(dag_id)))
        cpu[f"cpu_ms_per_hop_of_{length}"] = meter.milliseconds_per(length)
    grown = exponent(lengths, times)
    return [
        _figure(system, "chain of 2,000: per hop", times[-1] / lengths[-1] * 1000, "ms", None, **cpu),
        _figure(system, "growth of a chain, 500-1,000-2,000", grown, "exponent", Goal(GROWTH_LIMIT), s=_rounded(times)),
    ]


async def map_10000(system: System, repeats: int) -> list[Figure]:
    """One task mapped over 10,000 items: rate, growth, and what an instance costs the scheduler in memory."""
    scheduler = next(iter(p for p in system.stack.processes.values() if p.command in ("scheduler", "standalone")))
    widths = (2500, 5000, 10_000)
    await _map_seconds(system, 100)
    before = rss_bytes(scheduler)
    times = [await _map_seconds(system, width) for width in widths]
    grown = max(0, rss_bytes(scheduler) - before) / sum(widths)
    return [
        _figure(system, "map over 10,000", widths[-1] / times[-1], "tasks/s", None),
        _figure(system, "growth of a map, 2,500-5,000-10,000", exponent(widths, times), "exponent", Goal(GROWTH_LIMIT)),
        _figure(system, "scheduler's memory per mapped instance", grown, "bytes", Goal(2000.0)),
    ]


async def _map_seconds(system: System, width: int) -> float:
    dag_id = f"bench_map_{width}"
    await system.add_dag(dag_id, dag_files.mapped(dag_id, width))
    return _seconds(await system.run(dag_id))


async def trigger(system: System, repeats: int) -> list[Figure]:
    """From the POST of a run to the start of its first task."""
    await system.add_dag("bench_trigger", dag_files.chain("bench_trigger", 1))
    await system.warm_up("bench_trigger")
    runs = [await system.run("bench_trigger") for _ in range(10 * repeats)]
    starts = [_ms(run.asked_at, run.tasks[0].start_date) for run in runs]
    codes = [_ms(run.asked_at, run.tasks[0].code_started_at) for run in runs]
    return [
        _figure(
            system,
            "trigger: POST → first task's start, p50",
            statistics.median(starts),
            "ms",
            Goal(12.0),
            p95=percentile(starts, 0.95),
            until_code=statistics.median(codes),
        )
    ]


async def light40(system: System, repeats: int) -> list[Figure]:
    """40 sequential tasks of next to no work."""
    return [await _fib(system, "light40: 40 x fib(10)", 40, 10, repeats, Goal(0.35))]


async def heavy10_alone(system: System, repeats: int) -> list[Figure]:
    """10 sequential tasks of pure computing."""
    return [await _fib(system, "heavy10: 10 x fib(33)", 10, 33, repeats, None)]


async def heavy10(system: System, repeats: int) -> list[Figure]:
    """10 sequential tasks of pure computing, beside the same computing without any system."""
    [figure] = await heavy10_alone(system, repeats)
    pure = await asyncio.to_thread(_pure_seconds)
    ratio = figure.value / pure
    return [figure, _figure(system, "heavy10 over pure computing", ratio, "ratio", None, pure_s=pure)]


async def visible(system: System, repeats: int) -> list[Figure]:
    """From the write of a DAG file to the DAG in the API."""
    seconds: list[float] = []
    for number in range(4 * repeats):
        dag_id = f"bench_visible_{number}"
        seconds.append(await system.add_dag(dag_id, dag_files.small(dag_id)))
        await asyncio.sleep(0.3)  # the events of one file shall not be merged with the next one's
    goal = Goal(1.0)
    return [_figure(system, "DAG file visible in the API", statistics.median(seconds), "s", goal, max=max(seconds))]


async def parse_1000(system: System, repeats: int) -> list[Figure]:
    """1,000 DAG files at once; then nothing more to do for the dag processor."""
    sizes = (250, 500, 1000)
    times = [await _parse_seconds(system, f"bench_parse_{size}", size) for size in sizes]
    processor = next(iter(p for p in system.stack.processes.values() if p.command in ("dag-processor", "standalone")))
    await asyncio.sleep(2.0)
    idle = await cpu_percent([processor], 10.0)
    return [
        _figure(system, "1,000 DAG files of 5 tasks, first parse", times[-1], "s", Goal(10.0)),
        _figure(system, "… growth, 250-500-1,000", exponent(sizes, times), "exponent", Goal(GROWTH_LIMIT)),
        _figure(system, "… then idle (that process)", idle, "% CPU", Goal(1.0)),
    ]


async def idle_dags(system: System, repeats: int) -> list[Figure]:
    """The same chain beside 250, 500 and 1,000 DAGs that do nothing: an event costs what it cost before."""
    hops: list[float] = []
    alone = await _hop_ms(system, "bench_alone", repeats)
    for more in (250, 250, 500):
        number = len(hops)
        await _parse_seconds(system, f"bench_idle_{number}", more)
        hops.append(await _hop_ms(system, f"bench_among_idle_{number}", repeats))
    return _growth_of_hops(system, "idle DAGs", IDLE_DAGS, hops, alone)


async def active_runs(system: System, repeats: int) -> list[Figure]:
    """The same chain beside 125, 250 and 500 runs that are under way."""
    hops: list[float] = []
    alone = await _hop_ms(system, "bench_by_itself", repeats)
    await system.add_dag("bench_waiting", dag_files.waiting("bench_waiting", "closed", ACTIVE_RUNS[-1]))
    for count in ACTIVE_RUNS:
        for _ in range(count - ACTIVE_RUNS[len(hops) - 1] if hops else count):
            await system.trigger("bench_waiting")
        await system.until_count(_SCHEDULED, "bench_waiting", count)
        hops.append(await _hop_ms(system, f"bench_among_runs_{count}", repeats))
    return _growth_of_hops(system, "active runs", ACTIVE_RUNS, hops, alone)


async def _hop_ms(system: System, dag_id: str, repeats: int) -> float:
    return statistics.median(_ms(a.end_date, b.end_date) for a, b in await _hops(system, dag_id, repeats))


def _growth_of_hops(
    system: System, beside: str, sizes: Sequence[int], hops: Sequence[float], alone: float
) -> list[Figure]:
    """An event costs O(downstream of what changed): the hop does not grow with what is about."""
    grown = exponent(sizes, hops)
    name = f"hop beside {sizes[-1]:,} {beside}"
    return [
        _figure(system, name, hops[-1] / alone, "x the hop alone", Goal(1.1), alone_ms=alone, ms=_rounded(hops)),
        _figure(system, f"… growth, {'-'.join(f'{size:,}' for size in sizes)}", grown, "exponent", Goal(0.1)),
    ]


WORKLOADS: Final[dict[str, Workload]] = {
    "visible": visible,
    "trigger": trigger,
    "chain": chain,
    "fan_out": fan_out,
    "light40": light40,
    "heavy10": heavy10,
    "growth": growth,
    "parse_1000": parse_1000,
    "idle_dags": idle_dags,
    "active_runs": active_runs,
    "fan_out_10000": fan_out_10000,
    "chain_2000": chain_2000,
    "map_10000": map_10000,
}

LONG: Final = ("fan_out_10000", "chain_2000", "map_10000", "scale_out")
"""Only when asked for: minutes."""


async def _hops(system: System, dag_id: str, repeats: int) -> list[tuple[TaskTimes, TaskTimes]]:
    hops, _cpu = await _hops_with_cpu(system, dag_id, repeats)
    return hops


async def _hops_with_cpu(
    system: System, dag_id: str, repeats: int
) -> tuple[list[tuple[TaskTimes, TaskTimes]], dict[str, float]]:
    await system.add_dag(dag_id, dag_files.chain(dag_id, CHAIN_LENGTH))
    await system.warm_up(dag_id)
    meter = CpuMeter(system.stack)
    runs = [await system.run(dag_id) for _ in range(repeats)]
    cpu = meter.milliseconds_per(repeats * CHAIN_LENGTH)
    return [hop for run in runs for hop in pairwise(run.tasks)], cpu


async def _fan_out_rates(system: System, width: int, repeats: int, *, warm_up: bool = True) -> list[float]:
    dag_id = f"bench_fan_out_{width}"
    await system.add_dag(dag_id, dag_files.fan_out(dag_id, width))
    if warm_up:
        await system.warm_up(dag_id)
    runs = [await system.run(dag_id) for _ in range(repeats)]
    return [len(run.tasks) / _seconds(run) for run in runs]


async def _fib(system: System, name: str, length: int, number: int, repeats: int, goal: Goal | None) -> Figure:
    dag_id = f"bench_fib_{number}"
    await system.add_dag(dag_id, dag_files.fib_chain(dag_id, length, number))
    await system.warm_up(dag_id)
    runs = [await system.run(dag_id) for _ in range(repeats)]
    seconds = [(run.tasks[-1].end_date - run.asked_at).total_seconds() for run in runs]
    return _figure(system, name, statistics.median(seconds), "s", goal, all=_rounded(seconds))


async def _parse_seconds(system: System, folder_name: str, size: int) -> float:
    aside = system.dags_folder / f".{folder_name}"
    aside.mkdir()
    for number in range(size):
        (aside / f"dag_{number:04}.py").write_text(dag_files.small(f"{folder_name}_{number:04}"))
    began = time.monotonic()
    aside.rename(system.dags_folder / folder_name)
    await system.until_count(_DAGS, f"{folder_name}_", size)
    return time.monotonic() - began


def _figure(system: System, workload: str, value: float, unit: str, goal: Goal | None, **details: object) -> Figure:
    return Figure(workload=workload, system=system.name, value=value, unit=unit, goal=goal, details=details)


def _seconds(run: Run) -> float:
    """From the start of the first task to the end of the last."""
    first, last = min(task.start_date for task in run.tasks), max(task.end_date for task in run.tasks)
    return (last - first).total_seconds()


def _median_ms(
    hops: Sequence[tuple[TaskTimes, TaskTimes]], part: Callable[[TaskTimes, TaskTimes], tuple[datetime, datetime]]
) -> float:
    return statistics.median(_ms(*part(before, after)) for before, after in hops)


def _ms(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds() * 1000


def _rounded(values: Sequence[float]) -> list[float]:
    return [float(f"{value:.4g}") for value in values]


def _pure_seconds() -> float:
    began = time.perf_counter()
    for _ in range(10):
        _pure_fib(33)
    return time.perf_counter() - began


def _pure_fib(number: int) -> int:
    return number if number < 2 else _pure_fib(number - 1) + _pure_fib(number - 2)
