"""All example DAGs of Airflow's wheels, unmodified, run here to the states that Airflow gave them.

`tests/oracle/facts.json` holds what became of each on Airflow itself (`make oracle` renews it); the same driver runs
them here. What is not the same, or cannot be, stands below with its reason.
"""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.client import ApiClient
from tests.oracle.asset_families import FAMILIES, IN_FAMILIES
from tests.oracle.examples import Outcome, drive_examples, known_dags
from tests.oracle.moments import CHOICES, HOSTS, as_if_first_chosen, can_reach, chosen, clock_states
from tests.oracle.placing import EARLY, lay_out, place, plugins_folder
from tests.servers.process import wait_until
from tests.servers.stack import standalone_stack

_FACTS: Final[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "oracle" / "facts.json").read_text())
DAGS: Final[dict[str, dict[str, Any]]] = _FACTS["dags"]
"""DAG → its file and, unless all its runs came of assets, what became of the run by hand."""
CAME_OF: Final[dict[str, list[list[dict[str, Any]]]]] = _FACTS["families"]
"""Family of DAGs → what runs came of each step."""

FILE_COUNT: Final = 67
DAG_COUNT: Final = 115
COMPARED_FILES_MIN: Final = 60
PARSE_SECONDS: Final = 300.0
RUN_SECONDS: Final = 300.0
QUIET_SECONDS: Final = 2.0

BY_HAND: Final = tuple(dag_id for dag_id, fact in DAGS.items() if "state" in fact)


@dataclass(frozen=True, slots=True)
class Driven:
    """What became of all, and when it did."""

    outcome: Outcome
    began: datetime
    over: datetime


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels' example folders, as they lie in an installation."""
    return lay_out(tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Generator[ApiClient]:
    """Tradewind with all examples in its DAGs folder, and their plugins."""
    folder = tmp_path_factory.mktemp("standalone")
    home = folder / "home"
    dags_folder = home / "dags"  # where an example looks for it
    place(examples, dags_folder, early=True)
    environment = {
        "PYTHONPATH": os.pathsep.join((str(examples), os.environ.get("PYTHONPATH", ""))),
        "TRADEWIND__CORE__PLUGINS_FOLDER": str(plugins_folder(examples)),
        "TRADEWIND__SCHEDULER__USE_JOB_SCHEDULE": "false",  # runs made by time would come between
    }
    with (
        standalone_stack(folder, dags_folder=dags_folder, environment=environment) as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        wait_until(lambda: set(EARLY.values()) <= set(known_dags(client)), PARSE_SECONDS, "the first examples parsed")
        place(examples, dags_folder, early=False)
        wait_until(lambda: _is_parsed(client), PARSE_SECONDS, "all examples parsed")
        yield client


@pytest.fixture(scope="module")
def driven(api: ApiClient) -> Driven:
    """What became of each DAG's runs here."""
    began, known = datetime.now(UTC), known_dags(api)
    outcome = drive_examples(
        api,
        [dag_id for dag_id in DAGS if dag_id in known],
        at_once=10,
        seconds=RUN_SECONDS,
        quiet_seconds=QUIET_SECONDS,
        expected={family: [len(runs) for runs in steps] for family, steps in CAME_OF.items()},
    )
    return Driven(outcome, began, datetime.now(UTC))


@pytest.fixture(scope="module")
def left_out() -> dict[str, str]:
    """DAG → why its run is not compared with Airflow's."""
    return {
        dag_id: f"{host} answers here, and Airflow's run had no network"
        for dag_id, host in HOSTS.items()
        if can_reach(host)
    }


def _is_parsed(api: ApiClient) -> bool:
    """Whether something has become of every file."""
    return {*known_dags(api).values(), *_import_errors(api)} >= {fact["file"] for fact in DAGS.values()}


def _import_errors(api: ApiClient) -> dict[str, str]:
    errors = api.get("/importErrors", limit=100).json()["import_errors"]
    return {Path(error["filename"]).name: error["stack_trace"] for error in errors}


def _expected(dag_id: str, moment: datetime) -> dict[str, Any]:
    """What Airflow would give the DAG at this moment, written as `_found` writes it."""
    fact = DAGS[dag_id]
    tasks = as_if_first_chosen(dag_id, fact["tasks"] | clock_states(dag_id, moment))
    return {"state": fact["state"], "tasks": tasks, "tries": fact.get("tries", {}), "events": fact.get("events", [])}


def _found(dag_id: str, driven: Driven) -> dict[str, Any]:
    run = asdict(driven.outcome.ended[dag_id])
    return {**run, "tasks": as_if_first_chosen(dag_id, run["tasks"]), "events": [list(one) for one in run["events"]]}


def test_every_file_is_parsed(api: ApiClient) -> None:
    assert _import_errors(api) == {}
    files = known_dags(api)
    assert set(files) == set(DAGS)
    assert (len(set(files.values())), len(files)) == (FILE_COUNT, DAG_COUNT)


def test_plugins_and_libraries_can_be_imported(examples: Path) -> None:
    folder = plugins_folder(examples).parent
    found = [path for name in ("plugins", "libs") for path in sorted((folder / name).glob("*.py"))]
    modules = [".".join(path.relative_to(examples).with_suffix("").parts) for path in found]
    assert "airflow.example_dags.libs.helper" in modules
    program = "import sys; from tradewind.sdk.aliases import install; install()\n" + "\n".join(
        f"import {module}" for module in modules
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(examples)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_enough_files_are_compared(capsys: pytest.CaptureFixture[str], left_out: dict[str, str]) -> None:
    compared = {fact["file"] for fact in DAGS.values()} - {DAGS[dag_id]["file"] for dag_id in left_out}
    lines = [f"{len(compared)} of {FILE_COUNT} example files are compared with Airflow of {_FACTS['date']}"]
    lines += [f"not compared: {dag_id}: {reason}" for dag_id, reason in left_out.items()]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert len(compared) >= COMPARED_FILES_MIN


def test_what_looks_at_the_clock_did_so_on_airflow() -> None:
    for dag_id in BY_HAND:
        fact = DAGS[dag_id]
        states = clock_states(dag_id, datetime.fromisoformat(fact["at"]))
        assert {task_id: fact["tasks"][task_id] for task_id in states} == states


@pytest.mark.parametrize("dag_id", BY_HAND)
def test_ends_as_on_airflow(driven: Driven, left_out: dict[str, str], dag_id: str) -> None:
    if dag_id in left_out:
        pytest.skip(left_out[dag_id])
    found, expected = _found(dag_id, driven), _expected(dag_id, driven.began)
    if found != expected:  # the hour may have ended meanwhile
        expected = _expected(dag_id, driven.over)
    assert found == expected


@pytest.mark.parametrize("dag_id", CHOICES)
def test_runs_what_chance_chose(api: ApiClient, driven: Driven, dag_id: str) -> None:
    tasks = driven.outcome.ended[dag_id].tasks
    for task_id, beginnings in CHOICES[dag_id].items():
        followed = api.xcom(dag_id, "compared", task_id, "skipmixin_key")["followed"]
        assert followed == [f"{beginnings[0]}_{chosen(tasks, beginnings)}"]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_runs_come_of_assets(driven: Driven, family: str) -> None:
    assert driven.outcome.came_of[family] == CAME_OF[family]


def test_no_run_goes_uncompared() -> None:
    with_runs = {run["dag_id"] for steps in CAME_OF.values() for runs in steps for run in runs}
    assert {*BY_HAND, *with_runs} == set(DAGS)
    assert set(IN_FAMILIES) >= with_runs
