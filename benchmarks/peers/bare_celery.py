"""Bare Celery: a prefork worker over RabbitMQ, results in Redis. No DAG, no history, no isolation of tasks."""

import json
import os
import statistics
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.peers.environments import CELERY, environment
from benchmarks.results import Figure, percentile
from tests.servers.process import ServerProcess, wait_until
from tests.servers.redis import redis_server

PROGRAMS: Final = Path(__file__).parent / "programs"
NAME: Final = "bare Celery, prefork"
READY_SECONDS: Final = 30.0


def measure(broker_url: str, folder: Path, repeats: int) -> list[Figure]:
    """Start a worker with a child per core, run the workloads, stop it."""
    programs = environment("celery", CELERY)
    with redis_server() as redis_url, _worker(programs, broker_url, redis_url, folder) as variables:
        command = [str(programs / "python"), str(PROGRAMS / "celery_measure.py"), str(repeats)]
        done = subprocess.run(command, env={**os.environ, **variables}, check=True, capture_output=True, text=True)
    return _figures(json.loads(done.stdout))


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


def _figures(measured: dict[str, list[float]]) -> list[Figure]:
    hops = measured["hops_ms"]
    return [
        _figure("chain of 20: hop, median", statistics.median(hops), "ms"),
        _figure("chain of 20: hop, p95", percentile(hops, 0.95), "ms"),
        _figure("fan-out root+200+join", statistics.median(measured["fan_out_rates"]), "tasks/s"),
        _figure("trigger: POST → first task's start, p50", statistics.median(measured["trigger_ms"]), "ms"),
        _figure("light40: 40 x fib(10)", statistics.median(measured["light40_s"]), "s"),
        _figure("heavy10: 10 x fib(33)", statistics.median(measured["heavy10_s"]), "s"),
    ]


def _figure(workload: str, value: float, unit: str) -> Figure:
    return Figure(workload=workload, system=NAME, value=value, unit=unit)
