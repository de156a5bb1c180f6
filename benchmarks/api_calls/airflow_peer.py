"""Airflow's API over as much: its own schema on the same Postgres program, two worker processes."""

import asyncio
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import httpx

from benchmarks.api_calls.dataset import BIG_DAG, DAGS, RUNS
from tests.servers.airflow import READY_SECONDS, airflow_settings
from tests.servers.environments import AIRFLOW, environment
from tests.servers.postgres import postgres_server
from tests.servers.process import ServerProcess, free_ports, wait_until

NAME: Final = "Airflow 3.3.2, two processes"
FILL: Final = Path(__file__).parent / "airflow_fill.sql"

DAG_FILE: Final = f"""\
from datetime import datetime

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

with DAG({BIG_DAG!r}, schedule=None, start_date=datetime(2020, 1, 1), tags=["team0"], default_args={{"owner": "ada"}}):
    for number in range(10):
        PythonOperator(task_id=f"t{{number}}", python_callable=print)
"""


@contextmanager
def running() -> Generator[tuple[str, str]]:
    """(address, token)."""
    programs = environment("airflow", AIRFLOW)
    (port,) = free_ports(1)
    api_url = f"http://127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory() as name,
        postgres_server() as postgres,
        postgres.new_database("template0") as url,
    ):
        folder = Path(name)
        (folder / "dags").mkdir()
        (folder / "dags" / "dag.py").write_text(DAG_FILE)
        variables = airflow_settings(folder, folder / "dags", url, api_url, port, programs)
        for command in (["db", "migrate"], ["dags", "reserialize"]):
            subprocess.run([str(programs / "airflow"), *command], env=variables, check=True, capture_output=True)
        asyncio.run(_fill(url))
        server = ServerProcess(
            [str(programs / "airflow"), "api-server", "--workers", "2"],
            log=folder / "api-server.log",
            environment=variables,
        )
        server.start()
        try:
            wait_until(lambda: _answers(api_url), READY_SECONDS, f"Airflow's API, see {folder}")
            yield api_url, httpx.get(f"{api_url}/auth/token", timeout=60.0, trust_env=False).json()["access_token"]
        finally:
            server.kill()


async def _fill(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        for part in FILL.read_text().replace("$1", str(DAGS)).replace("$2", str(RUNS)).split(";\n"):
            if part.strip():
                await connection.execute(part)
    finally:
        await connection.close()


def _answers(api_url: str) -> bool:
    try:
        return httpx.get(f"{api_url}/api/v2/version", timeout=5.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False
