"""What Airflow's standard provider says and does, kept as facts to compare with.

`python -m tests.oracle.standard` asks Airflow itself and writes `facts.json`: the provider's names with their
parameters, what each of `expressions.txt` gives or raises, and what becomes of the tasks in `DAG_FILES`.
"""

import json
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent
FACTS: Final = FOLDER / "facts.json"
ASKING: Final = FOLDER / "asking.py"
PREAMBLE: Final = FOLDER / "preamble.txt"
EXPRESSIONS: Final = FOLDER / "expressions.txt"
DAG_FILES: Final = {
    "ops": FOLDER / "operators_dag.txt",
    "async_tasks": FOLDER / "async_dag.txt",
    "waiting": FOLDER / "waiting_dag.txt",
}
"""DAG id → its file."""


def facts() -> dict[str, Any]:
    """`versions`, `date`, `names`, `expressions`, and `tasks`: DAG id → `task[map index]` → state, XComs by key."""
    return json.loads(FACTS.read_text(encoding="utf-8"))
