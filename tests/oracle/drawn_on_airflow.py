"""Runs DAG files with Airflow's `dag.test()`: a script for Airflow's own Python, in a home of its own.

`drawn_on_airflow.py FILE…` prints a line of JSON for each: what became of the run, its task instances and what they
returned, or why Airflow refuses the DAG. Nothing of this repository is imported, and Airflow only by name: here it is
not installed.
"""

import json
import logging
import signal
import sys
import time
from datetime import UTC, datetime
from importlib import import_module, util
from pathlib import Path
from typing import Any

DATE = datetime(2026, 1, 5, tzinfo=UTC)
LONGEST_SECONDS = 300
UNORDERED = ("LatestOnlyOperator",)
"""Operators that return task ids in the order of a Python set."""


def main() -> None:
    """One file after the other; each has the DAGs folder for itself."""
    logging.disable(logging.CRITICAL)
    folder = Path(_of("airflow.settings").DAGS_FOLDER)
    signal.signal(signal.SIGALRM, _give_up)
    for name in sys.argv[1:]:
        for old in folder.glob("*.py"):
            old.unlink()
        path = folder / Path(name).name
        path.write_text(Path(name).read_text())
        began = time.monotonic()
        said = _run(path)
        print(json.dumps({"file": path.stem, **said, "seconds": round(time.monotonic() - began, 1)}), flush=True)  # noqa: T201 - what it is for


def _run(path: Path) -> dict[str, Any]:
    signal.alarm(LONGEST_SECONDS)
    try:
        dag = _loaded(path)
        dag.validate()
        dag.check_cycle()
        dag.test(logical_date=DATE)
    except Exception as exc:
        return {"refused": f"{type(exc).__name__}: {exc}"}
    finally:
        signal.alarm(0)
    return _outcome(dag)


def _give_up(*_: object) -> None:
    raise SystemExit(f"no end after {LONGEST_SECONDS} s")


def _loaded(path: Path) -> Any:
    spec = util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return vars(module)["dag"]


def _outcome(dag: Any) -> dict[str, Any]:
    select, models = _of("sqlalchemy").select, _of("airflow.models.taskinstance")
    xcoms = _of("airflow.models.xcom").XComModel
    runs = _of("airflow.models.dagrun").DagRun
    with _of("airflow.utils.session").create_session() as session:
        run = session.scalars(select(runs).where(runs.dag_id == dag.dag_id)).one()
        instances = session.scalars(select(models.TaskInstance).where(models.TaskInstance.dag_id == dag.dag_id))
        values = session.scalars(select(xcoms).where(xcoms.dag_id == dag.dag_id, xcoms.key == "return_value"))
        return {
            "state": str(run.state),
            "tasks": dict(sorted((_name(ti), str(ti.state)) for ti in instances)),
            "returned": dict(
                sorted((_name(row), _value(row.value)) for row in values if _is_ordered(dag.task_dict[row.task_id]))
            ),
        }


def _is_ordered(task: Any) -> bool:
    return task.task_type not in UNORDERED


def _value(stored: Any) -> Any:
    while isinstance(stored, str):
        try:
            stored = json.loads(stored)
        except ValueError:
            break
    return stored


def _name(row: Any) -> str:
    return row.task_id if row.map_index < 0 else f"{row.task_id}[{row.map_index}]"


def _of(module: str) -> Any:
    return import_module(module)


if __name__ == "__main__":
    main()
