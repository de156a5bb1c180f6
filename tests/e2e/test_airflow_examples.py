"""All example DAGs of Airflow's wheels, unmodified, run here to the states that Airflow gave them.

`tests/oracle/facts.json` holds what became of each on Airflow itself (`make oracle` renews it); the same driver runs
them here. What is not the same, or cannot be, stands below with its reason.
"""

import json
import os
from collections import Counter
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
PARSE_SECONDS: Final = 90.0
RUN_SECONDS: Final = 100.0

NOT_COMPARED: Final[dict[str, str]] = {
    "example_sensors": "waits for longer than a test may; on Airflow, too",
    "example_retry_policy": "its delays are longer than a test may take",
}
"""DAG → why its run is not compared with Airflow's."""

RANDOM: Final = (
    "example_branch_labels",
    "example_branch_operator",
    "example_branch_python_operator_decorator",
)
"""DAGs that choose at random: as many tasks come to each state as on Airflow, though not the same ones."""

PARSED: Final = tuple(FACTS)
COMPARED: Final = tuple(dag_id for dag_id in PARSED if dag_id not in NOT_COMPARED)


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
    folder = tmp_path_factory.mktemp("standalone")
    home = folder / "home"
    dags_folder = home / "dags"  # where an example looks for it
    for prefix in FOLDERS:
        for source in sorted((examples / prefix).rglob("*")):
            is_dag_file = source.suffix == ".py" and source.parent == examples / prefix
            if source.name != "__init__.py" and (is_dag_file or source.suffix == ".sql"):
                target = dags_folder / source.relative_to(examples / prefix)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
    environment = {
        "PYTHONPATH": os.pathsep.join((str(examples), os.environ.get("PYTHONPATH", ""))),
        "TRADEWIND__SCHEDULER__USE_JOB_SCHEDULE": "false",  # runs made by time would come between
    }
    with (
        standalone_stack(folder, dags_folder=dags_folder, environment=environment) as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        wait_until(lambda: _is_parsed(client), PARSE_SECONDS, "all examples parsed")
        yield client


@pytest.fixture(scope="module")
def ended(api: ApiClient) -> dict[str, Ended]:
    """What became of each DAG's run here."""
    known = _known(api)
    return drive(api, [dag_id for dag_id in COMPARED if dag_id in known], at_once=8, seconds=RUN_SECONDS)


def _is_parsed(api: ApiClient) -> bool:
    """Whether something has become of every file that has DAGs on Airflow."""
    return {*_known(api).values(), *_import_errors(api)} >= {fact["file"] for fact in FACTS.values()}


def _known(api: ApiClient) -> dict[str, str]:
    """DAG → its file."""
    found: dict[str, str] = {}
    for offset in range(0, 1000, 100):
        page = api.get("/dags", limit=100, offset=offset, order_by="dag_id").json()
        found |= {dag["dag_id"]: dag["relative_fileloc"] for dag in page["dags"]}
        if offset + 100 >= page["total_entries"]:
            break
    return found


def _import_errors(api: ApiClient) -> dict[str, str]:
    errors = api.get("/importErrors", limit=100).json()["import_errors"]
    return {Path(error["filename"]).name: error["stack_trace"] for error in errors}


def test_every_file_is_parsed(api: ApiClient) -> None:
    assert _import_errors(api) == {}
    assert set(_known(api)) >= set(PARSED)


@pytest.mark.parametrize("dag_id", COMPARED)
def test_ends_as_on_airflow(ended: dict[str, Ended], dag_id: str) -> None:
    run, fact = ended[dag_id], FACTS[dag_id]
    if dag_id in RANDOM:
        assert (run.state, Counter(run.tasks.values())) == (fact["state"], Counter(fact["tasks"].values()))
    else:
        assert (run.state, run.tasks) == (fact["state"], fact["tasks"])
