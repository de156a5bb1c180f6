"""Asks Airflow itself about its standard provider and writes `facts.json`; takes about three minutes."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.oracle.standard import ASKING, DAG_FILES, FACTS
from tests.oracle.standard.files import write_files
from tests.servers.environments import AIRFLOW, environment

VERSIONS: Final = {"apache-airflow-core": "3.3.2", "apache-airflow-providers-standard": "1.21.0"}
PARTS: Final = ("decorators", "exceptions", "hooks", "operators", "sensors", "triggers", "utils")

RUNNING: Final = """
if __name__ == "__main__":  # Airflow imports the file besides
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select
    import json
    run = dag.test(logical_date=datetime(2021, 1, 2, tzinfo=timezone.utc))
    states = {f"{ti.task_id}[{ti.map_index}]": [str(ti.state), {}] for ti in run.get_task_instances()}
    with create_session() as session:
        for xcom in session.scalars(select(XComModel).where(XComModel.run_id == run.run_id)):
            states[f"{xcom.task_id}[{xcom.map_index}]"][1][xcom.key] = xcom.value
    json.dump(states, open(sys.argv[1], "w"), default=str)
"""
"""What is added to the DAG file, for Airflow."""


def main() -> None:
    """Ask, and write."""
    programs = environment("airflow", AIRFLOW)
    with tempfile.TemporaryDirectory(prefix="tradewind-oracle-") as name:
        folder = Path(name)
        shared = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "AIRFLOW_HOME": str(folder / "home"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        }
        answers = _asked(programs, shared)
        found = {"versions": VERSIONS, "date": str(datetime.now(UTC).date()), **answers}
        found["tasks"] = _run(programs, shared, folder)
    FACTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _asked(programs: Path, shared: Mapping[str, str]) -> dict[str, Any]:
    script = "import airflow.providers.standard as found; print(found.__path__[0])"
    root = Path(_output([str(programs / "python"), "-c", script], shared).strip())
    files = sorted(file for part in PARTS for file in (*root.glob(f"{part}.py"), *root.glob(f"{part}/[a-z]*.py")))
    modules = [".".join(file.relative_to(root.parents[2]).with_suffix("").parts) for file in files]
    return json.loads(_output([str(programs / "python"), str(ASKING)], shared, json.dumps(modules)))


def _run(programs: Path, shared: Mapping[str, str], folder: Path) -> dict[str, Any]:
    (folder / "dags").mkdir()
    env = {**shared, **write_files(folder / "files")}
    _output([str(programs / "airflow"), "db", "migrate"], env)
    found: dict[str, Any] = {}
    for dag_id, source in DAG_FILES.items():
        file, result = folder / "dags" / f"{dag_id}.py", folder / f"{dag_id}.json"
        file.write_text(source.read_text(encoding="utf-8") + RUNNING, encoding="utf-8")
        _output([str(programs / "python"), str(file), str(result)], env)
        found[dag_id] = json.loads(result.read_text(encoding="utf-8"))
    return found


def _output(command: list[str], env: Mapping[str, str], text: str = "") -> str:
    done = subprocess.run(command, env={**os.environ, **env}, input=text, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


main()
