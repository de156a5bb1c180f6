# pyright: reportPrivateImportUsage=false
"""One Tradewind for all operations, with runs that have ended."""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import airflow_client.client as airflow
import pytest

from tests.e2e.client import ApiClient
from tests.e2e.client_operations import dag_files
from tests.oracle import api_errors
from tests.servers.stack import standalone_stack

if TYPE_CHECKING:
    from tests.e2e.client_operations.session import Session

for _part in ("assets", "dags", "runs", "session", "stored", "system", "task_instances"):
    pytest.register_assert_rewrite(f"tests.e2e.client_operations.{_part}")

DAGS = ("etl", "report", "stocktaking", "restock", "asking", "daily", "parts", "passing")


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Generator[ApiClient]:
    """A running Tradewind, and its own user."""
    folder: Path = tmp_path_factory.mktemp("live")
    dags_folder = folder / "dags"
    dags_folder.mkdir()
    dag_files.write(dags_folder)
    (dags_folder / "wrong.py").write_text(api_errors.DAG_FILE)
    environment = {"TRADEWIND__CORE__TEST_CONNECTION": "Enabled", "TRADEWIND__API__EXPOSE_CONFIG": "True"}
    with (
        standalone_stack(folder, dags_folder=dags_folder, environment=environment) as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        for dag_id in DAGS:
            client.wait_for_dag(dag_id)
            client.patch(f"/dags/{dag_id}", {"is_paused": False})
        yield client


@pytest.fixture
def session(live: ApiClient) -> "Generator[Session]":
    from tests.e2e.client_operations.session import Session

    configuration = airflow.Configuration(host=live.url, access_token=live.token)
    with airflow.ApiClient(configuration) as client:
        yield Session(client)
