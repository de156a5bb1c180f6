"""What processes cost: memory and CPU time of whole process trees."""

import asyncio
import importlib.metadata
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psutil

from benchmarks.results import Figure, Goal
from tests.servers.stack import ServiceProcess, Stack

IDLE_SECONDS: Final = 20.0
SETTLE_SECONDS: Final = 5.0
REPOSITORY: Final = Path(__file__).parents[1]
ROOTS: Final = ("services", "shared", "proto")


def pss_bytes(process: ServiceProcess) -> int:
    """Memory of the process and all that it started; pages shared by n processes count 1/n in each."""
    return sum(member.memory_full_info().pss for member in process.tree())


def rss_bytes(process: ServiceProcess) -> int:
    """Resident memory of the process itself."""
    return psutil.Process(process.pid).memory_info().rss


def cpu_seconds(process: ServiceProcess) -> float:
    """CPU time so far of the process and all that it started, those that have ended included."""
    total = 0.0
    for member in process.tree():
        try:
            total += sum(member.cpu_times()[:4])  # own and of children waited for, user and system
        except psutil.NoSuchProcess:
            continue
    return total


def machine_seconds() -> float:
    """CPU time so far of everything on the machine."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0)


class CpuMeter:
    """Counts CPU time per unit of work, by process, from its making on."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._before = {name: cpu_seconds(process) for name, process in stack.processes.items()}
        self._machine_before = machine_seconds()

    def milliseconds_per(self, units: int) -> dict[str, float]:
        """By process, its children included; `rest` is everything else on the machine: Postgres, RabbitMQ, us."""
        processes = self._stack.processes.items()
        spent = {name: cpu_seconds(process) - self._before[name] for name, process in processes}
        spent["rest"] = machine_seconds() - self._machine_before - sum(spent.values())
        return {name: round(seconds / units * 1000, 2) for name, seconds in spent.items()}


async def cpu_percent(processes: Sequence[ServiceProcess], seconds: float) -> float:
    """CPU time of the processes and all that they started, in percent of one core."""
    before, began = sum(map(cpu_seconds, processes)), time.monotonic()
    await asyncio.sleep(seconds)
    return (sum(map(cpu_seconds, processes)) - before) / (time.monotonic() - began) * 100


async def idle(stack: Stack, system: str) -> list[Figure]:
    """Memory and CPU of a stack that has nothing to do. In standalone the embedded Postgres, where it is a child of
    the process, is left out."""
    await asyncio.sleep(SETTLE_SECONDS)
    processes = list(stack.processes.values())
    cpu = await cpu_percent(processes, IDLE_SECONDS)
    parts = {process.name: round(pss_bytes(process) / 1e6, 1) for process in processes}
    memory = sum(parts.values())
    return [
        Figure(workload="idle: memory (PSS)", system=system, value=memory, unit="MB", goal=Goal(350.0), details=parts),
        Figure(workload="idle: CPU of one core", system=system, value=cpu, unit="%", goal=Goal(1.0)),
    ]


def installed() -> list[Figure]:
    """What an installation takes: Tradewind and all that it requires, without what is for development."""
    found: dict[str, importlib.metadata.Distribution] = {}
    _collect("tradewind", found)
    own = sum(path.stat().st_size for root in ROOTS for path in (REPOSITORY / root).rglob("*.*"))
    size = own + sum(_bytes(distribution) for distribution in found.values())
    system = "wheel and requirements"
    return [
        Figure(workload="installed size", system=system, value=size / 1e6, unit="MB", goal=Goal(150.0)),
        Figure(workload="installed distributions", system=system, value=len(found), unit="", goal=Goal(70.0)),
    ]


def _collect(name: str, found: dict[str, importlib.metadata.Distribution]) -> None:
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in found:
        return
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return  # required on other systems only
    found[key] = distribution
    for requirement in distribution.requires or ():
        wanted, _, marker = requirement.partition(";")
        if "extra" not in marker:
            match = re.match(r"[A-Za-z0-9._-]+", wanted)
            assert match is not None
            _collect(match.group(), found)


def _bytes(distribution: importlib.metadata.Distribution) -> int:
    sizes = 0
    for file in distribution.files or ():
        path = Path(str(distribution.locate_file(file)))
        sizes += path.stat().st_size if path.is_file() else 0
    return sizes
