"""Airflow itself, from its own virtual environment, as processes: to compare with instead of guessing."""

import secrets
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import httpx

from tests.servers.environments import AIRFLOW, environment
from tests.servers.process import ServerProcess, free_ports, wait_until

READY_SECONDS: Final = 300.0
_HEALTHY_PARTS: Final = ("metadatabase", "scheduler", "dag_processor")


@contextmanager
def airflow_stack(
    folder: Path,
    *,
    dags_folder: Path,
    database_url: str,
    services: Sequence[str] = ("api-server", "scheduler", "dag-processor"),
    variables: Mapping[str, str] | None = None,
) -> Generator[tuple[str, str]]:
    """Airflow with LocalExecutor and its own defaults but for `variables`, healthy: (address, bearer token; none
    unless everybody is an admin).

    `database_url` names an empty database; `folder` takes its home and logs.
    """
    programs = environment("airflow", AIRFLOW)
    (port,) = free_ports(1)
    api_url = f"http://127.0.0.1:{port}"
    shared = {**airflow_settings(folder, dags_folder, database_url, api_url, port, programs), **(variables or {})}
    airflow = str(programs / "airflow")
    subprocess.run([airflow, "db", "migrate"], env=shared, check=True, capture_output=True)
    with ExitStack() as stack:
        for service in services:
            process = ServerProcess([airflow, service], log=folder / f"{service}.log", environment=shared)
            process.start()
            stack.callback(process.kill)
        wait_until(lambda: _is_healthy(api_url), READY_SECONDS, f"Airflow, see {folder}")
        answer = httpx.get(f"{api_url}/auth/token", timeout=60.0, trust_env=False)
        yield api_url, answer.json().get("access_token", "")


def airflow_settings(
    folder: Path, dags_folder: Path, database_url: str, api_url: str, port: int, programs: Path
) -> dict[str, str]:
    """The environment of its programs."""
    return {
        "PATH": f"{programs}:/usr/bin:/bin",
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{api_url}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url.replace("postgresql://", "postgresql+psycopg2://"),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
    }


def _is_healthy(api_url: str) -> bool:
    try:
        health = httpx.get(f"{api_url}/api/v2/monitor/health", timeout=5.0, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return all(health[part]["status"] == "healthy" for part in _HEALTHY_PARTS)
