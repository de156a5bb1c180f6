"""A service holds nothing that only others need: what it imports stays in its memory, whether it is called or not."""

import subprocess
import sys

import pytest

HEAVY = (
    "authlib",
    "cryptography",
    "fastapi",
    "greenlet",
    "httpx",
    "jinja2",
    "joserfc",
    "jsonschema",
    "pendulum",
    "pydantic",
    "pydantic_core",
    "redis",
    "rich",
    "typer",
    "uvicorn",
)
EXCEPT = {
    "api": ("cryptography", "fastapi", "jinja2", "pydantic", "pydantic_core", "uvicorn"),
}
SERVICES = ("api", "collector", "dag_processor", "dispatcher", "scheduler", "triggerer", "worker")


PROGRAM = """
import asyncio, sys, tradewind.cli.__main__, tradewind.{service}.__main__
from tradewind.bus.open import open_bus

async def main():
    async with open_bus("amqp://127.0.0.1:1/"):  # nobody listens there: what is wanted is the driver
        print("modules:", *sys.modules)

asyncio.run(main())
"""


def _command(service: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM.format(service=service)]


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """By service, what a fresh interpreter has after its imports; all at once, as each takes half a second."""
    begun = {service: subprocess.Popen(_command(service), stdout=subprocess.PIPE, text=True) for service in SERVICES}
    said = {service: process.communicate()[0] for service, process in begun.items()}
    assert [service for service, process in begun.items() if process.returncode != 0] == []
    return {service: set(text.partition("modules:")[2].partition("\n")[0].split()) for service, text in said.items()}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_does_not_load_what_only_others_need(loaded: dict[str, set[str]], service: str) -> None:
    assert {f"tradewind.{service}.service", "aiormq"} <= loaded[service]
    allowed = EXCEPT.get(service, ())
    assert [name for name in HEAVY if name in loaded[service] and name not in allowed] == []
