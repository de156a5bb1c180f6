"""`make oracle`: runs every example DAG of Airflow's wheels on Airflow itself and writes what became of each into
`tests/oracle/facts.json`. Takes about half an hour on two cores; the suite of examples reads the file."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.e2e.client import ApiClient
from tests.oracle.asset_families import FAMILIES, IN_FAMILIES
from tests.oracle.examples import Outcome, drive_examples, known_dags
from tests.oracle.placing import EARLY, lay_out, place, place_plugins
from tests.servers.airflow import airflow_stack
from tests.servers.postgres import postgres_server
from tests.servers.process import wait_until

FACTS: Final = Path(__file__).with_name("facts.json")
VERSIONS: Final = {"apache-airflow-core": "3.3.2", "apache-airflow-providers-standard": "1.21.0"}
PARSE_SECONDS: Final = 600.0
SETTLED_SECONDS: Final = 30.0
QUIET_SECONDS: Final = 12.0
SERVICES: Final = ("api-server", "scheduler", "dag-processor", "triggerer")
SETTINGS: Final = {
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    # As many as one DAG may have: a task that is deferred and soon goes on must not wait for a slot, or Airflow takes
    # the end of the process that deferred it for a failure of the one that waits.
    "AIRFLOW__CORE__PARALLELISM": "16",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
}


def main() -> None:
    """Ask Airflow, and write the facts."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle")
    parser.add_argument("dag_ids", nargs="*", help="only these; the facts of the others stay (default: all)")
    parser.add_argument("--seconds", type=float, default=420.0, help="the longest a run may take (default: 420)")
    parser.add_argument("--at-once", type=int, default=3, help="runs at a time (default: 3)")
    options = parser.parse_args()
    facts: dict[str, Any] = {"dags": {}, "families": {}}
    if options.dag_ids and FACTS.exists():
        facts |= json.loads(FACTS.read_text())
    for of_families in (False, True):
        wanted = [dag_id for dag_id in options.dag_ids if (dag_id in IN_FAMILIES) == of_families]
        if wanted or not options.dag_ids:
            _ask_airflow(facts, wanted, options, of_families=of_families)
    FACTS.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def _ask_airflow(
    facts: dict[str, Any], wanted: Sequence[str], options: argparse.Namespace, *, of_families: bool
) -> None:
    """Drive DAGs on an Airflow of their own, and add what became of them: families of assets (only then does Airflow
    make runs by itself; it has one switch for those by time and those by assets), or the others."""
    with (
        tempfile.TemporaryDirectory(prefix="tradewind-oracle-") as name,
        postgres_server() as postgres,
        postgres.new_database("template0") as database_url,
    ):
        folder = Path(name)
        _tell(f"the logs are in {folder}")
        examples = lay_out(folder / "examples")
        dags_folder = folder / "home" / "dags"  # where an example looks for it
        dags_folder.mkdir(parents=True)
        place_plugins(examples, folder / "plugins")
        variables = SETTINGS | {
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder / "plugins"),
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(of_families),
        }
        with (
            airflow_stack(
                folder, dags_folder=dags_folder, database_url=database_url, services=SERVICES, variables=variables
            ) as (api_url, token),
            ApiClient(api_url, token=token) as api,
        ):
            place(examples, dags_folder, early=True)
            wait_until(lambda: set(EARLY.values()) <= set(known_dags(api)), PARSE_SECONDS, "the first examples parsed")
            place(examples, dags_folder, early=False)
            files = _settled_files(api)
            outcome = drive_examples(
                api,
                wanted or [dag_id for dag_id in files if (dag_id in IN_FAMILIES) == of_families],
                at_once=options.at_once,
                seconds=options.seconds,
                quiet_seconds=QUIET_SECONDS,
                expected={},
                warms_up=of_families,
                tell=_tell,
            )
    _add(facts, files, outcome)


def _tell(text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")


def _settled_files(api: ApiClient) -> dict[str, str]:
    """DAG id → name of its file, once no further DAG appears."""
    seen: list[tuple[float, dict[str, str]]] = []

    def is_settled() -> bool:
        time.sleep(1.0)
        files = known_dags(api)
        if not seen or seen[-1][1] != files:
            seen.append((time.monotonic(), files))
        return bool(files) and time.monotonic() - seen[-1][0] > SETTLED_SECONDS

    wait_until(is_settled, PARSE_SECONDS, "all examples parsed")
    return seen[-1][1]


def _add(facts: dict[str, Any], files: dict[str, str], outcome: Outcome) -> None:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    dags = {dag_id: {"file": Path(file).name} for dag_id, file in files.items()}
    ended = {
        dag_id: {**dags[dag_id], "at": now, **{name: value for name, value in asdict(run).items() if value}}
        for dag_id, run in outcome.ended.items()
    }
    for dag_id in IN_FAMILIES:
        if any(IN_FAMILIES[dag_id] == name for name in outcome.came_of):
            facts["dags"].pop(dag_id, None)
    facts["versions"] = VERSIONS
    facts["date"] = now
    facts["dags"] = dict(sorted({**dags, **facts["dags"], **ended}.items()))
    came_of = {**facts["families"], **outcome.came_of}
    facts["families"] = {name: came_of[name] for name in FAMILIES if name in came_of}


if __name__ == "__main__":
    main()
