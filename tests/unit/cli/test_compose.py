"""docker-compose.yml names commands and settings that exist."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import Struct
from msgspec.structs import fields

from tradewind.cli.command_table import loaded
from tradewind.service.settings import ServiceSettings

ROOT = Path(__file__).resolve().parents[3]

SERVICES = ("api", "dag-processor", "scheduler", "dispatcher", "collector", "worker", "triggerer")


@pytest.fixture
def services() -> dict[str, dict[str, Any]]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


@pytest.mark.parametrize("name", [*SERVICES, "migrate"])
def test_each_service_runs_a_command_that_exists(services: dict[str, dict[str, Any]], name: str) -> None:
    first, *rest = services[name]["command"]
    command = loaded(first)
    for word in rest:
        command = command.commands[word]
    assert callable(command.callback)


@pytest.mark.parametrize("name", [*SERVICES, "migrate"])
def test_each_setting_exists(services: dict[str, dict[str, Any]], name: str) -> None:
    for variable in services[name]["environment"]:
        _, section, key = variable.split("__")
        group = next(field.type for field in fields(ServiceSettings) if field.name == section.lower())
        assert issubclass(group, Struct)
        assert key.lower() in group.__struct_fields__


@pytest.mark.parametrize("name", ["worker", "dispatcher"])
def test_who_runs_tasks_holds_no_credentials_but_the_brokers(services: dict[str, dict[str, Any]], name: str) -> None:
    assert "TRADEWIND__DATABASE__URL" not in services[name]["environment"]
    assert [volume for volume in services[name]["volumes"] if "home" in volume] == []


@pytest.mark.parametrize("name", ["api", "dag-processor", "collector", "triggerer"])
def test_who_signs_tokens_shares_the_secret(services: dict[str, dict[str, Any]], name: str) -> None:
    assert "home:/opt/tradewind/home" in services[name]["volumes"]


@pytest.mark.parametrize("name", ["postgres", "rabbitmq", "redis", *SERVICES])
def test_each_lasting_service_has_a_health_check(services: dict[str, dict[str, Any]], name: str) -> None:
    assert services[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_waits_for_what_it_needs(services: dict[str, dict[str, Any]], name: str) -> None:
    waits = services[name]["depends_on"]
    assert waits["rabbitmq"]["condition"] == "service_healthy"
    if "TRADEWIND__DATABASE__URL" in services[name]["environment"]:
        assert waits["migrate"]["condition"] == "service_completed_successfully"
