"""Bare Celery: a prefork worker over RabbitMQ, results in Redis. No DAG, no history, no isolation of tasks."""

import json
import os
import statistics
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.results import Figure, percentile
from tests.servers.environments import CELERY, environment
from tests.servers.process import ServerProcess, wait_until
from tests.servers.redis import redis_server

PROGRAMS: Final = Path(__file__).parent / "programs"
NAME: Final = "bare Celery, prefork"
READY_SECONDS: Final = 30.0
MEDIANS: Final = {
    "trigger": ("trigger: POST → first task's start, p50", "ms"),
    "chain": ("chain of 20: hop, median", "ms"),
    "fan_out": ("fan-out root+200+join", "tasks/s"),
    "light40": ("light40: 40 x fib(10)", "s"),
    "heavy10": ("heavy10: 10 x fib(33)", "s"),
}
"""The figure's name, as Tradewind's own, and its unit."""
CHAIN_P95: Final = ("chain of 20: hop, p95", "ms")


class BareCelery:
    """A running worker."""

    def __init__(self, python: Path, variables: Mapping[str, str]) -> None:
        self._python = python
        self._variables = variables

    def measure(self, workload: str, repeats: int) -> list[Figure]:
        """Run one workload."""
        command = [str(self._python), str(PROGRAMS / "celery_measure.py"), workload, str(repeats)]
        environment = {**os.environ, **self._variables}
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        samples: list[float] = json.loads(done.stdout)
        figures = [_figure(MEDIANS[workload], statistics.median(samples))]
        if workload == "chain":
            figures.append(_figure(CHAIN_P95, percentile(samples, 0.95)))
        return figures


@contextmanager
def running(broker_url: str, folder: Path) -> Generator[BareCelery]:
    """A worker with a child per core, ready."""
    programs = environment("celery", CELERY)
    with redis_server() as redis, _worker(programs, broker_url, redis.new_url(), folder) as variables:
        yield BareCelery(programs / "python", variables)


@contextmanager
def _worker(programs: Path, broker_url: str, redis_url: str, folder: Path) -> Generator[dict[str, str]]:
    variables = {
        "BENCHMARK_BROKER_URL": broker_url,
        "BENCHMARK_BACKEND_URL": redis_url,
        "PYTHONPATH": str(PROGRAMS),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    celery = [str(programs / "python"), "-m", "celery", "-A", "celery_app"]
    options = ["--pool", "prefork", "--concurrency", str(os.cpu_count() or 1), "--loglevel", "WARNING"]
    log = folder / "celery.log"
    worker = ServerProcess([*celery, "worker", *options], log=log, environment=variables)
    worker.start()
    try:
        ping = [*celery, "inspect", "ping", "--timeout", "1"]
        wait_until(lambda: _succeeds(ping, variables), READY_SECONDS, f"a Celery worker, see {log}")
        yield variables
    finally:
        worker.kill()


def _succeeds(command: list[str], variables: dict[str, str]) -> bool:
    done = subprocess.run(command, env={**os.environ, **variables}, check=False, capture_output=True)
    return done.returncode == 0


def _figure(name: tuple[str, str], value: float) -> Figure:
    workload, unit = name
    return Figure(workload=workload, system=NAME, value=value, unit=unit)
