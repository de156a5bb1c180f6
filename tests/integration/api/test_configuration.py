# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false
# The client's package exports its models at run time only.
"""`/api/v2/config`: shown where it may be, secrets never."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from airflow_client import client as airflow
from airflow_client.client import models
from airflow_client.client.api import config_api
from msgspec.structs import replace

from tests.servers.api import ApiServer, api_server
from tradewind.api.settings import ApiServiceSettings

pytestmark = pytest.mark.asyncio(loop_scope="session")

HIDDEN = "< hidden >"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_api(api: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[ApiServer]:
    """Another API on the database, which shows its configuration."""
    home = tmp_path_factory.mktemp("home")
    async with api_server(api.database, home, change=_exposed) as server:
        yield server


def _exposed(settings: ApiServiceSettings) -> ApiServiceSettings:
    return replace(settings, api=replace(settings.api, expose_config=True))


@pytest.fixture
def shown(open_api: ApiServer) -> httpx.AsyncClient:
    return open_api.client


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("[my_section]\nkey = 1\n[celery]\nworker_concurrency = 5\n")
    monkeypatch.setenv("AIRFLOW_CONFIG", str(tmp_path / "airflow.cfg"))
    monkeypatch.setenv("TRADEWIND__CORE__PARALLELISM", "77")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD", f"touch {tmp_path / 'run'}")
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PASSWORD", "the password")
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARG__ROLE_ID", "the role")


async def test_it_is_not_shown_unless_it_is_exposed(client: httpx.AsyncClient) -> None:
    for path in ("/api/v2/config", "/api/v2/config/section/core/option/parallelism"):
        answer = await client.get(path)
        assert (answer.status_code, list(answer.json())) == (403, ["detail"])


async def test_all_of_it_is_shown_without_its_secrets(shown: httpx.AsyncClient, tmp_path: Path) -> None:
    answer = await shown.get("/api/v2/config")
    assert answer.status_code == 200
    found = {
        section["name"]: {option["key"]: option["value"] for option in section["options"]}
        for section in answer.json()["sections"]
    }
    assert found["core"]["parallelism"] == "77"
    assert found["celery"]["worker_concurrency"] == "5"
    assert found["scheduler"]["sweep_interval_seconds"] == "2"
    assert found["my_section"] == {"key": "1"}
    assert found["database"]["url"] == found["smtp"]["smtp_password"] == HIDDEN
    assert found["secrets"]["backend_kwarg__role_id"] == HIDDEN
    assert "the password" not in answer.text
    assert "the role" not in answer.text
    assert not (tmp_path / "run").exists()


async def test_a_section_may_be_asked_for_and_as_text(shown: httpx.AsyncClient) -> None:
    answer = await shown.get("/api/v2/config", params={"section": "my_section"}, headers={"Accept": "text/plain"})
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "[my_section]\nkey = 1\n"
    missing = await shown.get("/api/v2/config", params={"section": "none"})
    assert (missing.status_code, missing.json()) == (404, {"detail": "Section none not found."})


@pytest.mark.parametrize(
    ("section", "option", "value"),
    [
        ("core", "parallelism", "77"),
        ("CELERY", "Worker_Concurrency", "5"),
        ("database", "sql_alchemy_conn", HIDDEN),
        ("core", "fernet_key", HIDDEN),
        ("api", "maximum_page_limit", None),
        ("core", "nothing", None),
    ],
)
async def test_an_option_is_shown_by_either_name(
    shown: httpx.AsyncClient, section: str, option: str, value: str | None
) -> None:
    path = f"/api/v2/config/section/{section}/option/{option}"
    answer = await shown.get(path)
    if value is None:
        assert (answer.status_code, answer.json()) == (404, {"detail": f"Option [{section}/{option}] not found."})
    else:
        assert answer.json() == {"sections": [{"name": section, "options": [{"key": option, "value": value}]}]}
        text = await shown.get(path, headers={"Accept": "text/plain"})
        assert text.text == f"[{section}]\n{option} = {value}\n"


async def test_other_kinds_of_answers_are_not_to_be_had(shown: httpx.AsyncClient) -> None:
    for path in ("/api/v2/config", "/api/v2/config/section/core/option/parallelism"):
        answer = await shown.get(path, headers={"Accept": "application/xml"})
        assert (answer.status_code, list(answer.json())) == (406, ["detail"])


async def test_airflows_client_reads_it(open_api: ApiServer) -> None:
    with airflow.ApiClient(airflow.Configuration(host=open_api.url, access_token=open_api.token)) as client:
        config = config_api.ConfigApi(client)
        section = await asyncio.to_thread(config.get_config, section="my_section", accept="application/json")
        one = await asyncio.to_thread(config.get_config_value, "core", "parallelism", accept="application/json")
    assert section == models.Config.from_dict({"sections": [{"name": "my_section", "options": [_option("key", "1")]}]})
    assert one == models.Config.from_dict({"sections": [{"name": "core", "options": [_option("parallelism", "77")]}]})


def _option(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": value}
