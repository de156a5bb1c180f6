"""What Airflow makes of DAGs drawn at random, kept as facts by seed; and the same for what we make of them. Run as a
program (the second part of `make oracle`), it asks Airflow and writes the facts."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.oracle.drawn import DATE, Drawing
from tests.servers.environments import AIRFLOW, environment
from tradewind.core.errors import DomainError
from tradewind.sdk.dag_file import load_dag_file
from tradewind.sdk.operators.latest_only import LatestOnlyOperator
from tradewind.sdk.serialize import serialize_dag
from tradewind.sdk.xcom_arg import XCOM_RETURN_KEY

FACTS: Final = Path(__file__).with_name("drawn_facts.json")
VERSIONS: Final = {"apache-airflow-core": "3.3.2", "apache-airflow-providers-standard": "1.21.0"}
SEEDS: Final = range(120)
SCRIPT: Final = Path(__file__).with_name("drawn_on_airflow.py")


def write_facts() -> None:
    """Run every seed's DAG on Airflow, in one process, and keep what became of it. Takes some minutes."""
    with tempfile.TemporaryDirectory(prefix="tradewind-drawn-") as name:
        folder = Path(name)
        files = [draw(seed, folder) for seed in SEEDS]
        facts = dict(zip(map(str, SEEDS), _on_airflow(files, folder / "home"), strict=True))
    lines = ",\n".join(f'  "{seed}": {json.dumps(fact, sort_keys=True)}' for seed, fact in facts.items())
    head = json.dumps({"versions": VERSIONS, "date": f"{datetime.now(UTC):%Y-%m-%d}"})[1:-1]
    FACTS.write_text(f'{{\n "about": {{{head}}},\n "seeds": {{\n{lines}\n }}\n}}\n')


def draw(seed: int, folder: Path) -> Path:
    """The DAG file of a seed, written into a folder."""
    path = folder / f"drawn_{seed}.py"
    path.write_text(Drawing(seed).text())
    return path


def _on_airflow(files: Sequence[Path], home: Path) -> list[dict[str, Any]]:
    programs = environment("airflow", AIRFLOW)
    (home / "dags").mkdir(parents=True)
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
    }
    subprocess.run([str(programs / "airflow"), "db", "migrate"], env=variables, check=True, capture_output=True)
    found: list[dict[str, Any]] = []
    command = [str(programs / "python"), str(SCRIPT), *map(str, files)]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if line.startswith('{"file"'):
                said = json.loads(line)
                sys.stderr.write(f"{len(found) + 1}/{len(files)} {said.pop('file')}: {said.pop('seconds')} s\n")
                found.append(said)
    return found


def outcome_here(path: Path) -> dict[str, Any]:
    """What becomes of the DAG of a file here, told as the facts tell it."""
    try:
        (dag,) = load_dag_file(path, path.parent).dags.values()
        serialize_dag(dag, path.name)
    except DomainError as exc:
        return {"refused": str(exc)}
    run = dag.test(logical_date=DATE)
    returned: dict[str, Any] = {}
    for ti in run.task_instances:
        found, value = ti.memory.get_xcom(dag.dag_id, run.run_id, ti.task_id, XCOM_RETURN_KEY, ti.map_index)
        if found and not isinstance(dag.get_task(ti.task_id), LatestOnlyOperator):
            returned[ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]"] = value
    tasks = {name: str(state) for name, state in run.states().items()}
    return {"state": str(run.state), "tasks": tasks, "returned": returned}


if __name__ == "__main__":
    write_facts()
