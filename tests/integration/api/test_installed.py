"""`/api/v2/jobs`, `/api/v2/providers` and `/api/v2/plugins`."""

import socket
import sys
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.api.installed.packages import installed_providers, plugin_entry_points
from tradewind.service.clock import utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_processes_are_jobs(api: ApiServer, scene: Scene) -> None:
    await scene.store.renew_scheduler(scene.scheduler_id, utc_now())
    await scene.store.record_service_heartbeat("dag_processor", uuid4(), utc_now())
    await scene.store.renew_triggerer(uuid4(), "a-triggerers-host", 10, utc_now())
    collectors = uuid4(), uuid4()
    for collector_id in collectors * 2:  # one of them is elected
        await scene.store.advance_lease_clock(collector_id, utc_now(), timedelta(seconds=10))

    # The latest first: other tests have left processes that count as alive, too.
    latest = {"is_alive": "true", "order_by": "-latest_heartbeat", "limit": "100"}
    answer = await api.client.get("/api/v2/jobs", params=latest)
    await api.database.fetch("DELETE FROM triggerer WHERE hostname = 'a-triggerers-host'")  # others look for none
    assert answer.status_code == 200, answer.text
    page = answer.json()

    here = socket.gethostname()
    by_type = {job["job_type"]: job for job in page["jobs"]}
    assert [job["job_type"] for job in page["jobs"]].count("CollectorJob") >= len(collectors)
    assert {"SchedulerJob", "DagProcessorJob", "TriggererJob"} <= by_type.keys()
    for kind, host in (("CollectorJob", here), ("SchedulerJob", here), ("TriggererJob", "a-triggerers-host")):
        job = by_type[kind]
        assert (job["state"], job["hostname"], job["end_date"], job["dag_id"]) == ("running", host, None, None)
        assert job["start_date"] <= job["latest_heartbeat"]
    assert len({job["id"] for job in page["jobs"]}) == len(page["jobs"])


async def test_workers_are_jobs_until_their_lease_is_lost(api: ApiServer, scene: Scene, dag_id: str) -> None:
    host = f"{dag_id}-host"
    for number, expired in ((1, None), (2, utc_now())):
        await api.database.fetch(
            "INSERT INTO worker (worker_id, incarnation, hostname, pid, kind, queues, concurrency, sequence, attempts,"
            " started_at, renewed_at, renewed_at_tick, expired_at) SELECT $1, gen_random_uuid(), $2, 1, 'celery', '{}',"
            " 1, 1, 0, now() - interval '1 hour' * $3, now(), tick, $4 FROM lease_clock",
            *(f"{dag_id}-{number}", host, number, expired),
        )

    async def states(**params: str) -> list[str]:
        found = await api.client.get("/api/v2/jobs", params={"hostname": host, "order_by": "start_date", **params})
        assert found.status_code == 200, found.text
        return [job["state"] for job in found.json()["jobs"]]

    assert await states() == ["failed", "running"]
    assert await states(order_by="-start_date") == ["running", "failed"]
    assert await states(is_alive="true", job_type="WorkerJob", executor_class="CeleryExecutor") == ["running"]
    assert await states(is_alive="false") == await states(job_state="failed") == ["failed"]
    assert await states(executor_class="LocalExecutor") == []
    assert await states(end_date_gte="2020-01-01T00:00:00Z") == ["failed"]
    assert await states(start_date_lt="2020-01-01T00:00:00Z") == []
    assert (await api.client.get("/api/v2/jobs", params={"order_by": "color"})).status_code == 400


def _install(folder: Path, name: str, entry_points: str, metadata: str = "") -> None:
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n{metadata}")
    (info / "entry_points.txt").write_text(entry_points)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """A folder in which packages are found as if they were installed."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for looked_at_once in (installed_providers, plugin_entry_points):
        looked_at_once.cache_clear()
    yield tmp_path
    for looked_at_once in (installed_providers, plugin_entry_points):
        looked_at_once.cache_clear()


async def test_providers_are_what_is_installed(client: httpx.AsyncClient, packages: Path) -> None:
    told = "Summary: Talks to nowhere\nProject-URL: Documentation, https://docs.example.org/x\n"
    _install(packages, "a-provider-of-nothing", "[apache_airflow_provider]\nprovider_info=not_there:info\n", told)

    page = (await client.get("/api/v2/providers", params={"limit": "100"})).json()

    assert page["total_entries"] == len(page["providers"])
    assert {
        "package_name": "a-provider-of-nothing",
        "description": "Talks to nowhere",
        "version": "1.2",
        "documentation_url": "https://docs.example.org/x",
    } in page["providers"]
    assert (await client.get("/api/v2/providers", params={"limit": "0"})).json()["providers"] == []


PLUGIN = """
from airflow.plugins_manager import AirflowPlugin
from elsewhere import Link

raise RuntimeError("whoever imports this stumbles")

def shout(text):
    return text.upper()

VIEW = {"name": "Wiki", "href": "https://wiki", "destination": "nav", "extra": 1}

class Loud(AirflowPlugin):
    name = "loud"
    macros = [shout]
    operator_extra_links = [Link()]
    external_views = [VIEW]
    fastapi_apps = [{"app": shout, "url_prefix": "/loud", "name": "Loud app"}]

class Nameless(AirflowPlugin):
    pass
"""


async def test_plugins_are_read_and_not_run(api: ApiServer, packages: Path) -> None:
    folder = api.settings.dags_folder.parent / "plugins"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "loud.py").write_text(PLUGIN)
    (folder / "broken.py").write_text("def (:\n")
    (packages / "packed.py").write_text(PLUGIN.replace('"loud"', '"packed"'))
    _install(packages, "packed", "[airflow.plugins]\nany=packed:Loud\nother=gone.away:Plugin\n")

    page = (await api.client.get("/api/v2/plugins", params={"limit": "100"})).json()
    errors = (await api.client.get("/api/v2/plugins/importErrors")).json()

    by_name = {plugin["name"]: plugin for plugin in page["plugins"]}
    loud = by_name["loud"]
    assert page["total_entries"] == len(by_name) == 3
    assert loud["source"] == "$PLUGINS_FOLDER/inner/loud.py"
    assert (loud["macros"], loud["operator_extra_links"]) == (["inner.loud.shout"], ["elsewhere.Link"])
    assert [view["href"] for view in loud["external_views"]] == ["https://wiki"]
    assert loud["fastapi_apps"] == [{"app": "inner.loud.shout", "url_prefix": "/loud", "name": "Loud app"}]
    assert (by_name["packed"]["macros"], by_name["packed"]["source"]) == (["packed.shout"], "packed==1.2: packed:Loud")
    assert (by_name["other"]["macros"], by_name["other"]["source"]) == ([], "packed==1.2: gone.away:Plugin")
    [error] = errors["import_errors"]
    assert (error["source"], errors["total_entries"]) == ("$PLUGINS_FOLDER/broken.py", 1)
    assert error["error"].startswith("SyntaxError")
