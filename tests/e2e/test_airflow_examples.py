"""All example DAGs of Airflow's wheels, unmodified, run here to the states that Airflow gave them.

`tests/oracle/facts.json` holds what became of each on Airflow itself (`make oracle` renews it); the same driver runs
them here. What cannot be the same stands below with its reason.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.airflow_files import airflow_tree
from tests.e2e.client import ApiClient
from tests.oracle.driving import Ended, drive
from tests.servers.process import wait_until
from tests.servers.stack import standalone_stack

FACTS: Final[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "oracle" / "facts.json").read_text())["dags"]
FOLDERS: Final = ("airflow/example_dags/", "airflow/providers/standard/example_dags/")
DAG_IDS: Final = tuple(FACTS)
PARSE_SECONDS: Final = 90.0

NOT_COMPARED: Final[dict[str, str]] = {}
"""DAG id → why its states need not be Airflow's."""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels' example folders, as they lie in an installation."""
    folder = tmp_path_factory.mktemp("examples")
    for prefix in FOLDERS:
        airflow_tree(prefix, folder)
    return folder


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Generator[ApiClient]:
    """Tradewind with all examples in its DAGs folder."""
    dags_folder = tmp_path_factory.mktemp("dags")
    for prefix in FOLDERS:
        for source in sorted((examples / prefix).glob("*.py")):
            if source.name != "__init__.py":
                (dags_folder / source.name).write_bytes(source.read_bytes())
    environment = {
        "PYTHONPATH": os.pathsep.join((str(examples), os.environ.get("PYTHONPATH", ""))),
        "TRADEWIND__CORE__PLUGINS_FOLDER": str(examples / FOLDERS[0] / "plugins"),
    }
    folder = tmp_path_factory.mktemp("standalone")
    with (
        standalone_stack(folder, dags_folder=dags_folder, environment=environment) as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def ended(api: ApiClient) -> dict[str, Ended]:
    """What became of each DAG's run here."""
    wait_until(lambda: _known(api) >= set(DAG_IDS) or bool(_import_errors(api)), PARSE_SECONDS, "all examples parsed")
    known = _known(api)
    return drive(api, [dag_id for dag_id in DAG_IDS if dag_id in known], at_once=8, seconds=150.0)


def _known(api: ApiClient) -> set[str]:
    found: set[str] = set()
    for offset in range(0, 1000, 100):
        page = api.get("/dags", limit=100, offset=offset, order_by="dag_id").json()
        found |= {dag["dag_id"] for dag in page["dags"]}
        if offset + 100 >= page["total_entries"]:
            break
    return found


def _import_errors(api: ApiClient) -> dict[str, str]:
    errors = api.get("/importErrors", limit=100).json()["import_errors"]
    return {error["filename"]: error["stack_trace"] for error in errors}


def test_every_file_is_parsed(api: ApiClient) -> None:
    wait_until(lambda: _known(api) >= set(DAG_IDS) or bool(_import_errors(api)), PARSE_SECONDS, "all examples parsed")
    assert _import_errors(api) == {}
    assert _known(api) == set(DAG_IDS)


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_ends_as_on_airflow(ended: dict[str, Ended], dag_id: str) -> None:
    if dag_id in NOT_COMPARED:
        assert ended[dag_id].state, NOT_COMPARED[dag_id]
        return
    fact = FACTS[dag_id]
    assert (ended[dag_id].state, ended[dag_id].tasks) == (fact["state"], fact["tasks"])
