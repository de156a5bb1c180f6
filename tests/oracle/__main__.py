"""`make oracle`: runs every example DAG of Airflow's wheels on Airflow itself and writes what became of each into
`tests/oracle/facts.json`. Takes about an hour on two cores; the suite of examples reads the file."""

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.e2e.client import ApiClient
from tests.oracle.driving import Ended, drive
from tests.servers.airflow import airflow_stack
from tests.servers.postgres import postgres_server
from tests.servers.process import wait_until

FACTS: Final = Path(__file__).with_name("facts.json")
VERSIONS: Final = {"apache-airflow-core": "3.3.2", "apache-airflow-providers-standard": "1.21.0"}
FOREIGN: Final = ("example_analytics.py",)
"""Examples of other providers that come with Airflow."""
PARSE_SECONDS: Final = 600.0
SETTLED_SECONDS: Final = 30.0
SETTINGS: Final = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "True",
    # Runs are made by hand only, so that each DAG's one run has the machine for itself.
    "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
}


def main() -> None:
    """Start Airflow, drive the DAGs (all, or those named), write the facts."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle")
    parser.add_argument("dag_ids", nargs="*", help="only these; the facts of the others stay (default: all)")
    parser.add_argument("--seconds", type=float, default=420.0, help="the longest a run may take (default: 420)")
    parser.add_argument("--at-once", type=int, default=3, help="runs at a time (default: 3)")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="tradewind-oracle-") as name,
        postgres_server() as postgres,
        postgres.new_database("template0") as database_url,
    ):
        folder = Path(name)
        (folder / "dags").mkdir()
        _tell(f"the logs are in {folder}")
        services = ("api-server", "scheduler", "dag-processor", "triggerer")
        with (
            airflow_stack(
                folder, dags_folder=folder / "dags", database_url=database_url, services=services, variables=SETTINGS
            ) as (api_url, token),
            ApiClient(api_url, token=token) as api,
        ):
            files = _settled_files(api)
            wanted = options.dag_ids or [dag_id for dag_id, name in files.items() if Path(name).name not in FOREIGN]
            ended = drive(api, wanted, at_once=options.at_once, seconds=options.seconds, tell=_tell)
    _write(files, ended, keep=bool(options.dag_ids))


def _tell(text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")


def _settled_files(api: ApiClient) -> dict[str, str]:
    """DAG id → name of its file, once no further DAG appears."""
    seen: list[tuple[float, dict[str, str]]] = []

    def is_settled() -> bool:
        time.sleep(1.0)
        files = _files(api)
        if not seen or seen[-1][1] != files:
            seen.append((time.monotonic(), files))
        return bool(files) and time.monotonic() - seen[-1][0] > SETTLED_SECONDS

    wait_until(is_settled, PARSE_SECONDS, "all examples parsed")
    return seen[-1][1]


def _files(api: ApiClient) -> dict[str, str]:
    found: dict[str, str] = {}
    for offset in range(0, 1000, 100):  # DAGs may come in between: a page is not where the last one ended
        page = api.get("/dags", limit=100, offset=offset, order_by="dag_id").json()
        found |= {dag["dag_id"]: dag["relative_fileloc"] for dag in page["dags"]}
        if offset + 100 >= page["total_entries"]:
            break
    return found


def _write(files: dict[str, str], ended: dict[str, Ended], *, keep: bool) -> None:
    before: dict[str, Any] = json.loads(FACTS.read_text())["dags"] if keep and FACTS.exists() else {}
    fresh = {
        dag_id: {"file": Path(files[dag_id]).name, "state": run.state, "tasks": dict(run.tasks)}
        for dag_id, run in ended.items()
    }
    facts = {
        "versions": VERSIONS,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "weekday": f"{datetime.now(UTC):%A}",
        "dags": dict(sorted({**before, **fresh}.items())),
    }
    FACTS.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
