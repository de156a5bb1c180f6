"""Processes that run authors' code, or are forked to, hold nothing that only services need: every page of theirs counts
once per child, in memory and in the time of a fork."""

import subprocess
import sys

import pytest

HEAVY = (
    "pydantic",
    "structlog",
    "asyncpg",
    "fastapi",
    "aiormq",
    "cryptography",
    "prometheus_client",
    "jinja2",
    "pathspec",
)


@pytest.mark.parametrize(
    "module",
    [
        "tradewind.task_runner.forking.forkserver",
        "tradewind.dag_processor.parse_server",
        "tradewind.triggerer.child.__main__",
    ],
)
def test_children_do_not_load_what_services_need(module: str) -> None:
    program = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
